"""The GrabCut energy of an image written into a `Grid` of the max-flow solver, in whole numbers.

Energies are counted in units of ``1 / SCALE``, so that sums are exact.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from bgremove.engines._gmm import Mixtures, preference
from bgremove.engines._maxflow import DIRECTIONS, FAR, Grid

SCALE = 2**21
"""Units in an energy of 1. An excess is at most 683 of energy, which is below 2**31 units."""

GAMMA = 50.0
"""Energy of a link between equal colours side by side; 1/sqrt(2) of it diagonally."""

_SURE = 342.0  # more than all eight links of a pixel: it goes where its colour says
_STEPS = np.array(DIRECTIONS)


@njit(nogil=True, cache=True)
def contrast(image: NDArray[np.uint8]) -> float:
    """``beta``: one over twice the mean squared colour difference of neighbours; 0 if all are equal."""
    height, width = image.shape[:2]
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
    return 1.0 / (2 * float(total) / (4 * width * height - 3 * width - 3 * height + 2))


@njit(nogil=True, cache=True)
def _difference(image: NDArray[np.uint8], y: int, x: int, v: int, u: int) -> int:
    a = np.int64(image[y, x, 0]) - image[v, u, 0]
    b = np.int64(image[y, x, 1]) - image[v, u, 1]
    c = np.int64(image[y, x, 2]) - image[v, u, 2]
    return a * a + b * b + c * c


class Window(NamedTuple):
    """The part of an image that the grid covers: the bounding box of the open pixels."""

    top: int
    left: int
    height: int
    width: int


def window_of(still: NDArray[np.bool_]) -> Window:
    """The bounding box of the pixels that are not `still`; at least one is not."""
    rows, columns = (np.flatnonzero(~still.all(axis)) for axis in (1, 0))
    top, left = int(rows[0]), int(columns[0])
    return Window(top, left, int(rows[-1]) + 1 - top, int(columns[-1]) + 1 - left)


@njit(nogil=True, cache=True)
def link(
    grid: Grid, image: NDArray[np.uint8], window: Window, still: NDArray[np.bool_], foreground: NDArray[np.bool_]
) -> None:
    """Link the open pixels in the `window` to each other.

    A link to a certain (`still`) pixel becomes excess, since that end stays where `foreground` says.
    """
    beta = contrast(image)
    straight = _strengths(beta, GAMMA)
    diagonal = _strengths(beta, GAMMA / math.sqrt(2.0))
    top, left, height, width = window
    rows, columns = image.shape[:2]
    for y in range(top, top + height):
        for x in range(left, left + width):
            if still[y, x]:
                continue
            node = (y - top + 1) * (width + 2) + x - left + 1
            for direction in range(8):
                v, u = y + _STEPS[direction, 0], x + _STEPS[direction, 1]
                if not (0 <= v < rows and 0 <= u < columns):
                    continue
                table = straight if direction < 4 else diagonal
                difference = _difference(image, y, x, v, u)
                strength = table[difference] if difference < len(table) else 0
                if not still[v, u]:
                    grid.residual[node, direction] = strength
                elif foreground[v, u]:
                    grid.excess[node] += strength
                else:
                    grid.excess[node] -= strength


@njit(nogil=True, cache=True)
def _strengths(beta: float, peak: float) -> NDArray[np.int32]:
    """Capacity of a link by the squared difference of its two colours, as far as it is above 0."""
    greatest = 3 * 255 * 255
    if beta > 0:
        greatest = min(greatest, int(math.log(2 * peak * SCALE) / beta))
    strengths = np.empty(greatest + 1, np.int32)
    for difference in range(greatest + 1):
        strengths[difference] = round(peak * math.exp(-beta * difference) * SCALE)
    return strengths


@njit(nogil=True, cache=True)
def wishes(
    colours: NDArray[np.uint8], open_: NDArray[np.bool_], mixtures: Mixtures, units: NDArray[np.int32],
    change: NDArray[np.int32],
) -> None:
    """Excess that each colour asks for where it is on open pixels, in `units`, and its `change` since the last call."""
    for i in range(len(colours)):
        if open_[i]:
            wish = round(min(max(preference(mixtures, colours[i]), -_SURE), _SURE) * SCALE)
            change[i] = wish - units[i]
            units[i] = wish


@njit(nogil=True, cache=True)
def pull(
    grid: Grid, window: Window, codes: NDArray[np.int32], still: NDArray[np.bool_], change: NDArray[np.int32]
) -> None:
    """Add to the excess of each open pixel the `change` that its colour asks for."""
    top, left, height, width = window
    for y in range(height):
        for x in range(width):
            if not still[top + y, left + x]:
                grid.excess[(y + 1) * (width + 2) + x + 1] += change[codes[top + y, left + x]]


@njit(nogil=True, cache=True)
def settle(
    grid: Grid, window: Window, codes: NDArray[np.int32], still: NDArray[np.bool_], foreground: NDArray[np.bool_],
    counts: NDArray[np.int32],
) -> None:
    """Move the open pixels to the side of the cut where they are, in `foreground` and in the `counts` of colours."""
    top, left, height, width = window
    for y in range(height):
        for x in range(width):
            v, u = top + y, left + x
            if still[v, u]:
                continue
            side = grid.distance[(y + 1) * (width + 2) + x + 1] == FAR
            if side != foreground[v, u]:
                foreground[v, u] = side
                counts[1 if side else 0, codes[v, u]] += 1
                counts[0 if side else 1, codes[v, u]] -= 1
