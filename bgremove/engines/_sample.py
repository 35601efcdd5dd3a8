"""Colour models of foreground and background, learned from a sample of the pixels."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from bgremove.engines import _gmm
from bgremove.engines._gmm import COMPONENTS, MOMENTS, Mixtures
from bgremove.engines._palette import Counts, Palette, make_palette, tally
from bgremove.types import Foreground, Image

_PIXELS = 20_000  # enough: with all pixels the error was no smaller
_FEWEST = 500  # pixels of the rarer side, or else the sample is made denser


class Sample(NamedTuple):
    """Pixels of an image, at even distances."""

    palette: Palette
    foreground: Foreground
    """(H, W): the side of each pixel of the sample."""
    counts: Counts


def draw(image: Image, foreground: Foreground) -> Sample:
    """Every n-th pixel of every n-th row: about 20,000, or more when one side is rare. No side may be empty."""
    step = max(1, round((foreground.size / _PIXELS) ** 0.5))
    while True:
        every = slice(step // 2, None, step)
        sides = np.ascontiguousarray(foreground[every, every])
        count = np.count_nonzero(sides)
        if step == 1 or min(count, sides.size - count) >= _FEWEST:
            break
        step //= 2
    palette = make_palette(np.ascontiguousarray(image[every, every]), sides.view(np.uint8))
    return Sample(palette, sides, tally(palette, sides.view(np.uint8)))


def start(sample: Sample, seed: int) -> Mixtures:
    """Mixtures after splitting the colours of each side into five. Raises `ValueError` if one has no density."""
    return _gmm.learn(_gmm.start(sample.palette, sample.counts, sample.foreground.view(np.uint8), seed))


def improve(sample: Sample, mixtures: Mixtures) -> Mixtures:
    """Mixtures learned after every colour has moved to the component that makes it likeliest, in each side.

    Raises `ValueError` like `start`.
    """
    moments = np.zeros((2, COMPONENTS, MOMENTS), np.int64)
    _gmm.assign(sample.palette.colours, sample.counts, mixtures, moments)
    return _gmm.learn(moments)
