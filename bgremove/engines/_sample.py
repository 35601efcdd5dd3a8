"""Colour models of foreground and background, learned from a sample of the pixels."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

from bgremove.engines import _gmm
from bgremove.engines._gmm import COMPONENTS, MOMENTS, Mixtures
from bgremove.types import Foreground, Image

_PIXELS = 20_000  # enough that a larger sample gives no smaller error
_FEWEST = 500  # pixels of the rarer side, or else the sample is made denser


class Sample(NamedTuple):
    """Pixels of an image, at even distances."""

    colours: NDArray[np.uint8]
    """(N, 3)."""
    sides: NDArray[np.uint8]
    """(N,): 1 if the pixel is foreground."""


def draw(image: Image, foreground: Foreground) -> Sample:
    """Every n-th pixel of every n-th row: about 20,000, or more when one side is rare. No side may be empty."""
    step = max(1, round((foreground.size / _PIXELS) ** 0.5))
    while True:
        sides = foreground[step // 2 :: step, step // 2 :: step]
        count = np.count_nonzero(sides)
        if step == 1 or min(count, sides.size - count) >= _FEWEST:
            colours = image[step // 2 :: step, step // 2 :: step]
            return Sample(np.ascontiguousarray(colours).reshape(-1, 3), sides.astype(np.uint8).reshape(-1))
        step //= 2


def start(sample: Sample, seed: int) -> Mixtures:
    """Mixtures after splitting the colours of each side into five by k-means++ (seeds OpenCV's generator).

    Raises `ValueError` if the colours of a component have no density.
    """
    cv2.setRNGSeed(seed)
    criteria = (cv2.TERM_CRITERIA_MAX_ITER, 10, 0.0)
    components = np.empty(len(sample.sides), np.int32)
    for side in range(2):
        chosen = sample.sides == side
        colours = sample.colours[chosen].astype(np.float32)
        clusters = min(COMPONENTS, len(colours))
        unset = np.empty(0, np.int32)
        components[chosen] = cv2.kmeans(colours, clusters, unset, criteria, 1, cv2.KMEANS_PP_CENTERS)[1][:, 0]
    return _learn(sample, components)


def improve(sample: Sample, mixtures: Mixtures) -> Mixtures:
    """Mixtures learned after every pixel has moved to the component of its side that makes it likeliest.

    Raises `ValueError` like `start`.
    """
    components = np.empty(len(sample.sides), np.int32)
    _assign(sample, mixtures, components)
    return _learn(sample, components)


def _learn(sample: Sample, components: NDArray[np.int32]) -> Mixtures:
    moments = np.zeros((2, COMPONENTS, MOMENTS), np.int64)
    _gather(sample, components, moments)
    return _gmm.learn(moments)


@njit(nogil=True, cache=True)
def _assign(sample: Sample, mixtures: Mixtures, components: NDArray[np.int32]) -> None:
    for i in range(len(components)):
        components[i] = _gmm._likeliest(mixtures[sample.sides[i]], sample.colours[i])


@njit(nogil=True, cache=True)
def _gather(sample: Sample, components: NDArray[np.int32], moments: NDArray[np.int64]) -> None:
    """Count the colours of each component, and sum them and their products, in the order that `_gmm` asks for."""
    for i in range(len(components)):
        moment = moments[sample.sides[i], components[i]]
        moment[0] += 1
        place = 4
        for channel in range(3):
            value = np.int64(sample.colours[i, channel])
            moment[1 + channel] += value
            for other in range(channel, 3):
                moment[place] += value * sample.colours[i, other]
                place += 1
