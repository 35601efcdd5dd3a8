"""GrabCut's energy minimised over some pixels of an image, while all others keep their label.

A band around a boundary is cut into square windows that overlap, and each is solved by itself on a small grid that fits
the processor's cache. A window sees what the ones before it decided: what lies on its rim or beyond stays. Since the
band is far narrower than a window, the cuts join as one. Time and memory belong to the band, not to the image.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from bgremove.engines._barriers import Field
from bgremove.engines._compile import kernel
from bgremove.engines._energy import (
    BLOCK,
    OPEN,
    GMMs,
    link_neighbours,
    make_scratch,
    terminal_weights,
)
from bgremove.engines._grid import DIRECTIONS, FAR, Grid, make_grid
from bgremove.engines._location import add_prior, loosen
from bgremove.engines._maxflow import Shell, make_shell, solve, solve_within
from bgremove.rows import bands_of, in_threads
from bgremove.types import Foreground, Image, Mask, Rect

_CORE, _OVERLAP = 48, 4  # sides of the squares the image is cut into, and how far a window reaches beyond its square
_SIDE = _CORE + 2 * _OVERLAP
_STEPS = np.array(DIRECTIONS)


def find_band(foreground: Foreground, labels: Mask, reach: int) -> Mask:
    """1 at the open pixels at most `reach` rows and columns away from a pixel of the other label, else 0."""
    height, width = labels.shape
    square = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    band = np.zeros((height, width), np.uint8)

    def find(rows: slice) -> None:
        top = max(0, rows.start - reach)
        part = foreground[top : rows.stop + reach].view(np.uint8)
        if part.any():
            seen = slice(rows.start - top, rows.stop - top)
            edge = np.not_equal(cv2.dilate(part, square)[seen], cv2.erode(part, square)[seen])
            np.bitwise_and(edge, labels[rows] >> 1, out=band[rows])

    in_threads(find, bands_of(height, width))
    return band


class Graph(NamedTuple):
    """What is cut of a whole image."""

    image: Image
    labels: Mask
    grid: Grid
    weights: NDArray[np.int32]
    """(nodes,): the terminal weights that are part of the excess."""


class _Buffers(NamedTuple):
    """What `_add_terminal_weights` computes in: of some open pixels, one after the other."""

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
    buffers: _Buffers


def construct_graph(image: Image, labels: Mask, beta: float, odds: Field | None = None) -> Graph:
    """The graph of the open pixels, without terminal weights. 48 bytes a pixel.

    `beta` is that of `image`, or of a larger one that it is a part of. The `odds`, see
    `bgremove.engines._location.log_odds`, are a prior.
    """
    height, width = labels.shape
    grid = make_grid(height, width)
    link_neighbours(grid, image, labels, Rect(0, 0, width, height), beta, np.empty(width + 2, np.int32))
    if odds is not None:
        loosen(grid)
        add_prior(grid, labels, odds)
    return Graph(image, labels, grid, np.zeros(grid.excess.size, np.int32))


def cut(graph: Graph, gmms: GMMs) -> Foreground:
    """The foreground of least energy where labels are open, and as they say elsewhere.

    The flow of an earlier cut is kept (Kohli, Torr 2007, https://doi.org/10.1109/TPAMI.2007.1128).
    """
    image, labels, grid, weights = graph
    _replace_terminal_weights(grid, weights, image, labels, gmms, _make_buffers())
    solve(grid)
    decided = labels.copy()
    _decide(grid, decided)
    return decided.view(np.bool_)


def cut_band(image: Image, foreground: Foreground, band: Mask, gmms: GMMs, beta: float) -> None:
    """Decide the pixels of `band`, which is 1 there and 0 elsewhere, anew, in place.

    Every other row of squares first, then the rest: rows of one turn do not overlap, and may be cut at the same time.
    """
    spaces: list[_Space] = []  # one for each thread

    def cut_row(top: int) -> None:
        try:
            space = spaces.pop()
        except IndexError:
            space = _make_space()
        _cut_row(image, foreground.view(np.uint8), band, top, gmms, beta, space)
        spaces.append(space)

    for first in (0, _CORE):
        in_threads(cut_row, range(first, len(band), 2 * _CORE))


def _make_space() -> _Space:
    grid = make_grid(_SIDE, _SIDE)
    return _Space(grid, make_shell(2 * grid.excess.size + 4), _make_buffers())


def _cut_row(image: Image, foreground: Mask, band: Mask, top: int, gmms: GMMs, beta: float, space: _Space) -> None:
    """The windows of one row of squares, in a copy of the strip that they are part of."""
    height, width = band.shape
    left, _, across, _ = cv2.boundingRect(band[top : top + _CORE])
    if not across:
        return
    rows = slice(max(0, top - _OVERLAP), min(height, top + _CORE + _OVERLAP))
    columns = slice(max(0, left - _OVERLAP), min(width, left + across + _OVERLAP))
    near, labels = band[rows, columns].copy(), foreground[rows, columns].copy()
    # What has neighbours beyond the strip stays.
    near[: int(rows.start > 0)] = near[near.shape[0] - int(rows.stop < height) :] = 0
    near[:, : int(columns.start > 0)] = near[:, near.shape[1] - int(columns.stop < width) :] = 0
    shown = np.ascontiguousarray(image[rows, columns])
    cut_windows(shown, labels, near, top - rows.start, left - columns.start, gmms, beta, space)
    foreground[rows, columns] = labels


def _make_buffers() -> _Buffers:
    return _Buffers(
        np.empty((3, BLOCK), np.uint8), np.empty(BLOCK, np.int32), np.empty(BLOCK, np.int32), make_scratch()
    )


@kernel
def _replace_terminal_weights(
    grid: Grid,
    weights: NDArray[np.int32],
    image: Image,
    labels: Mask,
    gmms: GMMs,
    buffers: _Buffers,
) -> None:
    """Take the `weights` of the nodes from their excess, and add those of other models, which they become."""
    for node in range(len(weights)):
        grid.excess[node] -= weights[node]
        weights[node] = grid.excess[node]
    _add_terminal_weights(grid, image, labels, gmms, buffers)
    for node in range(len(weights)):
        weights[node] = grid.excess[node] - weights[node]


@kernel
def cut_windows(
    image: Image,
    labels: Mask,
    band: Mask,
    first_row: int,
    first_column: int,
    gmms: GMMs,
    beta: float,
    space: _Space,
) -> None:
    """Of a strip whose squares begin at these: all its rows, and as many columns as a window has.

    Of a window there is solved what holds its part of the band, and a pixel around that.
    """
    grid, shell, buffers = space
    width = band.shape[1]
    for x in range(first_column, width, _CORE):
        if not _any(band[first_row : first_row + _CORE, x : x + _CORE]):
            continue
        top, bottom, left, right = _around(band, max(0, x - _OVERLAP), min(width, x + _CORE + _OVERLAP))
        box = Rect(left, top, right - left, bottom - top)
        part = labels[top:bottom, left:right]
        _open(band, top, left, part)
        small = _empty_grid(grid, box)
        link_neighbours(small, image, labels, box, beta, buffers.weights)
        _add_terminal_weights(small, image[top:bottom, left:right], part, gmms, buffers)
        solve_within(small, shell, 2)
        _decide(small, part)


@kernel
def _any(band: Mask) -> bool:
    for v in range(band.shape[0]):
        for u in range(band.shape[1]):
            if band[v, u]:
                return True
    return False


@kernel
def _around(band: Mask, left: int, right: int) -> tuple[int, int, int, int]:
    """First and one past the last row, and column, of the band between two columns and of the pixels next to it."""
    height = band.shape[0]
    top, bottom, first, last = height, 0, right, left
    for v in range(height):
        row = band[v]
        for u in range(left, right):
            if row[u]:
                top, bottom = min(top, v), v
                first, last = min(first, u), max(last, u)
    return max(0, top - 1), min(height, bottom + 2), max(left, first - 1), min(right, last + 2)


@kernel
def _open(band: Mask, top: int, left: int, labels: Mask) -> None:
    """Open the pixels of a window that are in the band, but for those on the rim that have neighbours beyond it."""
    height, width = labels.shape
    for v in range(height):
        for u in range(width):
            aside = (u == 0 and left > 0) or (u == width - 1 and left + width < band.shape[1])
            if band[top + v, left + u] and not aside:
                labels[v, u] += OPEN


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
def _add_terminal_weights(
    grid: Grid,
    image: Image,
    labels: Mask,
    gmms: GMMs,
    buffers: _Buffers,
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
