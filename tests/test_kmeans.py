"""The clusters are those of cv2.kmeans, pixel by pixel."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bgremove.engines._kmeans import cluster, make_generator
from bgremove.engines._palette import make_palette, tally
from bgremove.types import Image

CRITERIA = (cv2.TERM_CRITERIA_MAX_ITER, 10, 0.0)


def labelled(colours: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Pairs of colour and label, sorted: what is in which cluster, wherever it is in the image."""
    return np.unique(np.column_stack([colours, labels]), axis=0, return_counts=True)


def check_same(image: Image, foreground: np.ndarray, seed: int) -> None:
    palette = make_palette(image)
    sides = foreground.view(np.uint8)
    counts = tally(palette, sides)
    generator = make_generator(seed)
    cv2.setRNGSeed(seed)
    for side, chosen in enumerate((~foreground, foreground)):
        pixels = image[chosen].astype(np.float32)
        _, wanted, _ = cv2.kmeans(pixels, min(5, len(pixels)), None, CRITERIA, 1, cv2.KMEANS_PP_CENTERS)
        labels = np.zeros(palette.colours.shape[1], np.uint8)
        moved = cluster(
            palette.colours, counts[side], palette.codes.reshape(-1), sides.reshape(-1), side, generator, labels
        )
        codes = palette.codes[chosen]
        given = labels[codes]
        for k in np.flatnonzero(moved >= 0):
            given[np.flatnonzero((codes == moved[k]) & (given == labels[moved[k]]))[-1]] = k
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


def test_palette() -> None:
    image = np.random.default_rng(3).integers(0, 40, (50, 60, 3)).astype(np.uint8)
    palette = make_palette(image)
    assert np.array_equal(palette.colours.T[palette.codes], image)
    assert palette.colours.shape[1] == len(np.unique(image.reshape(-1, 3), axis=0))
    foreground = image[..., 0] > 20
    counts = tally(palette, foreground.view(np.uint8))
    for code in (0, 1, palette.colours.shape[1] - 1):
        assert counts[1, code] == np.count_nonzero(foreground & (palette.codes == code))
        assert counts[:, code].sum() == np.count_nonzero(palette.codes == code)


def test_a_colour_of_very_many_pixels_has_several_numbers_each_counted_in_16_bits() -> None:
    image = np.zeros((500, 300, 3), np.uint8)
    image[:, :7] = 90
    palette = make_palette(image)
    assert np.array_equal(palette.colours.T[palette.codes], image)
    counts = tally(palette, (image[..., 0] > 0).view(np.uint8))
    assert sorted(counts.sum(axis=0, dtype=int)) == [500 * 7, 500 * 293 - 2 * 65_535, 65_535, 65_535]
