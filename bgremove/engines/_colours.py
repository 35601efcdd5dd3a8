"""How often colours are met, and where: sums over the pixels whose colours are nearly the same.

Colours that differ a little are taken together, in bins; half of a bin's sum is shared with the bins next to it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bgremove.engines._compile import kernel
from bgremove.types import Image

Sums = NDArray[np.float64]

_BITS = (4, 3, 3)  # of an 8-bit channel that are left out: bins are (16, 32, 32)
_SIDES = (18, 34, 34)  # one more on each side, whose sums stay 0
_CODES = _SIDES[0] * _SIDES[1] * _SIDES[2]
_AXES = (0, 1, 1, 2, 2)  # along which sums are shared, in turn
_REACH = (1, 2, 2)  # how far they get


class Space(NamedTuple):
    """What sums are computed in."""

    codes: NDArray[np.int32]
    """(H, W): the bin of each pixel."""
    sums: Sums
    """(bins * number,)"""
    shared: Sums
    number: int
    """Of sums for each bin."""


def make_space(height: int, width: int, number: int) -> Space:
    """For so many sums of each bin."""
    sums, shared = np.empty((2, _CODES * number))
    return Space(np.empty((height, width), np.int32), sums, shared, number)


@kernel
def part_of(sums: Sums, space: Space, y: int, x: int) -> Sums:
    """The sums of the colour of a pixel."""
    begin = space.codes[y, x] * space.number
    return sums[begin : begin + space.number]


@kernel
def clear_sums(lab: Image, space: Space) -> tuple[int, ...]:
    """Find the bin of each pixel, and set the sums to 0 wherever they can come to be more: the box that it returns."""
    height, width = space.codes.shape
    least, most = (_SIDES[0], _SIDES[1], _SIDES[2]), (0, 0, 0)
    for y in range(height):
        for x in range(width):
            a, b, c = _bin(lab, y, x, 0), _bin(lab, y, x, 1), _bin(lab, y, x, 2)
            space.codes[y, x] = (a * _SIDES[1] + b) * _SIDES[2] + c
            least = min(least[0], a), min(least[1], b), min(least[2], c)
            most = max(most[0], a), max(most[1], b), max(most[2], c)
    box = (
        max(1, least[0] - _REACH[0]), min(_SIDES[0] - 1, most[0] + _REACH[0] + 1),
        max(1, least[1] - _REACH[1]), min(_SIDES[1] - 1, most[1] + _REACH[1] + 1),
        max(1, least[2] - _REACH[2]), min(_SIDES[2] - 1, most[2] + _REACH[2] + 1),
    )  # fmt: skip
    for a in range(box[0] - 1, box[1] + 1):
        for b in range(box[2] - 1, box[3] + 1):
            begin, end = _code(a, b, box[4] - 1) * space.number, _code(a, b, box[5] + 1) * space.number
            space.sums[begin:end] = 0
            space.shared[begin:end] = 0
    return box


@kernel
def _bin(lab: Image, y: int, x: int, channel: int) -> int:
    return (int(lab[y, x, channel]) >> _BITS[channel]) + 1


@kernel
def _code(a: int, b: int, c: int) -> int:
    return (a * _SIDES[1] + b) * _SIDES[2] + c


@kernel
def share_sums(space: Space, box: tuple[int, ...]) -> None:
    """Let bins share their sums with those next to them; what comes of it is in ``space.shared``."""
    source, target, number = space.sums, space.shared, space.number
    for turn in range(5):
        axis = _AXES[turn]
        step = number * (1 if axis == 2 else _SIDES[2] if axis == 1 else _SIDES[1] * _SIDES[2])
        for a in range(box[0], box[1]):
            for b in range(box[2], box[3]):
                begin, end = _code(a, b, box[4]) * number, _code(a, b, box[5]) * number
                _share(
                    source[begin:end], source[begin - step : end - step], source[begin + step : end + step],
                    target[begin:end],
                )  # fmt: skip
        source, target = target, source


@kernel
def _share(sums: Sums, before: Sums, after: Sums, shared: Sums) -> None:
    for i in range(len(shared)):
        shared[i] = 0.5 * sums[i] + 0.25 * before[i] + 0.25 * after[i]


@kernel
def total_of(space: Space, box: tuple[int, ...], which: int) -> float:
    """Of one of the shared sums."""
    total = 0.0
    for a in range(box[0], box[1]):
        for b in range(box[2], box[3]):
            for code in range(_code(a, b, box[4]), _code(a, b, box[5])):
                total += space.shared[code * space.number + which]
    return max(total, 1e-9)
