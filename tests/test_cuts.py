"""An image solved whole, and by windows: each cut costs least, whatever was cut before."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from bgremove import Label
from bgremove.engines import _band, _whole
from bgremove.engines._barriers import Field
from bgremove.engines._boundary import find_band
from bgremove.engines._boxes import open_box
from bgremove.engines._energy import GMMs, measure_beta
from bgremove.engines._maxflow import solve
from bgremove.engines._subset import initialise_gmms, make_subset
from bgremove.engines._whole import Graph, Whole, make_graph, minimise
from bgremove.types import Foreground, Image, Mask
from fixtures.scenes import Scene, make_scene

pytestmark = pytest.mark.pixels

NONE = np.empty((0, 0), np.float32)


def labels_of(scene: Scene) -> Mask:
    labels = np.full(scene.truth.shape, Label.BACKGROUND, np.uint8)
    labels[scene.rect.slices] = Label.PROBABLY_FOREGROUND
    return labels


def whole_of(image: Image, labels: Mask) -> Whole:
    return Whole(image, labels, open_box(labels), measure_beta(image))


def cut(whole: Whole, graph: Graph, foreground: Mask, gmms: GMMs) -> Foreground:
    _whole.replace_terminal_weights(graph, whole.image, whole.labels, whole.box, gmms)
    solve(graph.grid)
    _whole.decide(graph.grid, whole.labels, whole.box, foreground, graph.tally)
    return foreground.view(np.bool_).copy()


def cut_once(whole: Whole, gmms: GMMs, odds: Field = NONE) -> Foreground:
    graph, foreground = make_graph(whole.box), np.empty(whole.labels.shape, np.uint8)
    _whole.begin(*whole, odds, 0.0, graph, foreground)
    return cut(whole, graph, foreground, gmms)


@pytest.fixture(scope="module")
def scene() -> Scene:
    return make_scene(866, 1154, seed=0)


@pytest.fixture(scope="module")
def odds(scene: Scene) -> Field:
    return cv2.blur(scene.truth.astype(np.float32), (31, 31)) * 4 - 2  # type: ignore[return-value]


def test_windows_together_cut_as_one(scene: Scene) -> None:
    coarse = cv2.blur(scene.truth * np.uint8(255), (9, 9)) > 140
    band = find_band(coarse, labels_of(scene), 5)
    gmms = initialise_gmms(scene.image, coarse, seed=0)
    pieces, whole = coarse.copy(), whole_of(scene.image, coarse + 2 * band)
    cut_whole = cut_once(whole, gmms)
    _band.cut_band(scene.image, pieces, band, gmms, whole.beta)
    assert np.count_nonzero(cut_whole != coarse) > 500
    np.testing.assert_array_equal(pieces[band == 0], coarse[band == 0])
    assert np.count_nonzero(cut_whole != pieces) <= 0.001 * np.count_nonzero(band)


def test_windows_that_are_all_band_cut_as_one() -> None:
    scene = make_scene(150, 200)
    gmms, beta = initialise_gmms(scene.image, scene.truth, seed=0), measure_beta(scene.image)
    band, pieces = np.ones(scene.truth.shape, np.uint8), scene.truth.copy()
    _band.cut_band(scene.image, pieces, band, gmms, beta)
    whole = cut_once(whole_of(scene.image, scene.truth + 2 * band), gmms)
    assert np.count_nonzero(whole != scene.truth) > 20
    np.testing.assert_array_equal(pieces, whole)


@pytest.mark.parametrize("with_prior", [False, True])
def test_a_cut_after_another_is_the_one_from_the_start(scene: Scene, odds: Field, with_prior: bool) -> None:
    whole, prior = whole_of(scene.image, labels_of(scene)), odds if with_prior else NONE
    first, second = (initialise_gmms(scene.image, each, seed=0) for each in (whole.labels > 0, scene.truth))
    graph, foreground = make_graph(whole.box), np.empty(whole.labels.shape, np.uint8)
    _whole.begin(*whole, prior, 0.0, graph, foreground)
    cuts = [cut(whole, graph, foreground, gmms) for gmms in (first, second, first)]
    afresh = [cut_once(whole, gmms, prior) for gmms in (first, second)]
    assert np.count_nonzero(cuts[0] != cuts[1]) > 100
    np.testing.assert_array_equal(cuts, [*afresh, afresh[0]])


def test_a_graph_is_used_again_without_and_with_a_prior(scene: Scene, odds: Field) -> None:
    whole = whole_of(scene.image, labels_of(scene))
    used, problems = make_graph(whole.box), ((None, 0.0), (odds, 0.0), (odds, 1.0))
    again = [minimise(whole, used, *problem, iterations=2, seed=0) for problem in problems]
    afresh = [minimise(whole, make_graph(whole.box), *problem, iterations=2, seed=0) for problem in problems]
    for one, other in zip(again, afresh, strict=True):
        np.testing.assert_array_equal(one.foreground, other.foreground)
        assert one.share == other.share == one.foreground[whole.labels > 1].mean()


def test_there_is_more_room_when_it_is_wanted(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = whole_of(scene.image, labels_of(scene))
    wanted = minimise(whole, make_graph(whole.box), None, 0.0, iterations=3, seed=0)
    monkeypatch.setattr(_whole, "_SHELL", 8)
    monkeypatch.setattr(_whole, "subset_of", lambda *_: make_subset(10))
    given = minimise(whole, make_graph(whole.box), None, 0.0, iterations=3, seed=0)
    np.testing.assert_array_equal(given.foreground, wanted.foreground)
    np.testing.assert_array_equal(given.gmms, wanted.gmms)
