"""GrabCut's energy: what a pixel pays for its label, and what two neighbours pay for different ones.

Rother, Kolmogorov, Blake 2004, https://doi.org/10.1145/1015706.1015720. Weights are whole numbers, in units of
``1 / SCALE`` of an energy of 1, so that sums are exact. Two Gaussian mixture models of five components, of the
background (0) and of the foreground (1), are one float64 array ``(2, 5, PARAMETERS)``, see `bgremove.engines._gmm`.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from bgremove.engines._compile import kernel
from bgremove.engines._maxflow import DIRECTIONS, Grid
from bgremove.rows import bands_of, in_threads
from bgremove.types import Image, Label, Mask, Rect

SCALE = 2**21
"""Units in an energy of 1. An excess is at most 683 of energy, which is below 2**31 units."""

GAMMA = 50.0
"""Energy between neighbours of equal colours side by side; 1/sqrt(2) of it diagonally."""

LAMBDA = 342.0
"""More energy than all eight neighbours of a pixel weigh: enough to decide it. (cv2 takes 450 for it, to no effect.)"""

OPEN = int(Label.PROBABLY_BACKGROUND)
"""The least label of a pixel that may change. Odd labels are foreground."""

COMPONENTS = 5
PARAMETERS = 12
"""Of a component: see the next five."""
WEIGHT, LOG_PEAK, MEAN, PRECISION, LOG_WEIGHTED_PEAK = 0, 1, 2, 5, 11
"""Places of the weight, the logarithm of the peak density, the mean (3), the inverse of the covariance (6: its upper
triangle, row by row), and the logarithm of weight times peak density."""

GMMs = NDArray[np.float64]

BLOCK = 32
"""Colours whose densities are in the cache together."""

_FOREGROUND = int(Label.FOREGROUND)
_NEGLIGIBLE = 37.0  # a density smaller by this factor, as a logarithm, is lost in rounding
_UNDERFLOW = -745.13  # the least exponent whose exponential is a double above 0
_STEPS = np.array(DIRECTIONS)
_PEAKS = np.array([GAMMA, GAMMA / math.sqrt(2.0)])
_SHORT = 8192  # squared differences that are summed in 32 bits
_TABLE = 4096  # squared colour differences below this are looked up


class NeighbourWeights(NamedTuple):
    """What neighbours of different labels pay, by their squared colour difference."""

    beta: float
    """One over twice the mean squared difference; 0 if all colours are equal."""
    table: NDArray[np.int32]
    """(2, 4096): side by side (0) and diagonally (1), for small differences."""


def open_box(labels: Mask) -> Rect:
    """The bounding box of the open pixels; empty if there is none."""
    bands = bands_of(*labels.shape)
    boxes = in_threads(lambda band: cv2.boundingRect(labels[band] & np.uint8(OPEN)), bands)
    found = [(band.start, *box) for band, box in zip(bands, boxes, strict=True) if box[2]]
    if not found:
        return Rect(0, 0, 0, 0)
    left, right = min(x for _, x, _, _, _ in found), max(x + width for _, x, _, width, _ in found)
    (first, _, y, _, _), (last, _, v, _, height) = found[0], found[-1]
    return Rect(left, first + y, right - left, last + v + height - first - y)


def measure_neighbour_weights(image: Image, step: int = 1) -> NeighbourWeights:
    """Weights by the contrast of every `step`-th row of an image, and between it and the row below."""
    beta = _measure_beta(image.reshape(len(image), -1), step)
    table = np.empty((2, _TABLE), np.int32)
    _fill_table(beta, table)
    return NeighbourWeights(beta, table)


@kernel
def _measure_beta(rows: NDArray[np.uint8], step: int) -> float:
    """Of ``(H, 3 W)``, where the neighbour's channel is three values away."""
    height, width = rows.shape[0], rows.shape[1] // 3
    total = pairs = 0
    for y in range(0, height, step):
        row = rows[y]
        total += _sum_squared_differences(row[3:], row[:-3])
        pairs += width - 1
        if y + 1 < height:
            below = rows[y + 1]
            total += _sum_squared_differences(row, below)
            total += _sum_squared_differences(row[3:], below[:-3])
            total += _sum_squared_differences(row[:-3], below[3:])
            pairs += 3 * width - 2
    return 1.0 / (2 * total / pairs) if total > 0 else 0.0


@kernel
def _sum_squared_differences(values: NDArray[np.uint8], others: NDArray[np.uint8]) -> int:
    total = 0
    for begin in range(0, len(values), _SHORT):
        part, other = values[begin : begin + _SHORT], others[begin : begin + _SHORT]
        some = np.int32(0)
        for i in range(len(part)):
            difference = np.int32(np.int32(part[i]) - np.int32(other[i]))
            some = np.int32(some + np.int32(difference * difference))
        total += int(some)
    return total


@kernel
def _squared_difference(image: Image, y: int, x: int, v: int, u: int) -> int:
    a = int(image[y, x, 0]) - int(image[v, u, 0])
    b = int(image[y, x, 1]) - int(image[v, u, 1])
    c = int(image[y, x, 2]) - int(image[v, u, 2])
    return a * a + b * b + c * c


@kernel
def _fill_table(beta: float, table: NDArray[np.int32]) -> None:
    for diagonal in range(2):
        for difference in range(_TABLE):
            table[diagonal, difference] = _neighbour_weight(beta, diagonal, difference)


@kernel
def _neighbour_weight(beta: float, diagonal: int, difference: int) -> int:
    weight: int = round(_PEAKS[diagonal] * math.exp(-beta * difference) * SCALE)
    return weight


@kernel
def link_neighbours(grid: Grid, image: Image, labels: Mask, box: Rect, weights: NeighbourWeights) -> None:
    """Link the open pixels, all of them in the `box` that the empty `grid` covers, to their neighbours.

    The weight of a certain neighbour becomes excess, since that one stays where it is.
    """
    height, width = labels.shape
    left, right = max(0, box.x - 1), min(width, box.x + box.width + 1)
    for y in range(max(0, box.y - 1), min(height, box.y + box.height + 1)):
        for x in range(left, right):
            here = labels[y, x]
            for direction in range(1, 8, 2):  # each pair once, from the pixel that comes first
                v, u = y + _STEPS[direction, 0], x + _STEPS[direction, 1]
                if v < height and 0 <= u < width and (here >= OPEN or labels[v, u] >= OPEN):
                    there = labels[v, u]
                    difference = _squared_difference(image, y, x, v, u)
                    if difference < _TABLE:
                        weight = weights.table[direction // 4, difference]
                    else:
                        weight = _neighbour_weight(weights.beta, direction // 4, difference)
                    node, other = _node(box, y, x), _node(box, v, u)
                    if here < OPEN:
                        grid.excess[other] += weight if here == _FOREGROUND else -weight
                    elif there < OPEN:
                        grid.excess[node] += weight if there == _FOREGROUND else -weight
                    else:
                        grid.residual[node, direction] = weight
                        grid.residual[other, direction ^ 1] = weight


@kernel
def _node(box: Rect, y: int, x: int) -> int:
    return (y - box.y + 1) * (box.width + 1) + x - box.x + 1


def make_scratch() -> NDArray[np.float64]:
    """What `terminal_weights` computes in."""
    return np.empty((4, BLOCK))


@kernel
def component(gmm: NDArray[np.float64], k: int, peak: int) -> tuple[float, ...]:
    """A component for `log_density`: with its weight or without, as `peak` is `LOG_WEIGHTED_PEAK` or `LOG_PEAK`."""
    p = gmm[k]
    highest = p[peak] if p[WEIGHT] > 0 else -np.inf
    return highest, p[2], p[3], p[4], p[5], p[6], p[7], p[8], p[9], p[10]


@kernel
def log_density(first: float, second: float, third: float, p: tuple[float, ...]) -> float:
    """Logarithm of the density of a `component` at a colour, or -infinity where it underflows."""
    highest, mean_a, mean_b, mean_c, aa, ab, ac, bb, bc, cc = p
    a, b, c = first - mean_a, second - mean_b, third - mean_c
    exponent = -0.5 * (a * (aa * a + 2 * (ab * b + ac * c)) + b * (bb * b + 2 * bc * c) + cc * c * c)
    return highest + exponent if exponent > _UNDERFLOW else -np.inf


@kernel
def terminal_weights(
    colours: NDArray[np.uint8], gmms: GMMs, weights: NDArray[np.int32], scratch: NDArray[np.float64]
) -> None:
    """What the first colours cost as background more than as foreground, within `LAMBDA`; as many as `weights` has.

    A positive weight links a pixel to the source, a negative one to the sink. Where neither model knows the colour,
    both densities being 0, cv2 takes it for certain foreground, and so do we. For `scratch` see `make_scratch`.
    """
    background, foreground = scratch[:2], scratch[2:]
    for begin in range(0, len(weights), BLOCK):
        block, part = colours[:, begin : begin + BLOCK], weights[begin : begin + BLOCK]
        _sum_densities(block, gmms[0], background, len(part))
        _sum_densities(block, gmms[1], foreground, len(part))
        for i in range(len(part)):
            weight = LAMBDA
            if background[0, i] > -np.inf:
                # The logarithm of a sum of densities is that of the greatest, plus that of the sum by its measure.
                weight = foreground[0, i] - background[0, i] + math.log(foreground[1, i] / background[1, i])
            part[i] = round(min(max(weight, -LAMBDA), LAMBDA) * SCALE)


@kernel
def _sum_densities(
    colours: NDArray[np.uint8], gmm: NDArray[np.float64], result: NDArray[np.float64], number: int
) -> None:
    """Of each colour the greatest log density, and the sum of all densities divided by the greatest."""
    p, q, r, s, t = (
        component(gmm, 0, LOG_WEIGHTED_PEAK), component(gmm, 1, LOG_WEIGHTED_PEAK),
        component(gmm, 2, LOG_WEIGHTED_PEAK), component(gmm, 3, LOG_WEIGHTED_PEAK),
        component(gmm, 4, LOG_WEIGHTED_PEAK),
    )  # fmt: skip
    first, second, third, most, total = colours[0], colours[1], colours[2], result[0], result[1]
    for i in range(number):
        a, b, c = float(first[i]), float(second[i]), float(third[i])
        v, w, x, y, z = (
            log_density(a, b, c, p), log_density(a, b, c, q), log_density(a, b, c, r), log_density(a, b, c, s),
            log_density(a, b, c, t),
        )  # fmt: skip
        m = max(v, w, x, y, z)
        most[i] = m
        total[i] = _exp(v - m) + _exp(w - m) + _exp(x - m) + _exp(y - m) + _exp(z - m)


@kernel
def _exp(x: float) -> float:
    """The exponential of `x`, which is 0 or less, to 1e-14 of 1; 0 for a density that is lost in rounding beside 1.

    ``exp(x / 64) ** 64``, the former by its series: no branch and no table, to be vectorised.
    """
    y = max(x, -_NEGLIGIBLE) / 64
    e = 1 / 24 + y * (1 / 120 + y * (1 / 720 + y * (1 / 5040 + y * (1 / 40320))))
    e = 1 + y * (1 + y * (1 / 2 + y * (1 / 6 + y * e)))
    e *= e
    e *= e
    e *= e
    e *= e
    e *= e
    e *= e
    return e if x > -_NEGLIGIBLE else 0.0
