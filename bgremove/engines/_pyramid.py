"""The same image and labels at smaller and smaller sizes."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from bgremove.engines._compile import kernel
from bgremove.engines._energy import OPEN
from bgremove.types import Foreground, Image, Mask


class Level(NamedTuple):
    """An image at one size."""

    image: Image
    labels: Mask


_HALVING = 2.5
"""Sizes differ by a factor of 2, the two smallest by up to this."""

_STROKE = 4  # added to what a cell is otherwise, while it may be part of a thin stroke of certain background


def build(image: Image, labels: Mask, shrink: float) -> list[Level]:
    """The image itself, halved again and again, and last of all with ``1 / shrink`` of its sides. 3 bytes a pixel."""
    levels = [Level(image, labels)]
    while shrink > 1:
        level = levels[-1]
        ratio = shrink if shrink < _HALVING else 2.0
        height, width = (max(1, round(side / ratio)) for side in level.labels.shape)
        smaller = cv2.resize(level.image, (width, height), interpolation=cv2.INTER_AREA)
        levels.append(Level(np.asarray(smaller, np.uint8), reduce(level.labels, height, width)))
        shrink /= ratio
    return levels


def reduce(labels: Mask, height: int, width: int) -> Mask:
    """Labels at a smaller size, where each pixel is a cell of some of the given ones.

    Certain foreground is never lost, but where there is more certain background. Certain background is kept in cells
    that it fills by half, and in strokes too thin for that; beside a larger area of it, a cell with less stays open, so
    that the area does not grow over the object. Open cells start where more of their open pixels do.

    >>> from bgremove.types import Label
    >>> labels = np.full((4, 8), Label.PROBABLY_FOREGROUND, np.uint8)
    >>> labels[:, :3] = Label.BACKGROUND
    >>> labels[1, 6] = Label.FOREGROUND
    >>> reduce(labels, 2, 4)
    array([[0, 0, 3, 1],
           [0, 0, 3, 3]], dtype=uint8)
    """
    marks, smaller = np.empty((2, height, width), np.uint8)
    rows, columns = (_cells(count, size) for count, size in zip((height, width), labels.shape, strict=True))
    _mark(np.ascontiguousarray(labels), marks, rows, columns, np.empty(4, np.int64))
    _decide(marks, smaller)
    return smaller


def enlarge(foreground: Foreground, labels: Mask) -> Foreground:
    """The foreground at the size of `labels`, which have the last word where they are certain."""
    height, width = labels.shape
    shades = cv2.resize(foreground * np.uint8(255), (width, height), interpolation=cv2.INTER_LINEAR)
    _round(np.asarray(shades, np.uint8).reshape(-1), np.ascontiguousarray(labels).reshape(-1))
    return np.asarray(shades.view(np.bool_))


@kernel
def _round(shades: NDArray[np.uint8], labels: Mask) -> None:
    """Make every shade 0 or 1."""
    for i in range(len(shades)):
        shades[i] = shades[i] >> 7 if labels[i] >= OPEN else labels[i]


def _cells(count: int, size: int) -> NDArray[np.int64]:
    """``(2, count)``: the first, and one past the last, of the `size` pixels that each cell touches."""
    numbers = np.arange(count)
    return np.stack([numbers * size // count, ((numbers + 1) * size + count - 1) // count])


@kernel
def _mark(
    labels: Mask,
    marks: NDArray[np.uint8],
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
    counts: NDArray[np.int64],
) -> None:
    """Give each cell the label that its pixels ask for, plus `_STROKE` where some are certain background."""
    height, width = marks.shape
    for i in range(height):
        top, bottom = rows[0, i], rows[1, i]
        for j in range(width):
            left, right = columns[0, j], columns[1, j]
            first = labels[top, left]
            same = (
                first == labels[top, right - 1]
                and first == labels[bottom - 1, left]
                and first == labels[bottom - 1, right - 1]
            )
            if same and (bottom - top > 2 or right - left > 2):  # the corners are not all of it
                for y in range(top, bottom):
                    for x in range(left, right):
                        same &= labels[y, x] == first
            if same:
                marks[i, j] = first
                continue
            counts[:] = 0
            for y in range(top, bottom):
                for x in range(left, right):
                    counts[labels[y, x]] += 1
            if counts[1] > 0 and counts[1] >= counts[0]:
                marks[i, j] = 1
            elif 2 * counts[0] >= (bottom - top) * (right - left):
                marks[i, j] = 0
            else:
                marks[i, j] = (3 if counts[3] >= counts[2] else 2) + (_STROKE if counts[0] > 0 else 0)


@kernel
def _decide(marks: NDArray[np.uint8], labels: Mask) -> None:
    """Tell strokes of certain background from the fringe of larger areas, which lies beside a filled cell."""
    height, width = marks.shape
    for i in range(height):
        for j in range(width):
            mark = marks[i, j]
            if mark >= _STROKE:
                mark -= _STROKE
                beside_filled = False
                for y in range(max(0, i - 1), min(height, i + 2)):
                    for x in range(max(0, j - 1), min(width, j + 2)):
                        beside_filled |= marks[y, x] == 0
                if not beside_filled:
                    mark = 0
            labels[i, j] = mark
