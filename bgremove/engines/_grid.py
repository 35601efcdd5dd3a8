"""The GrabCut energy of an image written into a `Grid` of the max-flow solver, in whole numbers.

Energies are counted in units of ``1 / SCALE``, so that sums are exact.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from bgremove.engines._gmm import Mixtures, preference
from bgremove.engines._maxflow import DIRECTIONS, Grid

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


@njit(nogil=True, cache=True)
def link(
    grid: Grid,
    image: NDArray[np.uint8],
    top: int,
    left: int,
    height: int,
    width: int,
    still: NDArray[np.bool_],
    foreground: NDArray[np.bool_],
    beta: float,
) -> None:
    """Link the open pixels of the window at ``(top, left)`` to each other.

    Links to pixels that are certain (`still`) become excess, since the far end of such a link stays where it is.
    """
    rows, columns = image.shape[:2]
    stride = width + 2
    for y in range(top, top + height):
        for x in range(left, left + width):
            if still[y, x]:
                continue
            node = (y - top + 1) * stride + x - left + 1
            for direction in range(8):
                v, u = y + _STEPS[direction, 0], x + _STEPS[direction, 1]
                if not (0 <= v < rows and 0 <= u < columns):
                    continue
                peak = GAMMA if direction < 4 else GAMMA / math.sqrt(2.0)
                weight = round(peak * math.exp(-beta * _difference(image, y, x, v, u)) * SCALE)
                if not still[v, u]:
                    grid.residual[node, direction] = weight
                elif foreground[v, u]:
                    grid.excess[node] += weight
                else:
                    grid.excess[node] -= weight


@njit(nogil=True, cache=True)
def pull(
    grid: Grid,
    image: NDArray[np.uint8],
    top: int,
    left: int,
    height: int,
    width: int,
    still: NDArray[np.bool_],
    mixtures: Mixtures,
    given: NDArray[np.int32],
) -> None:
    """Give each open pixel the excess that its colour asks for, instead of what it was `given` before."""
    stride = width + 2
    for y in range(height):
        for x in range(width):
            if still[top + y, left + x]:
                continue
            wish = preference(mixtures, image[top + y, left + x])
            # Neither side knows the colour: cv2 takes such a pixel for certain foreground.
            wish = _SURE if math.isnan(wish) else min(max(wish, -_SURE), _SURE)
            units = round(wish * SCALE)
            grid.excess[(y + 1) * stride + x + 1] += units - given[y, x]
            given[y, x] = units
