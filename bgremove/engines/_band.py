"""GrabCut's energy minimised over some pixels of an image, while all others keep their label.

A band around a boundary is cut into square windows that overlap, and each is solved by itself on a small grid that fits
the processor's cache. A window sees what the ones before it decided: what lies on its rim or beyond stays. Since the
band is far narrower than a window, the cuts join as one. Time and memory belong to the band, not to the image.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bgremove.engines._compile import kernel
from bgremove.engines._energy import (
    BLOCK,
    OPEN,
    GMMs,
    first_and_last,
    link_neighbours,
    make_scratch,
    terminal_weights,
)
from bgremove.engines._grid import DIRECTIONS, FAR, Grid, make_grid
from bgremove.engines._maxflow import Shell, make_shell, solve_within
from bgremove.rows import in_threads
from bgremove.types import Foreground, Image, Mask, Rect

_CORE, _OVERLAP = 48, 4  # sides of the squares the image is cut into, and how far a window reaches beyond its square
_SIDE = _CORE + 2 * _OVERLAP
_STRIPS = 4  # rows of squares that are cut by one call
_STEPS = np.array(DIRECTIONS)


class Buffers(NamedTuple):
    """What `add_terminal_weights` computes in: of some open pixels, one after the other."""

    colours: NDArray[np.uint8]
    """(3, BLOCK)"""
    nodes: NDArray[np.int32]
    """(BLOCK,)"""
    weights: NDArray[np.int32]
    """(BLOCK,): of their links to the terminals."""
    scratch: NDArray[np.float64]
    """See `bgremove.engines._energy.make_scratch`."""


class _Space(NamedTuple):
    """What `cut_windows` computes in."""

    grid: Grid
    shell: Shell
    buffers: Buffers
    columns: Mask
    """(W,): where some row of a row of squares has band."""


def cut_band(image: Image, foreground: Foreground, band: Mask, gmms: GMMs, beta: float, left: int = 0) -> None:
    """Decide the pixels of `band`, which is 1 there and 0 elsewhere, anew, in place.

    Every other row of squares first, then the rest: rows of one turn do not overlap, and may be cut at the same time.
    Column 0 of foreground and band is column `left` of the image.
    """
    spaces: list[_Space] = []  # one for each thread

    def cut_rows(first: int) -> None:
        try:
            space = spaces.pop()
        except IndexError:
            space = _make_space(band.shape[1])
        cut_windows(image, left, foreground.view(np.uint8), band, first, gmms, beta, space)
        spaces.append(space)

    for first in (0, _CORE):
        in_threads(cut_rows, range(first, len(band), 2 * _STRIPS * _CORE))


def _make_space(width: int) -> _Space:
    grid = make_grid(_SIDE, _SIDE)
    return _Space(grid, make_shell(2 * grid.excess.size + 4), make_buffers(), np.empty(width, np.uint8))


def make_buffers() -> Buffers:
    """What `add_terminal_weights` computes in."""
    return Buffers(np.empty((3, BLOCK), np.uint8), np.empty(BLOCK, np.int32), np.empty(BLOCK, np.int32), make_scratch())


@kernel
def cut_windows(
    image: Image, left: int, labels: Mask, band: Mask, first: int, gmms: GMMs, beta: float, space: _Space
) -> None:
    """Cut some of every other row of squares, of which the `first` begins at this row.

    Of a window there is solved what holds its part of the band, and a pixel around that.
    """
    height, width = band.shape
    for top in range(first, min(height, first + 2 * _STRIPS * _CORE), 2 * _CORE):
        columns = space.columns
        columns[:] = 0
        for y in range(top, min(height, top + _CORE)):
            _add_row(columns, band[y])
        begin, end = first_and_last(columns, 0, width, 1)
        for x in range(begin, end, _CORE):
            if first_and_last(columns, x, min(width, x + _CORE), 1)[1] > x:
                rows = max(0, top - _OVERLAP), min(height, top + _CORE + _OVERLAP)
                across = max(0, begin - _OVERLAP, x - _OVERLAP), min(width, end + _OVERLAP, x + _CORE + _OVERLAP)
                _cut_window(image, left, labels, band, rows, across, gmms, beta, space)


@kernel
def _add_row(columns: Mask, row: Mask) -> None:
    for u in range(len(columns)):
        columns[u] |= row[u]


@kernel
def _cut_window(
    image: Image,
    left: int,
    labels: Mask,
    band: Mask,
    rows: tuple[int, int],
    columns: tuple[int, int],
    gmms: GMMs,
    beta: float,
    space: _Space,
) -> None:
    grid, shell, buffers, _ = space
    box = _open_band(labels, band, rows, columns)
    part = labels[box.y : box.y + box.height, box.x : box.x + box.width]
    small = _empty_grid(grid, box)
    link_neighbours(small, image, left, labels, box, beta, buffers.weights)
    shown = image[box.y : box.y + box.height, left + box.x : left + box.x + box.width]
    add_terminal_weights(small, shown, part, gmms, buffers)
    solve_within(small, shell, 2)
    _decide(small, part)


@kernel
def _open_band(labels: Mask, band: Mask, rows: tuple[int, int], columns: tuple[int, int]) -> Rect:
    """Open what is band between these rows and columns, but for the rim, which stays: the grid has no room beyond it.

    Returns the box of that and of the pixels next to it.
    """
    height, width = band.shape
    begin, end = columns[0] + (1 if columns[0] > 0 else 0), columns[1] - (1 if columns[1] < width else 0)
    top, bottom, left, right = height, 0, width, 0
    for y in range(rows[0] + (1 if rows[0] > 0 else 0), rows[1] - (1 if rows[1] < height else 0)):
        first, last = first_and_last(band[y], begin, end, 1)
        if first < last:
            top, bottom = min(top, y), y + 1
            left, right = min(left, first), max(right, last)
            for x in range(first, last):
                labels[y, x] += OPEN * band[y, x]
    top, left = max(0, top - 1), max(0, left - 1)
    return Rect(left, top, min(width, right + 1) - left, min(height, bottom + 1) - top)


@kernel
def _empty_grid(grid: Grid, box: Rect) -> Grid:
    """The first nodes of a grid as an empty one of the size of the `box`."""
    stride = box.width + 1
    nodes = (box.height + 2) * stride + 1
    for direction in range(8):
        grid.step[direction] = np.uint64(_STEPS[direction, 0] * stride + _STEPS[direction, 1])
    grid.residual[: 8 * nodes] = 0
    grid.state[:nodes] = 0
    grid.excess[:nodes] = 0
    return Grid(
        grid.residual[: 8 * nodes], grid.excess[:nodes], grid.state[:nodes], grid.next_active[:nodes], grid.step
    )


@kernel
def _decide(grid: Grid, labels: Mask) -> None:
    height, width = labels.shape
    for v in range(height):
        for u in range(width):
            if labels[v, u] >= OPEN:
                labels[v, u] = 1 if grid.state[(v + 1) * (width + 1) + u + 1] >= FAR else 0


@kernel
def add_terminal_weights(
    grid: Grid,
    image: Image,
    labels: Mask,
    gmms: GMMs,
    buffers: Buffers,
) -> None:
    """Add the weights of the open pixels' links to source and sink to their excess."""
    colours, nodes, weights, scratch = buffers
    height, width = labels.shape
    found = 0
    for y in range(height):
        for x in range(width):
            if labels[y, x] >= OPEN:
                for channel in range(3):
                    colours[channel, found] = image[y, x, channel]
                nodes[found] = (y + 1) * (width + 1) + x + 1
                found += 1
            if found == BLOCK or (y == height - 1 and x == width - 1):
                terminal_weights(colours, gmms, weights[:found], scratch)
                for i in range(found):
                    grid.excess[nodes[i]] += weights[i]
                found = 0
