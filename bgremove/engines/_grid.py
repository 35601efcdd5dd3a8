"""The GrabCut energy of an image written into a `Grid` of the max-flow solver, in whole numbers.

Energies are counted in units of ``1 / SCALE``, so that sums are exact. Labels are a `Label` for every pixel, here as
plain numbers: odd on the foreground, and at least `OPEN` where it may change.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bgremove.engines._compile import kernel
from bgremove.engines._maxflow import DIRECTIONS, FAR, Grid
from bgremove.engines._palette import Counts
from bgremove.types import Label

SCALE = 2**21
"""Units in an energy of 1. An excess is at most 683 of energy, which is below 2**31 units."""

GAMMA = 50.0
"""Energy of a link between equal colours side by side; 1/sqrt(2) of it diagonally."""

SURE = 342.0
"""More energy than all eight links of a pixel have: enough to decide it."""

OPEN = int(Label.PROBABLY_BACKGROUND)
CERTAIN_FOREGROUND = int(Label.FOREGROUND)
_STEPS = np.array(DIRECTIONS)
_PEAKS = np.array([GAMMA, GAMMA / math.sqrt(2.0)])
_COMMON = 4096  # squared differences below this are looked up


@kernel
def _contrast(image: NDArray[np.uint8]) -> float:
    """``beta``: one over twice the mean squared colour difference of neighbours; 0 if all are equal."""
    height, width = len(image), len(image[0])
    total = 0
    for y in range(height):
        for x in range(width):
            if x > 0:
                total += _difference(image, y, x, y, x - 1)
                if y > 0:
                    total += _difference(image, y, x, y - 1, x - 1)
            if y > 0:
                total += _difference(image, y, x, y - 1, x)
                if x + 1 < width:
                    total += _difference(image, y, x, y - 1, x + 1)
    if total == 0:
        return 0.0
    links = 4 * width * height - 3 * width - 3 * height + 2
    return 1.0 / (2 * total / links)


@kernel
def _difference(image: NDArray[np.uint8], y: int, x: int, v: int, u: int) -> int:
    a = np.int64(image[y, x, 0]) - image[v, u, 0]
    b = np.int64(image[y, x, 1]) - image[v, u, 1]
    c = np.int64(image[y, x, 2]) - image[v, u, 2]
    return int(a * a + b * b + c * c)


class Window(NamedTuple):
    """The part of an image that the grid covers: the bounding box of the open pixels."""

    top: int
    left: int
    height: int
    width: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """Index of the window in an array of the image's shape."""
        return slice(self.top, self.top + self.height), slice(self.left, self.left + self.width)


def window_of(labels: NDArray[np.uint8]) -> Window:
    """The bounding box of the open pixels; there is at least one."""
    rows, columns = (np.flatnonzero(labels.max(axis) >= OPEN) for axis in (1, 0))
    top, left = int(rows[0]), int(columns[0])
    return Window(top, left, int(rows[-1]) + 1 - top, int(columns[-1]) + 1 - left)


@kernel
def link(grid: Grid, image: NDArray[np.uint8], window: Window, labels: NDArray[np.uint8]) -> None:
    """Link the open pixels in the `window` to each other.

    A link to a certain pixel becomes excess, since that end stays where it is.
    """
    beta = _contrast(image)
    strengths = _strengths(beta)
    for y in range(image.shape[0]):
        for x in range(image.shape[1]):
            here = labels[y, x]
            for direction in range(1, 8, 2):  # each link once, from the pixel that comes first
                v, u = y + _STEPS[direction, 0], x + _STEPS[direction, 1]
                if v < image.shape[0] and 0 <= u < image.shape[1] and (here >= OPEN or labels[v, u] >= OPEN):
                    slope, difference = direction // 4, _difference(image, y, x, v, u)
                    common = difference < _COMMON
                    strength = strengths[slope, difference] if common else _strength(beta, slope, difference)
                    there = labels[v, u]
                    node, other = _node(window, y, x), _node(window, v, u)
                    if here < OPEN:
                        grid.excess[other] += strength if here == CERTAIN_FOREGROUND else -strength
                    elif there < OPEN:
                        grid.excess[node] += strength if there == CERTAIN_FOREGROUND else -strength
                    else:
                        grid.residual[node, direction] = strength
                        grid.residual[other, direction ^ 1] = strength


@kernel
def _node(window: Window, y: int, x: int) -> int:
    return (y - window.top + 1) * (window.width + 2) + x - window.left + 1


@kernel
def _strengths(beta: float) -> NDArray[np.int32]:
    """``(2, _COMMON)``: capacity of a link side by side (0) or diagonally (1) by squared difference of its colours."""
    strengths = np.empty((2, _COMMON), np.int32)
    for slope in range(2):
        for difference in range(_COMMON):
            strengths[slope, difference] = _strength(beta, slope, difference)
    return strengths


@kernel
def _strength(beta: float, slope: int, difference: int) -> int:
    strength: int = round(_PEAKS[slope] * math.exp(-beta * difference) * SCALE)
    return strength


@kernel
def side(codes: NDArray[np.int32], labels: NDArray[np.uint8], window: Window) -> NDArray[np.int32]:
    """Of each pixel in the `window`: twice its code, and 1 more on the foreground; -1 if it may not change."""
    sided = np.full((window.height, window.width), -1, np.int32)
    for y in range(window.height):
        for x in range(window.width):
            v, u = window.top + y, window.left + x
            if labels[v, u] >= OPEN:
                sided[y, x] = 2 * codes[v, u] + (labels[v, u] & 1)
    return sided


@kernel
def pull(grid: Grid, sided: NDArray[np.int32], units: NDArray[np.int32], sign: int) -> None:
    """Add the `units` of its colour, times `sign`, to the excess of each open pixel of a window; see `side`."""
    for y in range(sided.shape[0]):
        node = (y + 1) * (sided.shape[1] + 2) + 1
        for x in range(sided.shape[1]):
            if sided[y, x] >= 0:
                grid.excess[node + x] += sign * units[sided[y, x] >> 1]


@kernel
def settle(grid: Grid, sided: NDArray[np.int32], counts: Counts) -> None:
    """Move the open pixels to the side of the cut where they are, in `sided` and in the `counts` of colours."""
    for y in range(sided.shape[0]):
        node = (y + 1) * (sided.shape[1] + 2) + 1
        for x in range(sided.shape[1]):
            code, before = sided[y, x] >> 1, sided[y, x] & 1
            after = 1 if grid.distance[node + x] == FAR else 0
            if sided[y, x] >= 0 and before != after:
                sided[y, x] ^= 1
                counts[after][code] += 1
                counts[before][code] -= 1
