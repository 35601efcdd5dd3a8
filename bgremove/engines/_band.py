"""GrabCut's energy minimised over some pixels of an image, while all others keep their label.

A band around a boundary is cut into square windows that overlap, and each is solved by itself on a small grid that fits
the processor's cache. A window sees what the ones before it decided: what lies on its rim or beyond stays. Since the
band is far narrower than a window, the cuts join as one. Time and memory belong to the band, not to the image.
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from bgremove.engines._compile import kernel
from bgremove.engines._energy import BLOCK, OPEN, GMMs, NeighbourWeights, link_neighbours, terminal_weights
from bgremove.engines._maxflow import Grid, make_grid, solve, source_side
from bgremove.types import Foreground, Image, Mask, Rect

_CORE, _OVERLAP = 48, 8  # sides of the squares the image is cut into, and how far a window reaches beyond its square


def find_band(foreground: Foreground, labels: Mask, reach: int) -> NDArray[np.bool_]:
    """The open pixels at most `reach` rows and columns away from a pixel of the other label, ``(H, W)`` bool."""
    square = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    edge = cv2.morphologyEx(foreground.view(np.uint8), cv2.MORPH_GRADIENT, square)
    return np.asarray(np.bitwise_and(edge, labels >> 1, out=edge).view(np.bool_))


def cut_band(
    image: Image, foreground: Foreground, band: NDArray[np.bool_], gmms: GMMs, weights: NeighbourWeights
) -> None:
    """Decide the pixels of `band` anew, in place, one window after the other. See `cut`."""
    for window in _windows(band):
        part = np.ascontiguousarray(foreground[window])
        cut(np.ascontiguousarray(image[window]), part, _without_rim(band, window), gmms, weights)
        foreground[window] = part


def cut(
    image: Image, foreground: Foreground, open_pixels: NDArray[np.bool_], gmms: GMMs, weights: NeighbourWeights
) -> None:
    """Decide `open_pixels` at the least energy, in place. 60 bytes a pixel, all arrays C-contiguous.

    Parameters
    ----------
    image : (H, W, 3) uint8
    foreground : (H, W) bool
        Only the `open_pixels` are changed.
    open_pixels : (H, W) bool
    gmms, weights
        Of `image`, or of a larger one that it is a part of.
    """
    height, width = open_pixels.shape
    grid = make_grid(height, width)
    labels = foreground + np.uint8(OPEN) * open_pixels
    link_neighbours(grid, image, labels, Rect(0, 0, width, height), weights)
    add_terminal_weights(grid, image, labels, gmms)
    solve(grid)
    np.copyto(foreground, source_side(grid, height, width), where=open_pixels)


def _windows(band: NDArray[np.bool_]) -> Iterator[tuple[slice, slice]]:
    """Windows whose middle square holds pixels of the band, row by row."""
    height, width = band.shape
    for top in range(0, height, _CORE):
        columns = np.flatnonzero(band[top : top + _CORE].any(axis=0))
        rows = slice(max(0, top - _OVERLAP), min(height, top + _CORE + _OVERLAP))
        for left in np.unique(columns // _CORE) * _CORE:
            yield rows, slice(max(0, left - _OVERLAP), min(width, left + _CORE + _OVERLAP))


def _without_rim(band: NDArray[np.bool_], window: tuple[slice, slice]) -> NDArray[np.bool_]:
    """A copy of the band in `window`, less the pixels on its rim that have neighbours outside of it."""
    inner = band[window].copy()
    rows, columns = window
    if rows.start > 0:
        inner[0] = False
    if rows.stop < band.shape[0]:
        inner[-1] = False
    if columns.start > 0:
        inner[:, 0] = False
    if columns.stop < band.shape[1]:
        inner[:, -1] = False
    return inner


@kernel
def add_terminal_weights(grid: Grid, image: Image, labels: Mask, gmms: GMMs) -> None:
    """Add the weights of the open pixels' links to source and sink to their excess."""
    height, width = labels.shape
    colours, nodes, weights = np.empty((3, BLOCK), np.uint8), np.empty(BLOCK, np.int64), np.empty(BLOCK, np.int32)
    found = 0
    for y in range(height):
        for x in range(width):
            if labels[y, x] >= OPEN:
                for channel in range(3):
                    colours[channel, found] = image[y, x, channel]
                nodes[found] = (y + 1) * (width + 2) + x + 1
                found += 1
            if found == BLOCK or (y == height - 1 and x == width - 1):
                terminal_weights(colours, gmms, weights[:found])
                for i in range(found):
                    grid.excess[nodes[i]] += weights[i]
                found = 0
