# ruff: noqa: PLR0913, PLR0917  (kernels take arrays, not objects)
"""Mixtures of five Gaussians in colour space, as GrabCut learns and evaluates them.

A pair of mixtures, background (0) and foreground (1), is a float64 array ``(2, 5, PARAMETERS)``; see `learn`.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from bgremove.engines._compile import kernel
from bgremove.engines._kmeans import cluster, make_generator
from bgremove.engines._palette import Palette

COMPONENTS = 5
PARAMETERS = 12
"""Of a component: its weight, log of its peak density, mean (3), precision matrix (6), log of weight and peak."""
MOMENTS = 10
"""Of the colours in a component: their number, sums (3) and sums of products (6), in whole numbers."""

Mixtures = NDArray[np.float64]

_SINGULAR, _NOISE = 1e-6, 0.01  # below this determinant, this much white noise is added
_NEGLIGIBLE = 37.0  # a term smaller by this factor, as a logarithm, is lost in rounding
_UNDERFLOW = -745.13  # the least exponent whose exponential is a double above 0


def start(palette: Palette, counts: NDArray[np.int32], foreground: NDArray[np.bool_], seed: int) -> NDArray[np.int64]:
    """Moments ``(2, 5, MOMENTS)`` of the colours of each side, split into five as ``cv2.grabCut`` splits them."""
    moments = np.zeros((2, COMPONENTS, MOMENTS), np.int64)
    generator = make_generator(seed)
    labels = np.zeros(len(palette.colours), np.uint8)
    for side, chosen in enumerate((~foreground, foreground)):
        moved = cluster(palette.colours, counts[side], palette.codes.reshape(-1), chosen.reshape(-1), generator, labels)
        _gather(palette.colours, counts[side], labels, moved, moments[side])
    return moments


def learn(moments: NDArray[np.int64]) -> Mixtures:
    """Mixtures with these moments; a component without colours has weight 0.

    Raises `ValueError` if the colours of a component vary so oddly that it has no density.
    """
    mixtures = np.zeros((2, COMPONENTS, PARAMETERS))
    if not _learn(moments, mixtures):
        raise ValueError("a colour component is singular")
    return mixtures


@kernel
def _gather(
    colours: NDArray[np.uint8],
    counts: NDArray[np.int32],
    labels: NDArray[np.uint8],
    moved: NDArray[np.int32],
    moments: NDArray[np.int64],
) -> None:
    for i in range(len(colours)):
        if counts[i] > 0:
            _add(moments[labels[i]], colours[i], counts[i])
    for k in range(COMPONENTS):
        if moved[k] >= 0:
            _add(moments[labels[moved[k]]], colours[moved[k]], -1)
            _add(moments[k], colours[moved[k]], 1)


@kernel
def _add(moment: NDArray[np.int64], colour: NDArray[np.uint8], count: int) -> None:
    a, b, c = np.int64(colour[0]), np.int64(colour[1]), np.int64(colour[2])
    moment[0] += count
    moment[1] += count * a
    moment[2] += count * b
    moment[3] += count * c
    moment[4] += count * a * a
    moment[5] += count * a * b
    moment[6] += count * a * c
    moment[7] += count * b * b
    moment[8] += count * b * c
    moment[9] += count * c * c


@kernel
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
            component[11] = component[1] + math.log(component[0])
            component[2], component[3], component[4] = a, b, c
            component[5] = (bb * cc - bc * bc) / determinant
            component[6] = (ac * bc - ab * cc) / determinant
            component[7] = (ab * bc - ac * bb) / determinant
            component[8] = (aa * cc - ac * ac) / determinant
            component[9] = (ab * ac - aa * bc) / determinant
            component[10] = (aa * bb - ab * ab) / determinant
    return True


@kernel
def _exponent(component: NDArray[np.float64], colour: NDArray[np.uint8]) -> float:
    a, b, c = colour[0] - component[2], colour[1] - component[3], colour[2] - component[4]
    p = component
    return float(-0.5 * (a * (p[5] * a + 2 * (p[6] * b + p[7] * c)) + b * (p[8] * b + 2 * p[9] * c) + p[10] * c * c))


@kernel
def assign(
    colours: NDArray[np.uint8], counts: NDArray[np.int32], mixtures: Mixtures, moments: NDArray[np.int64]
) -> None:
    """Put every colour into the component that makes it likeliest, in each side; write the `moments` that result."""
    moments[:] = 0
    for side in range(2):
        for i in range(len(colours)):
            if counts[side, i] > 0:
                _add(moments[side, _likeliest(mixtures[side], colours[i])], colours[i], counts[side, i])


@kernel
def _likeliest(mixture: NDArray[np.float64], colour: NDArray[np.uint8]) -> int:
    """The component of greatest density at `colour`, its weight left out; the first if all densities underflow."""
    best, chosen = -np.inf, 0
    for k in range(COMPONENTS):
        if mixture[k, 0] > 0:
            exponent = _exponent(mixture[k], colour)
            if exponent > _UNDERFLOW and mixture[k, 1] + exponent > best:
                best, chosen = mixture[k, 1] + exponent, k
    return chosen


@kernel
def prefer(
    colours: NDArray[np.uint8],
    wanted: NDArray[np.bool_],
    mixtures: Mixtures,
    bound: float,
    scale: float,
    units: NDArray[np.int32],
    change: NDArray[np.int32],
) -> None:
    """How much likelier each `wanted` colour is in the foreground than in the background, as a logarithm.

    It is kept within `bound`, counted in whole `units` of one over `scale`, and its `change` since the last call noted.
    """
    for i in range(len(colours)):
        if wanted[i]:
            wish = round(min(max(_preference(mixtures, colours[i]), -bound), bound) * scale)
            change[i] = wish - units[i]
            units[i] = wish


@kernel
def _preference(mixtures: Mixtures, colour: NDArray[np.uint8]) -> float:
    """How much likelier `colour` is in the foreground than in the background, in natural logarithms.

    Infinite where one density underflows to 0, also where both do: cv2 takes such a pixel for certain foreground.
    """
    ground = _log_density(mixtures[0], colour)
    return np.inf if ground == -np.inf else _log_density(mixtures[1], colour) - ground


@kernel
def _log_density(mixture: NDArray[np.float64], colour: NDArray[np.uint8]) -> float:
    terms = np.empty(COMPONENTS)
    most = -np.inf
    for k in range(COMPONENTS):
        terms[k] = -np.inf
        if mixture[k, 0] > 0:
            exponent = _exponent(mixture[k], colour)
            if exponent > _UNDERFLOW:
                terms[k] = mixture[k, 11] + exponent
                most = max(most, terms[k])
    if most == -np.inf:
        return most
    total = 0.0
    for k in range(COMPONENTS):
        if terms[k] > most - _NEGLIGIBLE:
            total += math.exp(terms[k] - most)
    return most + math.log(total)
