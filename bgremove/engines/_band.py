"""GrabCut's energy minimised over some pixels of an image, while all others keep their label.

A band around a boundary is cut into square windows that overlap, and each is solved by itself on a small grid that fits
the processor's cache. A window sees what the ones before it decided: what lies on its rim or beyond stays. Since the
band is far narrower than a window, the cuts join as one. Time and memory belong to the band, not to the image.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from bgremove.engines._compile import kernel
from bgremove.engines._energy import (
    BLOCK,
    OPEN,
    GMMs,
    NeighbourWeights,
    link_neighbours,
    make_scratch,
    terminal_weights,
)
from bgremove.engines._location import Field, add_prior
from bgremove.engines._maxflow import (
    DIRECTIONS,
    FAR,
    Grid,
    Shell,
    make_grid,
    make_shell,
    solve,
    solve_within,
    source_side,
)
from bgremove.types import Foreground, Image, Label, Mask, Rect

_CORE, _OVERLAP = 48, 8  # sides of the squares the image is cut into, and how far a window reaches beyond its square
_SIDE = _CORE + 2 * _OVERLAP
_STEPS = np.array(DIRECTIONS)


def find_band(foreground: Foreground, labels: Mask, reach: int) -> Mask:
    """1 at the open pixels at most `reach` rows and columns away from a pixel of the other label, else 0."""
    square = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    edge = cv2.morphologyEx(foreground.view(np.uint8), cv2.MORPH_GRADIENT, square)
    return np.asarray(np.bitwise_and(edge, labels >> 1, out=edge))


def cut(image: Image, labels: Mask, gmms: GMMs, weights: NeighbourWeights, odds: Field | None = None) -> Foreground:
    """The foreground of least energy where `labels` are open, and as they say elsewhere. 60 bytes a pixel.

    Models and weights are those of `image`, or of a larger one that it is a part of. The `odds`, see
    `bgremove.engines._location.log_odds`, are a prior.
    """
    height, width = labels.shape
    grid = make_grid(height, width)
    link_neighbours(grid, image, labels, Rect(0, 0, width, height), weights)
    add_terminal_weights(grid, image, labels, gmms, *_make_buffers())
    if odds is not None:
        add_prior(grid, labels, odds)
    solve(grid)
    return np.where(labels >= OPEN, source_side(grid, height, width), labels == Label.FOREGROUND)


def cut_band(image: Image, foreground: Foreground, band: Mask, gmms: GMMs, weights: NeighbourWeights) -> None:
    """Decide the pixels of `band`, which is 1 there and 0 elsewhere, anew, in place, one window after the other."""
    grid = make_grid(_SIDE, _SIDE)
    shell = make_shell(2 * grid.excess.size + 4)
    labels = np.empty((_SIDE, _SIDE), np.uint8)
    _cut_windows(image, foreground.view(np.uint8), band, gmms, weights, grid, shell, labels, *_make_buffers())


def _make_buffers() -> tuple[NDArray[np.uint8], NDArray[np.int32], NDArray[np.int32], NDArray[np.float64]]:
    """What `add_terminal_weights` computes in."""
    return np.empty((3, BLOCK), np.uint8), np.empty(BLOCK, np.int32), np.empty(BLOCK, np.int32), make_scratch()


@kernel
def _cut_windows(
    image: Image,
    foreground: Mask,
    band: Mask,
    gmms: GMMs,
    weights: NeighbourWeights,
    grid: Grid,
    shell: Shell,
    labels: Mask,
    colours: NDArray[np.uint8],
    nodes: NDArray[np.int32],
    terminal: NDArray[np.int32],
    scratch: NDArray[np.float64],
) -> None:
    height, width = band.shape
    for y in range(0, height, _CORE):
        top, bottom = max(0, y - _OVERLAP), min(height, y + _CORE + _OVERLAP)
        for x in range(0, width, _CORE):
            if not _any(band[y : y + _CORE, x : x + _CORE]):
                continue
            left, right = max(0, x - _OVERLAP), min(width, x + _CORE + _OVERLAP)
            box = Rect(0, 0, right - left, bottom - top)
            part = labels[: box.height, : box.width]
            decided = foreground[top:bottom, left:right]
            _label(band, decided, top, left, part)
            small = _empty_grid(grid, box)
            shown = image[top:bottom, left:right]
            link_neighbours(small, shown, part, box, weights)
            add_terminal_weights(small, shown, part, gmms, colours, nodes, terminal, scratch)
            solve_within(small, shell, 2)
            _decide(small, part, decided)


@kernel
def _any(band: Mask) -> bool:
    for v in range(band.shape[0]):
        for u in range(band.shape[1]):
            if band[v, u]:
                return True
    return False


@kernel
def _label(band: Mask, foreground: Mask, top: int, left: int, labels: Mask) -> None:
    """Label the pixels of a window: open in the band, but for pixels on the rim that have neighbours beyond it."""
    height, width = labels.shape
    for v in range(height):
        rim = (v == 0 and top > 0) or (v == height - 1 and top + height < band.shape[0])
        for u in range(width):
            aside = (u == 0 and left > 0) or (u == width - 1 and left + width < band.shape[1])
            is_open = band[top + v, left + u] and not rim and not aside
            labels[v, u] = foreground[v, u] + (OPEN if is_open else 0)


@kernel
def _empty_grid(grid: Grid, box: Rect) -> Grid:
    """The first nodes of a grid as an empty one of the size of the `box`."""
    stride = box.width + 1
    nodes = (box.height + 2) * stride + 1
    for direction in range(8):
        grid.step[direction] = np.uint64(_STEPS[direction, 0] * stride + _STEPS[direction, 1])
    grid.residual[:nodes] = 0
    grid.excess[:nodes] = 0
    return Grid(grid.residual[:nodes], grid.excess[:nodes], grid.distance[:nodes], grid.next_active[:nodes], grid.step)


@kernel
def _decide(grid: Grid, labels: Mask, foreground: Mask) -> None:
    height, width = labels.shape
    for v in range(height):
        for u in range(width):
            if labels[v, u] >= OPEN:
                foreground[v, u] = 1 if grid.distance[(v + 1) * (width + 1) + u + 1] == FAR else 0


@kernel
def add_terminal_weights(
    grid: Grid,
    image: Image,
    labels: Mask,
    gmms: GMMs,
    colours: NDArray[np.uint8],
    nodes: NDArray[np.int32],
    weights: NDArray[np.int32],
    scratch: NDArray[np.float64],
) -> None:
    """Add the weights of the open pixels' links to source and sink to their excess."""
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
