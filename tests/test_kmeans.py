"""The clusters are those of cv2.kmeans, pixel by pixel."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bgremove.engines._kmeans import find_clusters
from bgremove.engines._palette import count
from bgremove.engines._random import seed_generator
from bgremove.engines._seeding import Points
from bgremove.engines._subset import Subset, all_of
from bgremove.types import Image, Mask

pytestmark = pytest.mark.pixels

CRITERIA = (cv2.TERM_CRITERIA_MAX_ITER, 10, 0.0)


def labelled(colours: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Pairs of colour and label, sorted: what is in which cluster, wherever it is in the image."""
    return np.unique(np.column_stack([colours, labels]), axis=0, return_counts=True)


def counted(image: Image, labels: Mask) -> Subset:
    """All colours, and on how many pixels they are."""
    subset = all_of(image, labels)
    count(subset.codes, labels.reshape(-1), (subset.background, subset.foreground))
    return subset


def check_same(image: Image, foreground: np.ndarray, seed: int) -> None:
    labels = foreground.view(np.uint8)
    subset = counted(image, labels)
    counts = subset.background, subset.foreground
    generator = np.empty(1, np.uint64)
    seed_generator(generator, seed)
    cv2.setRNGSeed(seed)
    for model, chosen in enumerate((~foreground, foreground)):
        pixels = image[chosen].astype(np.float32)
        _, wanted, _ = cv2.kmeans(pixels, min(5, len(pixels)), None, CRITERIA, 1, cv2.KMEANS_PP_CENTERS)
        points = Points(subset.pixels, subset.colours, counts[model], subset.codes, subset.labels, model)
        find_clusters(points, generator, subset.work)
        clusters, moved = subset.work.nearest, subset.work.moved
        codes = subset.codes.reshape(labels.shape)[chosen]
        given = clusters[codes]
        for k in np.flatnonzero(moved >= 0):
            given[np.flatnonzero((codes == moved[k]) & (given == clusters[moved[k]]))[-1]] = k
        for a, b in zip(labelled(pixels, given), labelled(pixels, wanted[:, 0]), strict=True):
            assert np.array_equal(a, b)


@given(st.integers(2, 20), st.integers(3, 20), st.sampled_from([2, 3, 6, 256]), st.integers(0, 2**31 - 1))
@settings(max_examples=150, deadline=None)
def test_few_and_many_colours(height: int, width: int, levels: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    image = (rng.integers(0, levels, (height, width, 3)) * (255 // (levels - 1))).astype(np.uint8)
    foreground = rng.random((height, width)) < 0.5
    foreground[0, :2], foreground[1, :2] = True, False  # kmeans takes a lone pixel for three samples
    check_same(image, foreground, seed)


@pytest.mark.parametrize("seed", [0, 7])
def test_sums_too_large_for_float32(seed: int) -> None:
    rng = np.random.default_rng(seed)
    image = np.clip(rng.normal(220, 20, (500, 700, 3)), 0, 255).astype(np.uint8)
    foreground = np.zeros((500, 700), bool)
    foreground[40:450, 30:600] = True
    check_same(image, foreground, seed)


def number_of_colours(pixels: np.ndarray) -> int:
    return len(np.unique(pixels.reshape(-1, 3), axis=0))


def test_palette() -> None:
    rng = np.random.default_rng(3)
    image = rng.integers(0, 40, (50, 60, 3)).astype(np.uint8)
    labels = rng.integers(0, 4, (50, 60)).astype(np.uint8)
    palette = counted(image, labels)
    codes, (candidates, others, _) = palette.codes.reshape(labels.shape), palette.found
    assert np.array_equal(palette.colours.T[codes], image)
    assert (codes[labels > 0] < candidates).all()
    assert candidates == number_of_colours(image[labels > 0])
    assert candidates + others == palette.colours.shape[1] == number_of_colours(image)
    ground, figure = palette.background, palette.foreground
    assert len(figure) == candidates
    for code in (0, 1, candidates - 1):
        assert figure[code] == np.count_nonzero((labels & 1 == 1) & (codes == code))
    for code in (0, candidates, candidates + others - 1):
        assert ground[code] == np.count_nonzero((labels & 1 == 0) & (codes == code))


def test_a_colour_of_very_many_pixels_has_several_numbers_each_counted_in_8_bits() -> None:
    image = np.zeros((50, 30, 3), np.uint8)
    image[:, :7] = 90
    labels = (image[..., 0] > 0).view(np.uint8)
    palette = counted(image, labels)
    codes, candidates = palette.codes.reshape(labels.shape), palette.found[0]
    assert np.array_equal(palette.colours.T[codes], image)
    ground, figure = palette.background, palette.foreground
    assert sorted(figure) == [50 * 7 - 255, 255]
    assert sorted(ground[candidates:]) == [50 * 23 - 4 * 255, 255, 255, 255, 255]
