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
    link_neighbours,
    make_scratch,
    terminal_weights,
)
from bgremove.engines._location import Field, add_prior
from bgremove.engines._maxflow import (
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

_CORE, _OVERLAP = 48, 8  # sides of the squares the image is cut into, and what a window sees around one, at least
_SIDE = _CORE + 2 * _OVERLAP


def find_band(foreground: Foreground, labels: Mask, reach: int) -> Mask:
    """1 at the open pixels at most `reach` rows and columns away from a pixel of the other label, else 0."""
    square = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    edge = cv2.morphologyEx(foreground.view(np.uint8), cv2.MORPH_GRADIENT, square)
    return np.asarray(np.bitwise_and(edge, labels >> 1, out=edge))


def cut(image: Image, labels: Mask, gmms: GMMs, beta: float, odds: Field | None = None) -> Foreground:
    """The foreground of least energy where `labels` are open, and as they say elsewhere. 60 bytes a pixel.

    Models and `beta` are those of `image`, or of a larger one that it is a part of. The `odds`, see
    `bgremove.engines._location.log_odds`, are a prior.
    """
    height, width = labels.shape
    grid = make_grid(height, width)
    link_neighbours(grid, image, labels, Rect(0, 0, width, height), beta, np.empty(width + 2, np.int32))
    add_terminal_weights(grid, image, labels, gmms, *_make_buffers())
    if odds is not None:
        add_prior(grid, labels, odds)
    solve(grid)
    return np.where(labels >= OPEN, source_side(grid, height, width), labels == Label.FOREGROUND)


def cut_band(image: Image, foreground: Foreground, band: Mask, gmms: GMMs, beta: float) -> None:
    """Decide the pixels of `band`, which is 1 there and 0 elsewhere, anew, in place, one window after the other."""
    height, width = band.shape
    rows, columns = min(height, _SIDE), min(width, _SIDE)
    grid = make_grid(rows, columns)
    shell = make_shell(2 * grid.excess.size + 4)
    labels, pixels = np.empty((rows, columns), np.uint8), np.empty((rows, columns, 3), np.uint8)
    _cut_windows(image, foreground.view(np.uint8), band, gmms, beta, grid, shell, labels, pixels, *_make_buffers())


def _make_buffers() -> tuple[NDArray[np.uint8], NDArray[np.int32], NDArray[np.int32], NDArray[np.float64]]:
    """What `add_terminal_weights` computes in."""
    return np.empty((3, BLOCK), np.uint8), np.empty(BLOCK, np.int32), np.empty(BLOCK, np.int32), make_scratch()


@kernel
def _cut_windows(
    image: Image,
    foreground: Mask,
    band: Mask,
    gmms: GMMs,
    beta: float,
    grid: Grid,
    shell: Shell,
    labels: Mask,
    pixels: Image,
    colours: NDArray[np.uint8],
    nodes: NDArray[np.int32],
    terminal: NDArray[np.int32],
    scratch: NDArray[np.float64],
) -> None:
    height, width = band.shape
    rows, columns = labels.shape
    for y in range(0, height, _CORE):
        top = min(max(0, y - _OVERLAP), height - rows)
        for x in range(0, width, _CORE):
            if not _any(band[y : y + _CORE, x : x + _CORE]):
                continue
            left = min(max(0, x - _OVERLAP), width - columns)
            decided = foreground[top : top + rows, left : left + columns]
            _label(band, decided, top, left, labels)
            _copy(image[top : top + rows, left : left + columns], pixels)
            grid.residual[:] = 0
            grid.excess[:] = 0
            link_neighbours(grid, pixels, labels, Rect(0, 0, columns, rows), beta, terminal)
            add_terminal_weights(grid, pixels, labels, gmms, colours, nodes, terminal, scratch)
            solve_within(grid, shell, 2)
            _decide(grid, labels, decided)


@kernel
def _any(band: Mask) -> bool:
    for v in range(band.shape[0]):
        for u in range(band.shape[1]):
            if band[v, u]:
                return True
    return False


@kernel
def _copy(window: Image, pixels: Image) -> None:
    for v in range(window.shape[0]):
        for u in range(window.shape[1]):
            for channel in range(3):
                pixels[v, u, channel] = window[v, u, channel]


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
