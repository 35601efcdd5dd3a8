"""Where the object is likely to be, told by a network: its layers, and what it makes of pictures."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.location.pictures import VARIANTS, Photograph, measure_scaling, take_samples
from bgremove.engines._grid import find_exits, make_grid
from bgremove.engines._location import SIDE, log_odds, loosen, to_square
from bgremove.engines._network import (
    INPUTS,
    Layer,
    Network,
    answer,
    compute,
    convolve,
    load,
    make_space,
    mix,
    shapes,
    unpack,
)
from bgremove.engines._overlap import measure_masks, predict_overlap, seen_in
from bgremove.types import Label, Rect
from fixtures import load as load_fixtures
from fixtures.scenes import make_scene

pytestmark = pytest.mark.pixels

SCENE = make_scene(220, 300, seed=1)


def labels_of(rect: Rect, height: int = 220, width: int = 300) -> np.ndarray:
    labels = np.zeros((height, width), np.uint8)
    labels[rect.slices] = Label.PROBABLY_FOREGROUND
    return labels


def neighbours(planes: np.ndarray) -> np.ndarray:
    """(planes, 9, H, W), of planes with zeros around them."""
    height, width = planes.shape[1:]
    padded = np.pad(planes, ((0, 0), (1, 1), (1, 1)))
    return np.stack([padded[:, y : y + height, x : x + width] for y in range(3) for x in range(3)], axis=1)


def plainly(layer: Layer, planes: np.ndarray, *, least: float = 0.0) -> np.ndarray:
    """What a layer should write, in double precision."""
    kinds, seen = ("ukn,knyx->uyx", neighbours(planes)) if layer.weights.ndim == 3 else ("uk,kyx->uyx", planes)
    return np.maximum(np.einsum(kinds, layer.weights.astype(float), seen) + layer.bias[:, None, None], least)


def test_layers_are_sums_over_pixels_and_their_neighbours() -> None:
    generator = np.random.default_rng(0)
    planes = generator.normal(size=(5, 6, 9)).astype(np.float32)
    layer = Layer(*(generator.normal(size=shape).astype(np.float32) for shape in ((3, 5), (3,))))
    found = np.empty((3, 54), np.float32)
    mix(planes.reshape(5, -1), *layer, -0.5, found)
    assert np.allclose(found.reshape(3, 6, 9), plainly(layer, planes, least=-0.5), atol=1e-5)

    around = Layer(*(generator.normal(size=shape).astype(np.float32) for shape in ((3, 5, 9), (3,))))
    found = np.empty((3, 8 * 11), np.float32)
    convolve(np.pad(planes, ((0, 0), (1, 1), (1, 1))).reshape(5, -1), *around, 11, found)
    assert np.allclose(found.reshape(3, 8, 11)[:, 1:-1, 1:-1], plainly(around, planes), atol=1e-5)


def halved(values: np.ndarray) -> np.ndarray:
    units, height, width = values.shape
    return values.reshape(units, height // 2, 2, width // 2, 2).mean(axis=(2, 4))


def doubled(values: np.ndarray) -> np.ndarray:
    return np.kron(values, np.ones((1, 2, 2)))


def doubled_smoothly(values: np.ndarray) -> np.ndarray:
    """By the triangle of linear interpolation, of pixels whose outermost go on."""
    for axis in (1, 2):
        size = values.shape[axis]
        places = np.clip((np.arange(2 * size) + 0.5) / 2 - 0.5, 0, size - 1)
        weights = np.maximum(0, 1 - abs(places[:, None] - np.arange(size)))
        values = np.moveaxis(np.tensordot(weights, values, (1, axis)), 0, axis)
    return values


def answer_plainly(network: Network, planes: np.ndarray, picture: np.ndarray) -> np.ndarray:
    """What the network should answer, layer after layer."""
    shown = (picture / 64 - 2).transpose(2, 0, 1)
    fine = plainly(network.fine, np.concatenate([shown[:, y::2, x::2] for y in (0, 1) for x in (0, 1)]))
    pixel = plainly(network.pixel, np.concatenate([planes, fine]))
    half = plainly(network.half, halved(pixel))
    quarter = plainly(network.quarter_more, plainly(network.quarter, halved(half)))
    eighth = plainly(network.eighth, halved(quarter))
    whole = network.whole.weights @ eighth.mean(axis=(1, 2)) + network.whole.bias
    wide = plainly(network.wider, plainly(Layer(network.wide.weights, network.wide.bias + whole), eighth))
    quarter = plainly(network.quarter_again, np.concatenate([doubled(wide), quarter]))
    half = plainly(network.half_again, np.concatenate([doubled(quarter), half]))
    pixel = plainly(network.pixel_again, np.concatenate([doubled_smoothly(half), pixel]))
    return plainly(network.last, pixel, least=-np.inf)[0]


def test_the_network_is_its_layers_one_after_the_other() -> None:
    generator = np.random.default_rng(1)
    planes = generator.normal(size=(INPUTS, 16, 24)).astype(np.float32)
    picture = generator.integers(0, 256, (32, 48, 3), np.uint8)
    network = load()
    assert np.allclose(answer(network, planes, picture), answer_plainly(network, planes, picture), atol=1e-3)


def test_the_mirror_image_is_what_the_network_sees_second() -> None:
    planes = np.random.default_rng(2).normal(size=(INPUTS, 16, 24)).astype(np.float32)
    picture = np.random.default_rng(3).integers(0, 256, (32, 48, 3), np.uint8)
    space = make_space(16, 24)
    space.seen[:INPUTS] = planes[:, :, ::-1].reshape(INPUTS, -1)
    compute(load(), picture, 1, space, 24)
    mirrored = answer(load(), np.ascontiguousarray(planes[:, :, ::-1]), np.ascontiguousarray(picture[:, ::-1]))
    assert np.array_equal(space.answer.reshape(16, 24), mirrored)


def test_a_file_of_weights_has_as_many_as_the_layers_need() -> None:
    network = load()
    assert [layer.weights.shape for layer in network[2:]] == list(shapes().values())
    number = sum(values.size for values in (network.mean, network.scale, *(v for layer in network[2:] for v in layer)))
    with pytest.raises(ValueError, match="for a network"):
        unpack(np.zeros(number - 1, np.float32))


@pytest.mark.parametrize("drawn", [False, True])
def test_an_object_is_likelier_than_what_surrounds_it(drawn: bool) -> None:
    rect = SCENE.rect if drawn else Rect.from_margin(0.05, 220, 300)
    odds = log_odds(SCENE.image, labels_of(rect), drawn=drawn)
    inside = labels_of(rect) > 0
    assert odds.shape == SCENE.truth.shape
    assert odds[SCENE.truth].mean() > odds[inside & ~SCENE.truth].mean() + 2
    assert np.array_equal(odds, log_odds(SCENE.image, labels_of(rect), drawn=drawn))


def test_boxes_that_were_drawn_are_fuller_than_those_that_a_margin_leaves() -> None:
    fuller = []
    for fixture in load_fixtures():
        image = fixture.read()
        labels = labels_of(fixture.rect, *image.shape[:2])
        drawn, left = (log_odds(image, labels, drawn=each)[fixture.rect.slices].mean() for each in (True, False))
        fuller.append(drawn - left)
    assert np.mean(fuller) > 0.1


@pytest.mark.parametrize("name", ["astronaut", "admiral"])
def test_mirror_images_have_nearly_the_same_odds(name: str) -> None:
    image = next(fixture for fixture in load_fixtures() if fixture.name == name).read()
    height, width = image.shape[:2]
    labels = labels_of(Rect.from_margin(0.05, height, width), height, width)
    odds, mirrored = (
        log_odds(np.ascontiguousarray(image[:, ::step]), np.ascontiguousarray(labels[:, ::step]), drawn=False)[
            :, ::step
        ]
        for step in (1, -1)
    )
    assert np.mean(abs(odds - mirrored)) < 0.05 * odds.std()


def test_a_speck_is_no_good_mask_though_its_colour_is_its_own() -> None:
    image = np.full((100, 100, 3), 90, np.uint8)
    truth = np.zeros((100, 100), np.bool_)
    truth[48:52, 48:52] = True
    image[truth] = (0, 0, 250)
    labels = labels_of(Rect(10, 10, 80, 80), 100, 100)
    (measured,) = measure_masks(image, labels, [truth], np.full((100, 100), -0.5, np.float32))
    assert seen_in(measured)[-1] == 1
    assert predict_overlap(measured) < 0.7


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (40, 700), (64, 64)])
def test_any_size_will_do(size: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    assert np.isfinite(log_odds(image, np.full(size, 3, np.uint8), drawn=False)).all()


def test_open_pixels_stay_though_strokes_of_certain_labels_are_all_around() -> None:
    labels = np.zeros((400, 400), np.uint8)
    labels[::9, ::9] = Label.PROBABLY_FOREGROUND
    seen = to_square(np.zeros((400, 400, 3), np.uint8), labels)
    assert (seen.small.shape, seen.fine.shape) == ((SIDE, SIDE, 3), (2 * SIDE, 2 * SIDE, 3))
    assert (seen.labels > 0).any()
    assert seen.open_share.mean() == pytest.approx((labels > 0).mean(), rel=0.05)


def test_nodes_that_are_loosened_have_no_exit_where_nothing_is_left() -> None:
    grid = make_grid(1, 2)
    grid.residual[8 * 4 + 1], grid.residual[8 * 5] = 1, 2
    find_exits(grid.residual, grid.state)
    loosen(grid)
    find_exits(grid.residual, grid.state)
    assert (grid.residual[8 * 4 + 1], grid.residual[8 * 5]) == (0, 1)
    assert (grid.state[4], grid.state[5]) == (0, 1)


def test_the_network_is_fitted_to_what_it_will_be_given() -> None:
    photographs = [Photograph(SCENE.image, SCENE.truth), Photograph(SCENE.image[:, ::-1].copy(), SCENE.truth[:, ::-1])]
    samples = take_samples(photographs, measure_scaling(photographs))
    assert len(samples.drawn) == 2 * 2 * VARIANTS
    assert samples.planes(1).shape == (INPUTS, SIDE, SIDE)
    assert samples.pictures[1].shape == (2 * SIDE, 2 * SIDE, 3)
    first = np.flatnonzero(samples.plain)
    assert np.array_equal(first, [0, 1, 2 * VARIANTS, 2 * VARIANTS + 1])
    for i in first:
        share = (samples.truth[i] / 255 * (samples.inside(i) > 0.5)).mean() / samples.inside(i).mean()
        whole = SCENE.rect if samples.drawn[i] else Rect.from_margin(0.05, 220, 300)
        assert share == pytest.approx(SCENE.truth.sum() / whole.width / whole.height, rel=0.25)
    varied = samples.cues[:: VARIANTS * 2]
    assert not np.array_equal(varied[0], samples.cues[2])
