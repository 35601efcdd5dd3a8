from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bgremove import Label, Rect
from bgremove.engines import _band, _pyramid, make_engine, multiscale
from bgremove.engines._boundary import find_band
from bgremove.engines._whole import Solution
from bgremove.types import Foreground, Image, Mask
from fixtures import load
from fixtures.scenes import Scene, make_scene
from tests.threads import opencv_threads

pytestmark = pytest.mark.pixels

SETTINGS = {"iterations": 5, "seed": 0}
ENGINE = multiscale.MultiscaleEngine()


def labels_around(height: int, width: int, rect: Rect) -> Mask:
    labels = np.full((height, width), Label.BACKGROUND, np.uint8)
    labels[rect.slices] = Label.PROBABLY_FOREGROUND
    return labels


def labels_of(scene: Scene) -> Mask:
    return labels_around(*scene.truth.shape, scene.rect)


def error(mask: Mask, truth: Foreground, rect: Rect) -> float:
    return float(np.mean((mask[rect.slices] & 1) != truth[rect.slices]))


@pytest.fixture(scope="module")
def scene() -> Scene:
    return make_scene(866, 1154, seed=0)


def test_a_small_image_is_solved_at_its_own_size(monkeypatch: pytest.MonkeyPatch) -> None:
    scene, sizes = make_scene(200, 260, seed=3), []
    solve = multiscale._solve
    monkeypatch.setattr(
        multiscale, "_solve", lambda level, **how: sizes.append(level.labels.shape) or solve(level, **how)
    )
    assert error(ENGINE.segment(scene.image, labels_of(scene), **SETTINGS), scene.truth, scene.rect) < 0.01
    assert sizes == [scene.truth.shape]


@pytest.mark.parametrize("hole", [False, True])
@pytest.mark.parametrize("size", [(866, 1154), (1500, 2000), (700, 300)])
def test_scenes_come_out_right(size: tuple[int, int], hole: bool) -> None:
    scene = make_scene(*size, seed=5, hole=hole)
    assert error(ENGINE.segment(scene.image, labels_of(scene), **SETTINGS), scene.truth, scene.rect) < 0.01


def test_mean_error_on_the_fixtures_is_below_that_of_grabcut_and_none_is_much_worse() -> None:
    errors = {"exact": [], "multiscale": []}
    for fixture in load():
        image, truth = fixture.read(), fixture.truth()
        for name, found in errors.items():
            mask = make_engine(name).segment(image, labels_around(*truth.shape, fixture.rect), **SETTINGS)
            found.append(error(mask, truth, fixture.rect))
    assert np.mean(errors["multiscale"]) <= np.mean(errors["exact"])
    assert np.max(np.subtract(errors["multiscale"], errors["exact"])) <= 0.05


def test_most_objects_are_found_without_a_rect() -> None:
    overlaps = []
    for fixture in load():
        image, truth = fixture.read(), fixture.truth()
        labels = labels_around(*truth.shape, Rect.from_margin(0.05, *truth.shape))
        found = (ENGINE.segment(image, labels, **SETTINGS, drawn=False) & 1).astype(bool)
        overlaps.append(np.sum(found & truth) / np.sum(found | truth))
    assert np.mean(overlaps) >= 0.77


def boxes() -> tuple[Image, Foreground]:
    """Two boxes of sharp edges on a plain background, with some noise, and where they are."""
    image = np.full((900, 1200, 3), 60, np.uint8)
    image[200:700, 150:500] = (40, 60, 200)
    image[300:600, 800:1000] = (200, 180, 40)
    truth = (image != 60).any(axis=-1)
    noise = np.random.default_rng(1).normal(0, 4, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8), truth


def test_the_band_brings_back_what_the_reduced_image_blurs(monkeypatch: pytest.MonkeyPatch) -> None:
    image, truth = boxes()
    rect = Rect(61, 63, 1080, 780)
    fine = error(ENGINE.segment(image, labels_around(900, 1200, rect), **SETTINGS), truth, rect)
    assert fine < 1e-4
    monkeypatch.setattr(_band, "cut_band", lambda *_: None)
    assert error(ENGINE.segment(image, labels_around(900, 1200, rect), **SETTINGS), truth, rect) > 10 * fine


def test_thin_hints_stay_and_open_pixels_become_probable(scene: Scene) -> None:
    labels = labels_of(scene)
    x, y, width, height = scene.rect
    labels[y + height // 2, x : x + width] = Label.FOREGROUND
    labels[y : y + height, x + width // 2] = Label.BACKGROUND
    before = labels.copy()
    mask = ENGINE.segment(scene.image, labels, **SETTINGS)
    np.testing.assert_array_equal(labels, before)
    certain = labels < Label.PROBABLY_BACKGROUND
    np.testing.assert_array_equal(mask[certain], labels[certain])
    assert set(np.unique(mask[~certain])) == {Label.PROBABLY_BACKGROUND, Label.PROBABLY_FOREGROUND}


@pytest.mark.parametrize("hint", [Label.FOREGROUND, Label.BACKGROUND])
def test_a_thin_stroke_has_the_effect_that_it_has_in_the_exact_engine(hint: Label) -> None:
    image, truth = boxes()
    labels = labels_around(900, 1200, Rect(60, 60, 1080, 780))
    labels[:, 700:702] = Label.BACKGROUND
    across = slice(650, 790) if hint == Label.FOREGROUND else slice(820, 980)
    labels[450:453, across] = hint
    mask = ENGINE.segment(image, labels, **SETTINGS)
    exact = make_engine("exact").segment(image, labels, **SETTINGS)
    assert np.count_nonzero((exact & 1) != truth) > 200
    assert np.count_nonzero(mask != exact) < 0.2 * np.count_nonzero((exact & 1) != truth)


def test_the_same_seed_gives_the_same_mask(scene: Scene) -> None:
    masks = [ENGINE.segment(scene.image, labels_of(scene), iterations=5, seed=7) for _ in range(2)]
    np.testing.assert_array_equal(*masks)


@pytest.mark.parametrize("shape", [(1500, 2000), (2001, 1103)])
def test_threads_change_no_byte(shape: tuple[int, int]) -> None:
    scene = make_scene(*shape, seed=6)
    labels = labels_of(scene)
    labels[shape[0] // 2, 100:-100:7] = Label.FOREGROUND
    masks = []
    for threads in (1, 2, 3):
        with opencv_threads(threads):
            masks.append(ENGINE.segment(scene.image, labels, **SETTINGS).tobytes())
    assert masks[0] == masks[1] == masks[2]


def test_arrays_that_are_read_only_or_parts_of_others_will_do(scene: Scene) -> None:
    expected = ENGINE.segment(scene.image, labels_of(scene), **SETTINGS)
    wide = np.repeat(scene.image, 2, axis=1)[:, ::2]
    labels = labels_of(scene)
    for array in (wide, labels):
        array.setflags(write=False)
    np.testing.assert_array_equal(ENGINE.segment(wide, labels, **SETTINGS), expected)


def test_nothing_open_or_one_open_pixel_in_a_large_image() -> None:
    scene = make_scene(1000, 1200, seed=2)
    labels = np.where(scene.truth, Label.FOREGROUND, Label.BACKGROUND).astype(np.uint8)
    np.testing.assert_array_equal(ENGINE.segment(scene.image, labels, **SETTINGS), labels)
    labels[500, 600] = Label.PROBABLY_FOREGROUND
    mask = ENGINE.segment(scene.image, labels, **SETTINGS)
    assert mask[500, 600] >= Label.PROBABLY_BACKGROUND
    labels[500, 600] = mask[500, 600]
    np.testing.assert_array_equal(mask, labels)


@pytest.mark.parametrize("drawn", [False, True])
@pytest.mark.parametrize("turned", [False, True])
def test_open_pixels_that_the_smallest_image_would_not_show(drawn: bool, turned: bool) -> None:
    """Of three rows the one in the middle, so wide that the image is halved until one row is left."""
    image = np.random.default_rng(0).integers(0, 256, (3, 70_000, 3), np.uint8)
    rect = Rect(3500, 1, 63_000, 1)
    if turned:
        image, rect = np.ascontiguousarray(image.transpose(1, 0, 2)), Rect(1, 3500, 1, 63_000)
    labels = labels_around(*image.shape[:2], rect)
    mask = ENGINE.segment(image, labels, **SETTINGS, drawn=drawn)
    assert (mask[labels == Label.BACKGROUND] == Label.BACKGROUND).all()
    assert (mask[rect.slices] >= Label.PROBABLY_BACKGROUND).all()


def test_a_flat_image_gets_a_mask() -> None:
    mask = ENGINE.segment(
        np.full((500, 500, 3), 90, np.uint8), labels_around(500, 500, Rect(20, 20, 460, 460)), **SETTINGS
    )
    assert (mask[:20] == Label.BACKGROUND).all()
    assert (mask[20:480, 20:480] >= Label.PROBABLY_BACKGROUND).all()


@pytest.mark.parametrize("value", [False, True])
def test_a_collapse_is_caught_at_the_next_larger_size(
    scene: Scene, value: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    solve, sizes = multiscale._solve, []

    def collapse_once(level: _pyramid.Level, **how: int) -> tuple[Solution, float]:
        solution, overlap = solve(level, **how)
        sizes.append(level.labels.size)
        return solution._replace(share=float(value) if len(sizes) == 1 else solution.share), overlap

    monkeypatch.setattr(multiscale, "_solve", collapse_once)
    mask = ENGINE.segment(scene.image, labels_of(scene), **SETTINGS)
    assert len(sizes) == 2
    assert sizes[1] > 2 * sizes[0]
    assert error(mask, scene.truth, scene.rect) < 0.01


def test_lasting_collapse_ends_after_three_sizes(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    large = make_scene(2400, 3200, seed=0)
    sizes = []

    def collapse(level: _pyramid.Level, **_: int) -> tuple[Solution, float]:
        sizes.append(level.labels.size)
        return Solution(np.zeros(level.labels.shape, np.bool_), np.zeros((2, 5, 12)), 0.0), 0.0

    monkeypatch.setattr(multiscale, "_solve", collapse)
    assert not (ENGINE.segment(large.image, labels_of(large), **SETTINGS) & 1).any()
    assert len(sizes) == 3


@pytest.mark.parametrize("size", [(866, 1154), (1700, 2200)])
def test_memory_is_within_the_stated_bound_even_after_two_collapses(
    size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    solve, sizes = multiscale._solve, []

    def collapse_twice(level: _pyramid.Level, **how: int) -> tuple[Solution, float]:
        solution, overlap = solve(level, **how)
        sizes.append(level.labels.size)
        return solution._replace(share=solution.share if len(sizes) > 2 else 0.0), overlap

    monkeypatch.setattr(multiscale, "_solve", collapse_twice)
    scene = make_scene(*size, seed=1)
    tracemalloc.start()
    with opencv_threads(1):
        ENGINE.segment(scene.image, labels_of(scene), iterations=1, seed=0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(sizes) == 3
    assert sizes[-1] <= multiscale._LARGEST
    assert peak <= ENGINE.peak_bytes(scene.truth.size)


def test_memory_of_a_large_photo_is_at_most_40_bytes_a_pixel() -> None:
    for pixels in (4, 12, 24):
        assert ENGINE.peak_bytes(pixels * 10**6) <= 40 * pixels * 10**6


def test_work_grows_with_the_boundary_and_memory_stays_small(monkeypatch: pytest.MonkeyPatch) -> None:
    minimise, cut_band, work = multiscale.minimise, _band.cut_band, {}

    def count(whole, *problem, **how):  # type: ignore[no-untyped-def]
        work[size] += np.count_nonzero(whole.labels >= Label.PROBABLY_BACKGROUND)
        return minimise(whole, *problem, **how)

    def count_band(image, foreground, band, *energy):  # type: ignore[no-untyped-def]
        work[size] += np.count_nonzero(band)
        cut_band(image, foreground, band, *energy)

    monkeypatch.setattr(multiscale, "minimise", count)
    monkeypatch.setattr(_band, "cut_band", count_band)
    for size in ((750, 1000), (1500, 2000), (3000, 4000)):
        scene, work[size] = make_scene(*size, seed=4), 0
        labels = labels_of(scene)
        tracemalloc.start()
        with opencv_threads(1):
            ENGINE.segment(scene.image, labels, **SETTINGS)
        assert tracemalloc.get_traced_memory()[1] < 12 * labels.size
        tracemalloc.stop()
    assert work[3000, 4000] < 3 * work[750, 1000] < 0.2 * 3000 * 4000


def test_the_band_is_open_and_near_the_boundary() -> None:
    foreground = np.zeros((20, 30), np.bool_)
    foreground[:, 15:] = True
    labels = np.full((20, 30), Label.PROBABLY_FOREGROUND, np.uint8)
    labels[5] = Label.FOREGROUND
    band = find_band(foreground, labels, 3)
    expected = np.zeros((20, 30), np.uint8)
    expected[:, 12:18] = 1
    expected[5] = 0
    np.testing.assert_array_equal(band, expected)


@settings(max_examples=60)
@given(st.integers(0, 2**32 - 1), st.integers(2, 40), st.integers(2, 40), st.floats(1.01, 2.5))
def test_reduced_labels_keep_every_lone_hint(seed: int, height: int, width: int, ratio: float) -> None:
    rng = np.random.default_rng(seed)
    labels = np.full((height, width), Label.PROBABLY_FOREGROUND, np.uint8)
    y, x = rng.integers(height), rng.integers(width)
    labels[y, x] = rng.integers(2)
    smaller = _pyramid.reduce(labels, max(1, round(height / ratio)), max(1, round(width / ratio)))
    down, across = smaller.shape[0] / height, smaller.shape[1] / width
    assert smaller[int((y + 0.5) * down), int((x + 0.5) * across)] == labels[y, x]


def test_reduced_labels_do_not_grow_a_large_area_of_background() -> None:
    labels = labels_around(90, 90, Rect(10, 10, 71, 71))
    smaller = _pyramid.reduce(labels, 30, 30)
    assert (smaller == Label.BACKGROUND).sum() == 30 * 30 - (24 * 24 - 1)  # a corner cell holds more


def test_enlarged_foreground_gives_way_to_certain_labels() -> None:
    foreground = np.zeros((4, 4), np.bool_)
    foreground[:, :2] = True
    labels = np.full((8, 8), Label.PROBABLY_FOREGROUND, np.uint8)
    labels[0], labels[7] = Label.FOREGROUND, Label.BACKGROUND
    expected = np.zeros((8, 8), np.bool_)
    expected[:, :4] = True
    expected[0], expected[7] = True, False
    larger, count = _pyramid.enlarge(foreground, labels)
    np.testing.assert_array_equal(larger, expected)
    assert count == expected.sum()


@pytest.mark.parametrize(("contrast", "least", "most"), [(1.0, 0.85, 1.0), (0.0, 0.0, 0.7)])
def test_the_overlap_that_comes_with_the_mask_tells_good_from_bad(contrast: float, least: float, most: float) -> None:
    scene = make_scene(300, 400, seed=1, contrast=contrast)
    judged = ENGINE.judge(scene.image, labels_of(scene), **SETTINGS)
    assert judged.overlap is not None
    assert least <= judged.overlap <= most
    np.testing.assert_array_equal(judged.mask, ENGINE.segment(scene.image, labels_of(scene), **SETTINGS))
