"""GrabCut's energy: what a pixel pays for its label, and what two neighbours pay for different ones.

Rother, Kolmogorov, Blake 2004, https://doi.org/10.1145/1015706.1015720. Weights are whole numbers, in units of
``1 / SCALE`` of an energy of 1, so that sums are exact. Two Gaussian mixture models of five components, of the
background (0) and of the foreground (1), are one float64 array ``(2, 5, PARAMETERS)``, see `bgremove.engines._gmm`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bgremove.engines._compile import fused_kernel, kernel
from bgremove.engines._grid import DIRECTIONS, Grid, find_exits
from bgremove.types import Image, Label, Mask, Rect

SCALE = 2**21
"""Units in an energy of 1. An excess is at most 683 of energy, which is below 2**31 units."""

GAMMA = 50.0
"""Energy between neighbours of equal colours side by side; 1/sqrt(2) of it diagonally."""

LAMBDA = 342.0
"""More energy than all eight neighbours of a pixel weigh: enough to decide it. (cv2 takes 450 for it, to no effect.)"""

OPEN = int(Label.PROBABLY_BACKGROUND)
"""The least label of a pixel that may change, and the bit that tells. Odd labels are foreground."""

COMPONENTS = 5
PARAMETERS = 12
"""Of a component: see the next five."""
WEIGHT, LOG_PEAK, MEAN, PRECISION, LOG_WEIGHTED_PEAK = 0, 1, 2, 5, 11
"""Places of the weight, the logarithm of the peak density, the mean (3), the inverse of the covariance (6: its upper
triangle, row by row), and the logarithm of weight times peak density."""

GMMs = NDArray[np.float64]

BLOCK = 256
"""Colours whose densities are in the cache together; enough for the loading of ten components not to count."""

_FOREGROUND = int(Label.FOREGROUND)
_NEGLIGIBLE = 37.0  # the logarithm of a factor by which what is smaller is lost in rounding
_UNDERFLOW = -745.13  # the least exponent whose exponential is a double above 0
_TO_WHOLE = 1.5 * 2**52  # a double near it is a whole number: adding it rounds, half to even
_STEPS = np.array(DIRECTIONS)
_PEAKS = np.array([GAMMA, GAMMA / math.sqrt(2.0)])
_SHORT = 8192  # squared differences that are summed in 32 bits


def measure_beta(image: Image, step: int = 1, columns: slice = slice(None)) -> float:
    """One over twice the mean squared colour difference of neighbours; 0 if all colours are equal.

    They are those in every `step`-th row, and between it and the row below, in some of the columns.
    """
    first, stop, _ = columns.indices(image.shape[1])
    return _measure_beta(image.reshape(len(image), -1), 3 * first, 3 * stop, step)


@kernel
def _measure_beta(rows: NDArray[np.uint8], first: int, stop: int, step: int) -> float:
    """Of some columns of ``(H, 3 W)``, where the neighbour's channel is three values away."""
    height, width = rows.shape[0], (stop - first) // 3
    total = pairs = 0
    for y in range(0, height, step):
        row = rows[y, first:stop]
        total += _sum_squared_differences(row[3:], row[:-3])
        pairs += width - 1
        if y + 1 < height:
            below = rows[y + 1, first:stop]
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
def link_neighbours(
    grid: Grid, image: Image, left: int, labels: Mask, box: Rect, beta: float, scratch: NDArray[np.int32]
) -> None:
    """Link the open pixels, all of them in the `box` that the empty `grid` covers, to their neighbours.

    Column 0 of the labels, and of the box, is column `left` of the image. The weight of a certain neighbour becomes
    excess, since that one stays where it is. The `scratch` has room for a row of the box and two pixels more.
    """
    height, width = labels.shape
    first, stop = max(0, box.x - 1), min(width, box.x + box.width + 1)
    bottom = min(height, box.y + box.height + 1)
    here = first_and_last(labels[max(0, box.y - 1)], first, stop, OPEN)
    for y in range(max(0, box.y - 1), bottom):
        below = first_and_last(labels[y + 1], first, stop, OPEN) if y + 1 < bottom else (stop, first)
        for direction in range(1, 8, 2):  # each pair once, from the pixel that comes first
            v, aside = y + _STEPS[direction, 0], _STEPS[direction, 1]
            other = below if v > y else here
            begin, end = max(first, first - aside, min(here[0], other[0] - aside)), max(here[1], other[1] - aside)
            end = min(stop, stop - aside, end)
            if v < bottom and begin < end:
                weights = scratch[: end - begin]
                _weigh(
                    image[y, left + begin : left + end], image[v, left + begin + aside : left + end + aside],
                    _PEAKS[direction // 4], beta, weights,
                )  # fmt: skip
                _link(
                    grid, labels[y, begin:end], labels[v, begin + aside : end + aside], direction,
                    _node(box, y, begin), weights,
                )  # fmt: skip
        if here[0] < here[1]:
            row = slice(_node(box, y, here[0]), _node(box, y, here[1]))
            find_exits(grid.residual[8 * row.start : 8 * row.stop], grid.state[row])
        here = below


@kernel
def first_and_last(values: NDArray[np.uint8], first: int, stop: int, least: int) -> tuple[int, int]:
    """From `first` on and before `stop`: the first that is at least so large, and one past the last.

    These two, swapped, if there is none.
    """
    begin, end = first, stop
    while end > first and values[end - 1] < least:
        end -= 1
    if end <= first:
        return stop, first
    while values[begin] < least:
        begin += 1
    return begin, end


@fused_kernel
def _weigh(
    colours: NDArray[np.uint8], others: NDArray[np.uint8], peak: float, beta: float, weights: NDArray[np.int32]
) -> None:
    """The weights of links between two rows of pixels; two loops, for as one they are not vectorised."""
    for i in range(len(weights)):
        a = np.int32(np.int32(colours[i, 0]) - np.int32(others[i, 0]))
        b = np.int32(np.int32(colours[i, 1]) - np.int32(others[i, 1]))
        c = np.int32(np.int32(colours[i, 2]) - np.int32(others[i, 2]))
        weights[i] = np.int32(np.int32(a * a) + np.int32(b * b) + np.int32(c * c))
    for i in range(len(weights)):
        weights[i] = _round(peak * _exp(-beta * weights[i]))


@kernel
def _link(
    grid: Grid,
    labels: NDArray[np.uint8],
    others: NDArray[np.uint8],
    direction: int,
    node: int,
    weights: NDArray[np.int32],
) -> None:
    """Link the pixels of a row, the first of them at `node`, to the others, in this direction from them."""
    step = np.int64(grid.step[direction])
    for i in range(len(weights)):
        weight = weights[i]
        if labels[i] & others[i] & OPEN:
            grid.residual[8 * (node + i) + direction] = weight
            grid.residual[8 * (node + step + i) + (direction ^ 1)] = weight
        elif labels[i] & OPEN:
            grid.excess[node + i] += weight if others[i] == _FOREGROUND else -weight
        elif others[i] & OPEN:
            grid.excess[node + step + i] += weight if labels[i] == _FOREGROUND else -weight


@kernel
def _node(box: Rect, y: int, x: int) -> int:
    return (y - box.y + 1) * (box.width + 1) + x - box.x + 1


@fused_kernel
def _round(energy: float) -> Any:
    """An energy in units."""
    return np.int32(energy * SCALE + _TO_WHOLE - _TO_WHOLE)


def make_scratch() -> NDArray[np.float64]:
    """What `terminal_weights` computes in."""
    return np.empty((4, BLOCK))


@kernel
def component(gmm: NDArray[np.float64], k: int, peak: int) -> tuple[float, ...]:
    """A component for `log_density`: with its weight or without, as `peak` is `LOG_WEIGHTED_PEAK` or `LOG_PEAK`."""
    p = gmm[k]
    highest = p[peak] if p[WEIGHT] > 0 else -np.inf
    return highest, p[2], p[3], p[4], -0.5 * p[5], -p[6], -p[7], -0.5 * p[8], -p[9], -0.5 * p[10]


@fused_kernel
def log_density(first: float, second: float, third: float, p: tuple[float, ...]) -> float:
    """Logarithm of the density of a `component` at a colour, or -infinity where it underflows."""
    highest, mean_a, mean_b, mean_c, aa, ab, ac, bb, bc, cc = p
    a, b, c = first - mean_a, second - mean_b, third - mean_c
    exponent = a * (aa * a + ab * b + ac * c) + b * (bb * b + bc * c) + cc * c * c
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
        _compare(background, foreground, part)


@fused_kernel
def _compare(background: NDArray[np.float64], foreground: NDArray[np.float64], weights: NDArray[np.int32]) -> None:
    """The weights by the logarithm of each sum of densities: that of the greatest, plus that of the sum by its measure.

    No branch and no call, to be vectorised.
    """
    most, total, most_foreground, total_foreground = background[0], background[1], foreground[0], foreground[1]
    for i in range(len(weights)):
        weight = most_foreground[i] - most[i] + _log_ratio(total_foreground[i], total[i])
        weight = min(max(weight, -LAMBDA), LAMBDA) if most[i] > -np.inf else LAMBDA
        weights[i] = _round(weight)


@fused_kernel
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
        v, w = max(v, w), min(v, w)
        x, y = max(x, y), min(x, y)
        v, x = max(v, x), min(v, x)
        v, z = max(v, z), min(v, z)
        most[i] = v
        total[i] = 1 + _exp(w - v) + _exp(x - v) + _exp(y - v) + _exp(z - v)


@fused_kernel
def _exp(x: float) -> float:
    """The exponential of `x`, which is 0 or less, to 1e-10: far less than a unit of what is made of it.

    ``exp(x / 16) ** 16``, the former by its series: no branch and no table, to be vectorised.
    """
    y = (x if x > -_NEGLIGIBLE else -_NEGLIGIBLE) / 16  # no number, the difference of two infinities, does no harm
    e = 1 / 24 + y * (1 / 120 + y * (1 / 720 + y * (1 / 5040 + y * (1 / 40320))))
    e = 1 + y * (1 + y * (1 / 2 + y * (1 / 6 + y * e)))
    e *= e
    e *= e
    e *= e
    e *= e
    return e


@fused_kernel
def _log_ratio(a: float, b: float) -> float:
    """The natural logarithm of ``a / b``, each from 1 to 5, to 2e-10.

    Twice the inverse hyperbolic tangent of ``z = (a - b) / (a + b)``, which is `z` times a function of its square. This
    polynomial agrees with it at the Chebyshev nodes of 0 to 4/9. One division and no branch, to be vectorised.
    """
    z = (a - b) / (a + b)
    y = z * z
    e = 0.1560400436 + y * (-0.2419442805 + y * (0.8033080839 + y * (-0.9834282926 + y * 0.7207073049)))
    e = 0.2000020746 + y * (0.1427855033 + y * (0.1123685327 + y * (0.07817879143 + y * e)))
    e = 1 + y * (0.3333333101 + y * e)
    return 2 * z * e
