"""Mixtures of five Gaussians in colour space, as GrabCut learns and evaluates them.

A pair of mixtures, background (0) and foreground (1), is a float64 array ``(2, 5, PARAMETERS)``; see `learn`.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

COMPONENTS = 5
PARAMETERS = 11
"""Of a component: its weight, the logarithm of its peak density, its mean (3) and its precision matrix (6)."""
MOMENTS = 10
"""Of the colours in a component: their number, sums (3) and sums of products (6), in whole numbers."""

Mixtures = NDArray[np.float64]

_SINGULAR, _NOISE = 1e-6, 0.01  # below this determinant, this much white noise is added
_UNDERFLOW = -745.13  # the least exponent whose exponential is a double above 0


def start(image: NDArray[np.uint8], foreground: NDArray[np.bool_], seed: int) -> NDArray[np.int64]:
    """Moments ``(2, 5, MOMENTS)`` of the colours of each side, split into five by k-means++ (seeds OpenCV's generator)."""
    moments = np.zeros((2, COMPONENTS, MOMENTS), np.int64)
    criteria = (cv2.TERM_CRITERIA_MAX_ITER, 10, 0.0)
    cv2.setRNGSeed(seed)
    for side, chosen in enumerate((~foreground, foreground)):
        colours = image[chosen]
        clusters = min(COMPONENTS, len(colours))
        _, labels, _ = cv2.kmeans(colours.astype(np.float32), clusters, None, criteria, 1, cv2.KMEANS_PP_CENTERS)
        _gather(colours, labels[:, 0], moments[side])
    return moments


def learn(moments: NDArray[np.int64]) -> Mixtures:
    """Mixtures with these moments; a component without colours has weight 0.

    Raises `ValueError` if the colours of a component vary so oddly that it has no density.
    """
    mixtures = np.zeros((2, COMPONENTS, PARAMETERS))
    if not _learn(moments, mixtures):
        raise ValueError("a colour component is singular")
    return mixtures


@njit(nogil=True, cache=True)
def _gather(colours: NDArray[np.uint8], labels: NDArray[np.int32], moments: NDArray[np.int64]) -> None:
    for i in range(len(labels)):
        _add(moments[labels[i]], colours[i])


@njit(nogil=True, cache=True)
def _add(moment: NDArray[np.int64], colour: NDArray[np.uint8]) -> None:
    a, b, c = np.int64(colour[0]), np.int64(colour[1]), np.int64(colour[2])
    moment[0] += 1
    moment[1] += a
    moment[2] += b
    moment[3] += c
    moment[4] += a * a
    moment[5] += a * b
    moment[6] += a * c
    moment[7] += b * b
    moment[8] += b * c
    moment[9] += c * c


@njit(nogil=True, cache=True)
def _learn(moments: NDArray[np.int64], mixtures: Mixtures) -> bool:
    for side in range(2):
        total = moments[side, :, 0].sum()
        for k in range(COMPONENTS):
            moment, component = moments[side, k], mixtures[side, k]
            if moment[0] == 0:
                continue
            share = 1.0 / moment[0]
            a, b, c = moment[1] * share, moment[2] * share, moment[3] * share
            aa, ab, ac = moment[4] * share - a * a, moment[5] * share - a * b, moment[6] * share - a * c
            bb, bc, cc = moment[7] * share - b * b, moment[8] * share - b * c, moment[9] * share - c * c
            determinant = aa * (bb * cc - bc * bc) - ab * (ab * cc - bc * ac) + ac * (ab * bc - bb * ac)
            if determinant <= _SINGULAR:
                aa, bb, cc = aa + _NOISE, bb + _NOISE, cc + _NOISE
                determinant = aa * (bb * cc - bc * bc) - ab * (ab * cc - bc * ac) + ac * (ab * bc - bb * ac)
            if not determinant > np.finfo(np.float64).eps:
                return False
            component[0] = moment[0] / total
            component[1] = -0.5 * math.log(determinant)
            component[2], component[3], component[4] = a, b, c
            component[5] = (bb * cc - bc * bc) / determinant
            component[6] = (ac * bc - ab * cc) / determinant
            component[7] = (ab * bc - ac * bb) / determinant
            component[8] = (aa * cc - ac * ac) / determinant
            component[9] = (ab * ac - aa * bc) / determinant
            component[10] = (aa * bb - ab * ab) / determinant
    return True


@njit(nogil=True, cache=True)
def _exponent(component: NDArray[np.float64], colour: NDArray[np.uint8]) -> float:
    a, b, c = colour[0] - component[2], colour[1] - component[3], colour[2] - component[4]
    p = component
    return -0.5 * (a * (p[5] * a + 2 * (p[6] * b + p[7] * c)) + b * (p[8] * b + 2 * p[9] * c) + p[10] * c * c)


@njit(nogil=True, cache=True)
def _likeliest(mixture: NDArray[np.float64], colour: NDArray[np.uint8]) -> int:
    """The component of greatest density at `colour`, its weight left out; the first if all densities underflow."""
    best, chosen = -np.inf, 0
    for k in range(COMPONENTS):
        if mixture[k, 0] > 0:
            exponent = _exponent(mixture[k], colour)
            if exponent > _UNDERFLOW and mixture[k, 1] + exponent > best:
                best, chosen = mixture[k, 1] + exponent, k
    return chosen


@njit(nogil=True, cache=True)
def _minus_log(mixture: NDArray[np.float64], colour: NDArray[np.uint8]) -> float:
    density = 0.0
    for k in range(COMPONENTS):
        if mixture[k, 0] > 0:
            density += mixture[k, 0] * math.exp(mixture[k, 1]) * math.exp(_exponent(mixture[k], colour))
    return -math.log(density) if density > 0 else np.inf


@njit(nogil=True, cache=True)
def assign(
    image: NDArray[np.uint8], foreground: NDArray[np.bool_], mixtures: Mixtures, moments: NDArray[np.int64]
) -> None:
    """Put every pixel into the likeliest component of its own side; write the `moments` of the components."""
    moments[:] = 0
    for y in range(image.shape[0]):
        for x in range(image.shape[1]):
            side = 1 if foreground[y, x] else 0
            _add(moments[side, _likeliest(mixtures[side], image[y, x])], image[y, x])


@njit(nogil=True, cache=True)
def preference(mixtures: Mixtures, colour: NDArray[np.uint8]) -> float:
    """How much likelier `colour` is in the foreground than in the background, in natural logarithms.

    Infinite where a density underflows to 0; not a number where both do.
    """
    return _minus_log(mixtures[0], colour) - _minus_log(mixtures[1], colour)
