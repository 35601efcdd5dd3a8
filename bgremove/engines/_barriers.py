"""How much colours must change between a pixel and the border: the minimum barrier distance.

Zhang and others 2015, https://doi.org/10.1109/ICCV.2015.165. The barrier of a path is the difference between the most
and the least on it; that of a pixel is the one of its best path from where paths start.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bgremove.engines._compile import kernel
from bgremove.engines._energy import OPEN
from bgremove.types import Image, Mask, Rect

Field = NDArray[np.float32]

STARTS = 5
"""Where paths start: at all pixels that are not open; above the box, below it, left of it, right of it, each time in at
least one row or column."""

_LANES = 16  # three channels of each start, which one instruction handles together, and one that stays idle
_PIXEL = 3 * _LANES
_PASSES = 4  # over the image, from either end in turn: more change hardly any distance
_LIGHTNESS = 0.4  # of a step in lightness against one in hue; 8-bit Lab stretches it by 2.55
_UNKNOWN = 1000  # the most on a path that is not known yet, when the least is 0: more than any barrier


def make_paths(height: int, width: int) -> NDArray[np.int16]:
    """To work in: for each pixel its values, lane by lane, then the least and then the most on the best paths known."""
    return np.empty((height, width * _PIXEL), np.int16)


@kernel
def sides_of(box: Rect, height: int, width: int) -> tuple[int, int, int, int]:
    """The first row of the image that is not above the box, the first below it, and so columns."""
    return max(1, box.y), min(height - 1, box.y + box.height), max(1, box.x), min(width - 1, box.x + box.width)


@kernel
def measure_barriers(lab: Image, labels: Mask, box: Rect, paths: NDArray[np.int16], barriers: Field) -> None:
    """Write the barriers of all `STARTS`, summed over the channels, as ``(H, W, STARTS)``; some passes are enough."""
    height, width = labels.shape
    _start(lab, labels, box, paths)
    for number in range(_PASSES):
        step = 1 if number % 2 == 0 else -1
        for i in range(height):
            y = i if step > 0 else height - 1 - i
            row = paths[y]
            for j in range(width):
                x = (j if step > 0 else width - 1 - j) * _PIXEL
                if i > 0:
                    _improve(row[x : x + _PIXEL], paths[y - step, x : x + _PIXEL])
                if j > 0:
                    before = x - step * _PIXEL
                    _improve(row[x : x + _PIXEL], row[before : before + _PIXEL])
    for y in range(height):
        for x in range(width):
            _sum(paths[y, x * _PIXEL : (x + 1) * _PIXEL], barriers[y, x])


@kernel
def _start(lab: Image, labels: Mask, box: Rect, paths: NDArray[np.int16]) -> None:
    """All paths unknown, but those of the pixels that they start at."""
    height, width = labels.shape
    top, bottom, left, right = sides_of(box, height, width)
    for y in range(height):
        for x in range(width):
            path = paths[y, x * _PIXEL : (x + 1) * _PIXEL]
            starts = labels[y, x] < OPEN, y < top, y >= bottom, x < left, x >= right
            path[_LANES - 1] = path[2 * _LANES - 1] = path[3 * _LANES - 1] = 0
            for channel in range(3):
                value = np.int16(lab[y, x, channel])
                for start in range(STARTS):
                    lane = channel * STARTS + start
                    path[lane] = value
                    path[_LANES + lane] = value if starts[start] else np.int16(0)
                    path[2 * _LANES + lane] = value if starts[start] else np.int16(_UNKNOWN)


@kernel
def _improve(path: NDArray[np.int16], other: NDArray[np.int16]) -> None:
    """Take the other's paths and a step more where that is better."""
    for k in range(_LANES):
        value, low, high = path[k], path[k + _LANES], path[k + 2 * _LANES]
        least, most = min(other[k + _LANES], value), max(other[k + 2 * _LANES], value)
        better = np.int16(most - least) < np.int16(high - low)
        path[k + _LANES] = least if better else low
        path[k + 2 * _LANES] = most if better else high


@kernel
def _sum(path: NDArray[np.int16], barriers: Field) -> None:
    for start in range(STARTS):
        barrier = np.float32(0)
        for channel in range(3):
            lane = channel * STARTS + start
            change = path[lane + 2 * _LANES] - path[lane + _LANES]
            barrier += np.float32(_LIGHTNESS * change if channel == 0 else change)
        barriers[start] = barrier
