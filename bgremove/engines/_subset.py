"""Colour models learned from some of the pixels only."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from bgremove.engines import _gmm
from bgremove.engines._compile import kernel
from bgremove.engines._energy import GMMs
from bgremove.engines._palette import Counts, Palette, count_pixels, make_palette
from bgremove.types import Foreground, Image, Mask

_PIXELS = 20_000  # enough: with all pixels the error was no smaller
_FEWEST = 500  # pixels of the rarer label, or else the subset is made denser


class Subset(NamedTuple):
    """Pixels of an image, at even distances."""

    palette: Palette
    labels: Mask
    """(H, W): 1 in the foreground, else 0."""
    counts: Counts


def take_subset(image: Image, foreground: Foreground) -> Subset:
    """Every n-th pixel of every n-th row: about 20,000, or more when one label is rare. Neither may be missing."""
    step = max(1, round((foreground.size / _PIXELS) ** 0.5))
    while True:
        rows = slice(step // 2, None, step)
        sides, colours = (np.ascontiguousarray(each[rows]) for each in (foreground.view(np.uint8), image))
        labels = np.empty((len(sides), len(range(*rows.indices(sides.shape[1])))), np.uint8)
        pixels = np.empty((*labels.shape, 3), np.uint8)
        count = _take_columns(sides, colours, step, labels, pixels)
        if step == 1 or min(count, labels.size - count) >= _FEWEST:
            break
        step //= 2
    palette = make_palette(pixels, labels)
    return Subset(palette, labels, count_pixels(palette, labels))


@kernel
def _take_columns(sides: Mask, colours: Image, step: int, labels: Mask, pixels: Image) -> int:
    """Write every n-th column; returns the number of foreground pixels in them."""
    count = 0
    for y in range(labels.shape[0]):
        for x in range(labels.shape[1]):
            column = step // 2 + x * step
            labels[y, x] = sides[y, column]
            count += sides[y, column]
            for channel in range(3):
                pixels[y, x, channel] = colours[y, column, channel]
    return count


def initialise_gmms(subset: Subset, seed: int) -> GMMs:
    """Models after splitting the colours of each into five. Raises `ValueError` if a component has no density."""
    return _gmm.learn(_gmm.initialise(subset.palette, subset.counts, subset.labels, seed))


def learn_gmms(subset: Subset, gmms: GMMs) -> GMMs:
    """Models learned after every colour has been assigned to the component that makes it likeliest.

    Raises `ValueError` like `initialise_gmms`.
    """
    return _gmm.learn(_gmm.assign_components(subset.palette.colours, subset.counts, gmms))
