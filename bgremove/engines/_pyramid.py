"""The same image and labels at smaller and smaller sizes."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from bgremove.engines._compile import kernel
from bgremove.engines._energy import OPEN
from bgremove.rows import bands_of, in_threads
from bgremove.types import Foreground, Image, Label, Mask


class Level(NamedTuple):
    """An image at one size."""

    rows: Image
    """C-contiguous; the image is some of its columns."""
    left: int
    """The first of these."""
    labels: Mask

    @property
    def image(self) -> Image:
        return self.rows[:, self.left : self.left + self.labels.shape[1]]


_HALVING = 2.5
"""Sizes differ by a factor of 2, the two smallest by up to this."""
_BLOCK = 64  # cells that are looked at together
_CELLS = 2**18  # of a band

_STROKE = 4  # added to what a cell is otherwise, while it may be part of a thin stroke of certain background


def build(largest: Level, shrink: float) -> list[Level]:
    """The image itself, halved again and again, and last of all with ``1 / shrink`` of its sides. 3 bytes a pixel."""
    levels = [largest]
    while shrink > 1:
        level = levels[-1]
        ratio = shrink if shrink < _HALVING else 2.0
        height, width = (max(1, side // 2 if ratio == 2 else round(side / ratio)) for side in level.labels.shape)
        part = _covered(level.labels, height, width)
        smaller = cv2.resize(level.image[part], (width, height), interpolation=cv2.INTER_AREA)
        levels.append(Level(np.asarray(smaller, np.uint8), 0, reduce(level.labels[part], height, width)))
        shrink /= ratio
    return levels


def _covered(labels: Mask, height: int, width: int) -> tuple[slice, slice]:
    """The part that a smaller image shows: all, but for an odd row or column beside exact halves.

    Exact halves take a tenth of the time of nearly exact ones.
    """
    if labels.shape[0] // 2 == height and labels.shape[1] // 2 == width:
        return slice(2 * height), slice(2 * width)
    return slice(None), slice(None)


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
    mark = _mark_pairs if labels.shape == (2 * height, 2 * width) else _mark

    def mark_some(band: slice) -> None:
        touched = rows[:, band]
        top, bottom = int(touched[0, 0]), int(touched[1, -1])
        part = np.ascontiguousarray(labels[top:bottom])
        mark(part, marks[band], touched - top, columns, np.empty(4, np.int64))

    in_threads(mark_some, bands_of(height, width, _CELLS))
    _decide(marks, smaller)
    return smaller


def enlarge(foreground: Foreground, labels: Mask) -> Foreground:
    """The foreground at the size of `labels`, which have the last word where they are certain."""
    height, width = labels.shape
    if foreground.shape != (height // 2, width // 2):
        shades = cv2.resize(foreground * np.uint8(255), (width, height), interpolation=cv2.INTER_LINEAR)
        return np.where(labels >= OPEN, shades >= 128, labels == Label.FOREGROUND)
    larger = np.empty((height, width), np.uint8)

    def double(band: slice) -> None:
        _double(foreground.view(np.uint8), np.ascontiguousarray(labels[band]), band.start, larger[band])

    in_threads(double, bands_of(height, width))
    return larger.view(np.bool_)


@kernel
def _double(foreground: Mask, labels: Mask, first: int, larger: Mask) -> None:
    """Enlarge by 2, for the rows from the `first` on: interpolated and rounded, a pixel is as the one it is part of."""
    height, width = foreground.shape
    for i in range(len(larger)):
        row, certain, out = foreground[min((first + i) // 2, height - 1)], labels[i], larger[i]
        for x in range(width):
            out[2 * x] = row[x] if certain[2 * x] >= OPEN else certain[2 * x]
            out[2 * x + 1] = row[x] if certain[2 * x + 1] >= OPEN else certain[2 * x + 1]
        if len(out) > 2 * width:
            out[2 * width] = row[width - 1] if certain[2 * width] >= OPEN else certain[2 * width]


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
    for i in range(marks.shape[0]):
        _mark_row(labels, marks[i], rows[:, i], columns, counts)


@kernel
def _mark_row(
    labels: Mask,
    marks: NDArray[np.uint8],
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
    counts: NDArray[np.int64],
) -> None:
    top, bottom = rows[0], rows[1]
    for j in range(len(marks)):
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
            marks[j] = first
            continue
        counts[:] = 0
        for y in range(top, bottom):
            for x in range(left, right):
                counts[labels[y, x]] += 1
        if counts[1] > 0 and counts[1] >= counts[0]:
            marks[j] = 1
        elif 2 * counts[0] >= (bottom - top) * (right - left):
            marks[j] = 0
        else:
            marks[j] = (3 if counts[3] >= counts[2] else 2) + (_STROKE if counts[0] > 0 else 0)


@kernel
def _mark_pairs(
    labels: Mask,
    marks: NDArray[np.uint8],
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
    counts: NDArray[np.int64],
) -> None:
    """`_mark` for cells of two by two, most of which lie among others with the same label."""
    height, width = marks.shape
    for i in range(height):
        for begin in range(0, width, _BLOCK):
            end = min(width, begin + _BLOCK)
            above, below = labels[2 * i, 2 * begin : 2 * end], labels[2 * i + 1, 2 * begin : 2 * end]
            if not _copied_alike(above, below, marks[i, begin:end]):
                _mark_row(labels, marks[i, begin:end], rows[:, i], columns[:, begin:end], counts)


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
