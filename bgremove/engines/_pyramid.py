"""The same image and labels at smaller and smaller sizes."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from bgremove.engines._boxes import open_box
from bgremove.engines._compile import kernel
from bgremove.engines._energy import OPEN
from bgremove.rows import in_threads, parts_of
from bgremove.types import Foreground, Image, Mask


class Level(NamedTuple):
    """An image at one size."""

    rows: Image
    """C-contiguous; the image is some of its columns."""
    label_rows: Mask
    """C-contiguous; the labels are the same columns."""
    columns: slice

    @property
    def image(self) -> Image:
        return self.rows[:, self.columns]

    @property
    def labels(self) -> Mask:
        return self.label_rows[:, self.columns]


_HALVING = 2.5
"""Sizes differ by a factor of 2, the two smallest by up to this."""
_BLOCK = 64  # cells that are looked at together
_CELLS = 2**18  # of a band

_STROKE = 4  # added to what a cell is otherwise, while it may be part of a thin stroke of certain background


def build(largest: Level, shrink: float) -> list[Level]:
    """The image itself, halved again and again, and last of all with ``1 / shrink`` of its sides. 3 bytes a pixel.

    It ends before an image that is too small to show any open pixel, as one of a few rows may be.
    """
    levels = [largest]
    while shrink > 1:
        level = levels[-1]
        ratio = shrink if shrink < _HALVING else 2.0
        height, width = (max(1, side // 2 if ratio == 2 else round(side / ratio)) for side in level.labels.shape)
        rows, columns = _covered(level, height, width)
        smaller = np.empty((height, width, 3), np.uint8)
        cv2.resize(level.rows[rows, columns], (width, height), smaller, interpolation=cv2.INTER_AREA)
        levels.append(Level(smaller, reduce(level.label_rows[rows], height, width, columns), slice(0, width)))
        shrink /= ratio
    while len(levels) > 1 and open_box(levels[-1].labels).width == 0:
        levels.pop()
    return levels


def _covered(level: Level, height: int, width: int) -> tuple[slice, slice]:
    """The part that a smaller image shows: all, but for an odd row or column beside exact halves.

    Exact halves take a tenth of the time of nearly exact ones.
    """
    rows, columns = level.labels.shape
    if rows // 2 == height and columns // 2 == width:
        return slice(2 * height), slice(level.columns.start, level.columns.start + 2 * width)
    return slice(None), level.columns


def reduce(labels: Mask, height: int, width: int, columns: slice = slice(None)) -> Mask:
    """Some columns of labels at a smaller size, where each pixel is a cell of some of the given ones.

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
    left, right, _ = columns.indices(labels.shape[1])

    def mark(band: slice) -> None:
        _mark(labels, left, right, marks, band.start, band.stop, np.empty(4, np.int64))

    in_threads(mark, parts_of(height, width, _CELLS))
    _decide(marks, smaller)
    return smaller


def enlarge(foreground: Foreground, labels: Mask, columns: slice = slice(None)) -> tuple[Foreground, int]:
    """The foreground at the size of some columns of `labels`, which have the last word where they are certain.

    And how many pixels it has.
    """
    left, right, _ = columns.indices(labels.shape[1])
    height, width = len(labels), right - left
    larger, sides = np.empty((height, width), np.uint8), foreground.view(np.uint8)
    double = foreground.shape == (height // 2, width // 2)
    if not double:  # 255 times as much, and less than half of it is nothing
        cv2.resize(cv2.convertScaleAbs(sides, alpha=255), (width, height), larger, interpolation=cv2.INTER_LINEAR)

    def fill(band: slice) -> int:
        return _enlarge(sides, labels, left, band.start, band.stop, double, larger)

    return larger.view(np.bool_), sum(in_threads(fill, parts_of(height, width)))


@kernel
def _enlarge(foreground: Mask, labels: Mask, left: int, first: int, stop: int, double: int, larger: Mask) -> int:
    """Write some rows, from `foreground` where it is to be doubled, else from shades; returns the sum.

    Interpolated and rounded, a pixel is as the one it is part of.
    """
    height, (_, wide), total = foreground.shape[0], larger.shape, 0
    for y in range(first, stop):
        row, certain, out = foreground[min(y // 2, height - 1)], labels[y, left : left + wide], larger[y]
        if double:
            _double_row(row, certain, out)
        else:
            for x in range(wide):
                out[x] = out[x] >> 7 if certain[x] >= OPEN else certain[x]
        count = 0
        for x in range(wide):
            count += out[x]
        total += count
    return total


@kernel
def _double_row(row: NDArray[np.uint8], labels: NDArray[np.uint8], larger: NDArray[np.uint8]) -> None:
    width = len(row)
    for x in range(width):
        larger[2 * x] = row[x] if labels[2 * x] >= OPEN else labels[2 * x]
        larger[2 * x + 1] = row[x] if labels[2 * x + 1] >= OPEN else labels[2 * x + 1]
    if len(larger) > 2 * width:
        larger[2 * width] = row[width - 1] if labels[2 * width] >= OPEN else labels[2 * width]


@kernel
def _mark(
    labels: Mask, left: int, right: int, marks: NDArray[np.uint8], first: int, stop: int, counts: NDArray[np.int64]
) -> None:
    """Give some rows of cells the labels that their pixels ask for, plus `_STROKE` where some are certain background.

    Most cells of two by two lie among others with the same label.
    """
    height, width = marks.shape
    pairs = len(labels) == 2 * height and right - left == 2 * width
    for i in range(first, stop):
        if not pairs:
            _mark_row(labels, left, right, marks, i, 0, width, counts)
            continue
        for begin in range(0, width, _BLOCK):
            end = min(width, begin + _BLOCK)
            above, below = labels[2 * i, left + 2 * begin : right], labels[2 * i + 1, left + 2 * begin : right]
            if not _copied_alike(above, below, marks[i, begin:end]):
                _mark_row(labels, left, right, marks, i, begin, end, counts)


@kernel
def _mark_row(
    labels: Mask,
    first_column: int,
    stop_column: int,
    marks: NDArray[np.uint8],
    i: int,
    begin: int,
    end: int,
    counts: NDArray[np.int64],
) -> None:
    (height, width), size, across = marks.shape, len(labels), stop_column - first_column
    top, bottom = i * size // height, ((i + 1) * size + height - 1) // height
    for j in range(begin, end):
        left, right = first_column + j * across // width, first_column + ((j + 1) * across + width - 1) // width
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
def _copied_alike(above: NDArray[np.uint8], below: NDArray[np.uint8], marks: NDArray[np.uint8]) -> bool:
    """Give each cell one of its four labels; whether all four are the same in each."""
    differing = np.uint8(0)
    for j in range(len(marks)):
        first = above[2 * j]
        differing |= (first ^ above[2 * j + 1]) | (first ^ below[2 * j]) | (first ^ below[2 * j + 1])
        marks[j] = first
    return bool(differing == 0)


@kernel
def _decide(marks: NDArray[np.uint8], labels: Mask) -> None:
    """Tell strokes of certain background from the fringe of larger areas, which lies beside a filled cell."""
    for i in range(marks.shape[0]):
        if not _copied_without_strokes(marks[i], labels[i]):
            _decide_row(marks, i, labels[i])


@kernel
def _copied_without_strokes(marks: NDArray[np.uint8], labels: NDArray[np.uint8]) -> bool:
    """Give each cell its mark as its label; whether all are labels."""
    most = np.uint8(0)
    for j in range(len(marks)):
        most |= marks[j]
        labels[j] = marks[j]
    return bool(most < _STROKE)


@kernel
def _decide_row(marks: NDArray[np.uint8], i: int, labels: NDArray[np.uint8]) -> None:
    height, width = marks.shape
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
        labels[j] = mark
