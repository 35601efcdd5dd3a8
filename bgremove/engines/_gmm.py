"""Mixtures of five Gaussians in colour space, as GrabCut learns and evaluates them.

A pair of mixtures, background (0) and foreground (1), is a float64 array ``(2, 5, PARAMETERS)``; see `learn`.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from bgremove.engines._compile import kernel
from bgremove.engines._kmeans import cluster, make_generator
from bgremove.engines._palette import Counts, Palette

COMPONENTS = 5
PARAMETERS = 12
"""Of a component: its weight, log of its peak density, mean (3), precision matrix (6), log of weight and peak."""
MOMENTS = 10
"""Of the colours in a component: their number, sums (3) and sums of products (6), in whole numbers."""

Mixtures = NDArray[np.float64]

_SINGULAR, _NOISE = 1e-6, 0.01  # below this determinant, this much white noise is added
_PEAK, _WEIGHTED_PEAK = 1, 11  # places among the parameters
_BLOCK = 32  # colours whose densities are in the cache together
_NEGLIGIBLE = 37.0  # a term smaller by this factor, as a logarithm, is lost in rounding
_UNDERFLOW = -745.13  # the least exponent whose exponential is a double above 0


def start(palette: Palette, counts: Counts, sides: NDArray[np.uint8], seed: int) -> NDArray[np.int64]:
    """Moments ``(2, 5, MOMENTS)`` of the colours of each side, split into five as ``cv2.grabCut`` splits them.

    The `sides`, ``(H, W)``, are odd on the foreground.
    """
    moments = np.zeros((2, COMPONENTS, MOMENTS), np.int64)
    generator = make_generator(seed)
    codes, sides = palette.codes.reshape(-1), sides.reshape(-1)
    for side in (0, 1):
        labels, moved = cluster(palette.colours, counts[side], codes, sides, side, generator)
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
    counts: NDArray[np.uint8],
    labels: NDArray[np.uint8],
    moved: NDArray[np.int32],
    moments: NDArray[np.int64],
) -> None:
    for i in range(len(counts)):
        if counts[i] > 0:
            _add(moments[labels[i]], colours, i, counts[i])
    for k in range(COMPONENTS):
        if moved[k] >= 0:
            _add(moments[labels[moved[k]]], colours, moved[k], -1)
            _add(moments[k], colours, moved[k], 1)


@kernel
def _add(moment: NDArray[np.int64], colours: NDArray[np.uint8], i: int, count: int) -> None:
    a, b, c = np.int64(colours[0, i]), np.int64(colours[1, i]), np.int64(colours[2, i])
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
        total = 0
        for k in range(COMPONENTS):
            total += moments[side, k, 0]
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
def _rate(colours: NDArray[np.uint8], component: NDArray[np.float64], offset: int, out: NDArray[np.float64]) -> None:
    """Logarithm of the density of one component at ``colours`` (3, n), or -infinity where it underflows, to `out`.

    The parameter numbered `offset` is added to the exponents.
    """
    p = component
    peak = p[offset] if p[0] > 0 else -np.inf
    mean_a, mean_b, mean_c, aa, ab, ac, bb, bc, cc = p[2], p[3], p[4], p[5], p[6], p[7], p[8], p[9], p[10]
    first, second, third = colours[0], colours[1], colours[2]
    for i in range(len(first)):
        a, b, c = first[i] - mean_a, second[i] - mean_b, third[i] - mean_c
        exponent = -0.5 * (a * (aa * a + 2 * (ab * b + ac * c)) + b * (bb * b + 2 * bc * c) + cc * c * c)
        out[i] = peak + exponent if exponent > _UNDERFLOW else -np.inf


@kernel
def assign(colours: NDArray[np.uint8], counts: Counts, mixtures: Mixtures, moments: NDArray[np.int64]) -> None:
    """Put every colour into the component that makes it likeliest, in each side; write the `moments` that result.

    The weights of the components are left out; where all densities underflow, it is the first component.
    """
    moments[:] = 0
    rates, most, best = np.empty(_BLOCK), np.empty(_BLOCK), np.empty(_BLOCK, np.int64)
    for side in range(2):
        for begin in range(0, len(counts[side]), _BLOCK):
            block, number = colours[:, begin : begin + _BLOCK], counts[side][begin : begin + _BLOCK]
            best[:] = 0
            _rate(block, mixtures[side, 0], _PEAK, most)
            for k in range(1, COMPONENTS):
                _rate(block, mixtures[side, k], _PEAK, rates)
                for i in range(len(number)):
                    better = rates[i] > most[i]
                    most[i] = rates[i] if better else most[i]
                    best[i] = k if better else best[i]
            for i in range(len(number)):
                if number[i] > 0:
                    _add(moments[side, best[i]], block, i, number[i])


@kernel
def prefer(
    colours: NDArray[np.uint8], mixtures: Mixtures, bound: float, scale: float, units: NDArray[np.int32]
) -> None:
    """How much likelier each of the first colours is in the foreground than in the background, as a logarithm.

    It is kept within `bound`, and counted in whole units of one over `scale`; the first colours are those of `units`.
    Where neither side knows the colour, both densities being 0, cv2 takes it for certain foreground, and so do we.
    """
    terms, densities = np.empty((COMPONENTS, _BLOCK)), np.empty((2, _BLOCK))
    for begin in range(0, len(units), _BLOCK):
        block, number = colours[:, begin : begin + _BLOCK], min(_BLOCK, len(units) - begin)
        for side in range(2):
            for k in range(COMPONENTS):
                _rate(block, mixtures[side, k], _WEIGHTED_PEAK, terms[k])
            for i in range(number):
                densities[side, i] = _log_density(terms, i)
        for i in range(number):
            known = densities[0, i]
            wish = bound if known == -np.inf else min(max(densities[1, i] - known, -bound), bound)
            units[begin + i] = round(wish * scale)


@kernel
def _log_density(terms: NDArray[np.float64], i: int) -> float:
    """Logarithm of the sum of the exponentials of ``terms[:, i]``."""
    most = terms[0, i]
    for k in range(1, COMPONENTS):
        most = max(most, terms[k, i])
    if most == -np.inf:
        return -np.inf
    total = 0.0
    for k in range(COMPONENTS):
        if terms[k, i] == most:
            total += 1.0
        elif terms[k, i] > most - _NEGLIGIBLE:
            total += math.exp(terms[k, i] - most)
    return float(most + math.log(total))
