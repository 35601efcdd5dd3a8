"""Gaussian mixture models of the colours of background and foreground, as GrabCut learns them.

Laid out as `bgremove.engines._energy` says, which evaluates them.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from bgremove.engines._compile import kernel
from bgremove.engines._energy import (
    BLOCK,
    COMPONENTS,
    LOG_PEAK,
    LOG_WEIGHTED_PEAK,
    MEAN,
    PARAMETERS,
    PRECISION,
    WEIGHT,
    GMMs,
    component,
    log_density,
)
from bgremove.engines._kmeans import has
from bgremove.engines._palette import Counts
from bgremove.engines._seeding import Points
from bgremove.errors import EngineError

MOMENTS = 10
"""Of the colours in a component: their number, sums (3) and sums of products (6), in whole numbers."""

SINGULAR = "a colour component is singular"
"""What is said where the colours of a component have no density."""

_SINGULAR, _NOISE = 1e-6, 0.01  # below this determinant, this much white noise is added


def learn(moments: NDArray[np.int64]) -> GMMs:
    """The models with these moments; a component without colours has weight 0.

    Raises `EngineError` if the colours of a component vary so oddly that it has no density.
    """
    gmms = np.empty((2, COMPONENTS, PARAMETERS))
    if not learn_from(moments, gmms):
        raise EngineError(SINGULAR)
    return gmms


def assign_components(colours: NDArray[np.uint8], counts: Counts, gmms: GMMs) -> NDArray[np.int64]:
    """The moments when every colour, in each model, is put into the component that makes it likeliest.

    The weights of the components are left out; where all densities underflow, it is the first component.
    """
    moments = np.empty((2, COMPONENTS, MOMENTS), np.int64)
    add_components(colours, counts, gmms, moments, np.empty(BLOCK, np.uint8))
    return moments


@kernel
def add_clusters(
    points: Points, clusters: NDArray[np.uint8], moved: NDArray[np.int32], moments: NDArray[np.int64]
) -> None:
    colours, counts = points.colours, points.counts
    for begin in range(0, len(counts), BLOCK):
        part = slice(begin, begin + BLOCK)
        _add_block(colours[:, part], counts[part], clusters[part], moments)
    for k in range(COMPONENTS):
        if moved[k] >= 0:
            _add_pixels(moments[clusters[moved[k]]], colours, moved[k], -1)
            _add_pixels(moments[k], colours, moved[k], 1)


@kernel
def _add_block(
    colours: NDArray[np.uint8], counts: NDArray[np.uint8], assigned: NDArray[np.uint8], moments: NDArray[np.int64]
) -> None:
    """Add at most `BLOCK` colours to the moments of the components that they are assigned to."""
    for k in range(COMPONENTS):
        if has(assigned, k):
            _add_component(colours, counts, assigned, k, moments[k])


@kernel
def _add_component(
    colours: NDArray[np.uint8],
    counts: NDArray[np.uint8],
    assigned: NDArray[np.uint8],
    k: int,
    moment: NDArray[np.int64],
) -> None:
    """Add the colours that are assigned to one component; in 32 bits, which hold 256 times 255 cubed."""
    first, second, third = colours[0], colours[1], colours[2]
    n, a, b, c = np.uint32(0), np.uint32(0), np.uint32(0), np.uint32(0)
    aa, ab, ac = np.uint32(0), np.uint32(0), np.uint32(0)
    bb, bc, cc = np.uint32(0), np.uint32(0), np.uint32(0)
    for i in range(len(counts)):
        count = np.uint32(counts[i]) if assigned[i] == k else np.uint32(0)
        x, y, z = np.uint32(first[i]), np.uint32(second[i]), np.uint32(third[i])
        nx, ny, nz = np.uint32(count * x), np.uint32(count * y), np.uint32(count * z)
        n, a, b, c = np.uint32(n + count), np.uint32(a + nx), np.uint32(b + ny), np.uint32(c + nz)
        aa, ab, ac = np.uint32(aa + nx * x), np.uint32(ab + nx * y), np.uint32(ac + nx * z)
        bb, bc, cc = np.uint32(bb + ny * y), np.uint32(bc + ny * z), np.uint32(cc + nz * z)
    sums = n, a, b, c, aa, ab, ac, bb, bc, cc
    for j in range(MOMENTS):
        moment[j] += np.int64(sums[j])


@kernel
def _add_pixels(moment: NDArray[np.int64], colours: NDArray[np.uint8], i: int, count: int) -> None:
    a, b, c = np.int64(colours[0, i]), np.int64(colours[1, i]), np.int64(colours[2, i])
    products = 1, a, b, c, a * a, a * b, a * c, b * b, b * c, c * c
    for j in range(MOMENTS):
        moment[j] += count * products[j]


@kernel
def learn_from(moments: NDArray[np.int64], gmms: GMMs) -> int:
    """Write the models; 0 if one has no density, else 1."""
    for model in range(2):
        total = 0
        for k in range(COMPONENTS):
            total += moments[model, k, 0]
        for k in range(COMPONENTS):
            moment, component = moments[model, k], gmms[model, k]
            component[:] = 0
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
                return 0
            component[WEIGHT] = moment[0] / total
            component[LOG_PEAK] = -0.5 * math.log(determinant)
            component[LOG_WEIGHTED_PEAK] = component[LOG_PEAK] + math.log(component[WEIGHT])
            component[MEAN], component[MEAN + 1], component[MEAN + 2] = a, b, c
            component[PRECISION] = (bb * cc - bc * bc) / determinant
            component[PRECISION + 1] = (ac * bc - ab * cc) / determinant
            component[PRECISION + 2] = (ab * bc - ac * bb) / determinant
            component[PRECISION + 3] = (aa * cc - ac * ac) / determinant
            component[PRECISION + 4] = (ab * ac - aa * bc) / determinant
            component[PRECISION + 5] = (aa * bb - ab * ab) / determinant
    return 1


@kernel
def add_components(
    colours: NDArray[np.uint8], counts: Counts, gmms: GMMs, moments: NDArray[np.int64], assigned: NDArray[np.uint8]
) -> None:
    moments[:] = 0
    for model in range(2):
        for begin in range(0, len(counts[model]), BLOCK):
            block, number = colours[:, begin : begin + BLOCK], counts[model][begin : begin + BLOCK]
            if not _any(number):
                continue  # often: neighbours in the palette are alike, and many colours are in one of the models only
            _assign_block(block, gmms[model], assigned[: len(number)])
            _add_block(block, number, assigned[: len(number)], moments[model])


@kernel
def _any(counts: NDArray[np.uint8]) -> bool:
    bits = np.uint8(0)
    for count in counts:
        bits |= count
    return bool(bits)


@kernel
def _assign_block(colours: NDArray[np.uint8], gmm: NDArray[np.float64], assigned: NDArray[np.uint8]) -> None:
    p, q, r, s, t = (
        component(gmm, 0, LOG_PEAK), component(gmm, 1, LOG_PEAK), component(gmm, 2, LOG_PEAK),
        component(gmm, 3, LOG_PEAK), component(gmm, 4, LOG_PEAK),
    )  # fmt: skip
    first, second, third = colours[0], colours[1], colours[2]
    for i in range(len(assigned)):
        a, b, c = float(first[i]), float(second[i]), float(third[i])
        best, highest = 0, log_density(a, b, c, p)
        best, highest = _likelier(1, log_density(a, b, c, q), best, highest)
        best, highest = _likelier(2, log_density(a, b, c, r), best, highest)
        best, highest = _likelier(3, log_density(a, b, c, s), best, highest)
        best, highest = _likelier(4, log_density(a, b, c, t), best, highest)
        assigned[i] = best


@kernel
def _likelier(k: int, density: float, best: int, highest: float) -> tuple[int, float]:
    return (k if density > highest else best), max(density, highest)
