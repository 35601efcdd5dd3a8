"""GrabCut's energy minimised over some pixels of an image, while all others keep their side.

A band around a boundary is cut into square windows that overlap, and each is solved by itself on a small grid that fits
the processor's cache. A window sees what the ones before it decided: what lies on its rim or beyond stays. Since the
band is far narrower than a window, the cuts join as one. Time and memory belong to the band, not to the image.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from bgremove.engines._compile import kernel
from bgremove.engines._gmm import Mixtures
from bgremove.engines._grid import GAMMA, SCALE, SURE
from bgremove.engines._maxflow import DIRECTIONS, FAR, Grid, make_grid, solve
from bgremove.types import Foreground, Image, Mask


class Energy(NamedTuple):
    """What GrabCut minimises over one image."""

    densities: NDArray[np.float64]
    """(2, 5, 10): of each component of each side the density at its mean times its weight, the mean (3), and the
    factors of the products of two channels in the exponent (6)."""
    strengths: NDArray[np.int32]
    """(2, D): capacity of a link side by side (0) and diagonally (1) by the squared difference of its two colours."""


_CORE, _OVERLAP = 48, 8  # sides of the squares the image is cut into, and how far a window reaches beyond its square
_ROWS = 200  # that the contrast is measured in, and the row below each
_STEPS = np.array(DIRECTIONS)


def measure_strengths(image: Image) -> NDArray[np.int32]:
    """`Energy.strengths` of an image, as ``cv2.grabCut`` has them, but for a contrast measured in some rows only."""
    squares = _mean_difference(image, max(1, len(image) // _ROWS))
    beta = 1 / (2 * squares) if squares > 0 else 0.0
    peak = GAMMA * SCALE
    reach = min(3 * 255**2, math.ceil(math.log(4 * peak) / beta)) if beta > 0 else 0
    fall = np.exp(-beta * np.arange(reach + 1))
    if beta > 0:
        fall[-1] = 0  # what differs more than the table has no link to speak of
    strengths: NDArray[np.int32] = np.rint(np.multiply.outer((peak, peak / math.sqrt(2)), fall)).astype(np.int32)
    return strengths


def make_densities(mixtures: Mixtures) -> NDArray[np.float64]:
    """`Energy.densities` of colour models, see `_gmm.learn`."""
    densities = mixtures[:, :, 1:11].copy()
    densities[:, :, 0] = mixtures[:, :, 0] * np.exp(mixtures[:, :, 1])
    densities[:, :, 4:] *= -0.5
    densities[:, :, [5, 6, 8]] *= 2  # what stands off the diagonal counts twice
    return densities


def around(foreground: Foreground, labels: Mask, reach: int) -> NDArray[np.bool_]:
    """The open pixels at most `reach` rows and columns away from a pixel of the other side, ``(H, W)`` bool."""
    square = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    edge = cv2.morphologyEx(foreground.view(np.uint8), cv2.MORPH_GRADIENT, square)
    return np.asarray(np.bitwise_and(edge, labels >> 1, out=edge).view(np.bool_))


def cut_band(image: Image, foreground: Foreground, band: NDArray[np.bool_], energy: Energy) -> None:
    """Decide the pixels of `band` anew, in place, one window after the other. See `cut`."""
    for window in _windows(band):
        part = np.ascontiguousarray(foreground[window])
        cut(np.ascontiguousarray(image[window]), part, _without_rim(band, window), energy)
        foreground[window] = part


def cut(image: Image, foreground: Foreground, open_pixels: NDArray[np.bool_], energy: Energy) -> None:
    """Decide `open_pixels` at the least energy, in place. 60 bytes a pixel, all arrays C-contiguous.

    Parameters
    ----------
    image : (H, W, 3) uint8
    foreground : (H, W) bool
        The side of every pixel; only those of `open_pixels` are changed.
    open_pixels : (H, W) bool
    energy
        Of `image`, or of a larger one that it is a part of.
    """
    height, width = open_pixels.shape
    grid = make_grid(height, width)
    fill(grid, image, foreground, open_pixels, energy)
    solve(grid)
    inside = grid.distance.reshape(height + 2, width + 2)[1:-1, 1:-1] == FAR
    np.copyto(foreground, inside, where=open_pixels)


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
def _wish(densities: NDArray[np.float64], blue: int, green: int, red: int) -> float:
    """How much likelier a colour is in the foreground than in the background, in natural logarithms, within `SURE`."""
    background = foreground = 0.0
    for k in range(densities.shape[1]):
        background += _density(densities[0, k], blue, green, red)
        foreground += _density(densities[1, k], blue, green, red)
    if background == 0:  # also if neither side knows the colour: cv2 takes such a pixel for foreground
        return SURE
    if foreground == 0:
        return -SURE
    return min(max(math.log(foreground / background), -SURE), SURE)


@kernel
def _density(d: NDArray[np.float64], blue: int, green: int, red: int) -> float:
    a, b, c = blue - d[1], green - d[2], red - d[3]
    density: float = d[0] * math.exp(a * (a * d[4] + b * d[5] + c * d[6]) + b * (b * d[7] + c * d[8]) + c * c * d[9])
    return density


@kernel
def _mean_difference(image: Image, step: int) -> float:
    """Mean squared difference between neighbours: those in every `step`-th row, and between it and the next."""
    height, width = image.shape[:2]
    total = links = 0
    for y in range(0, height, step):
        for x in range(width):
            for direction in range(1, 8, 2):
                v, u = y + _STEPS[direction, 0], x + _STEPS[direction, 1]
                if 0 <= v < height and 0 <= u < width:
                    total += _difference(image, y, x, v, u)
                    links += 1
    return total / max(links, 1)


@kernel
def _difference(image: Image, y: int, x: int, v: int, u: int) -> int:
    a = np.int64(image[y, x, 0]) - image[v, u, 0]
    b = np.int64(image[y, x, 1]) - image[v, u, 1]
    c = np.int64(image[y, x, 2]) - image[v, u, 2]
    return int(a * a + b * b + c * c)


@kernel
def fill(
    grid: Grid,
    image: NDArray[np.uint8],
    foreground: NDArray[np.bool_],
    open_pixels: NDArray[np.bool_],
    energy: Energy,
) -> None:
    """Write links and excess of the open pixels into an empty grid. A link to any other pixel becomes excess."""
    height, width = open_pixels.shape
    densities, strengths = energy
    last = strengths.shape[1] - 1
    for y in range(height):
        for x in range(width):
            if not open_pixels[y, x]:
                continue
            node = (y + 1) * (width + 2) + x + 1
            excess = round(_wish(densities, image[y, x, 0], image[y, x, 1], image[y, x, 2]) * SCALE)
            for direction in range(8):
                v, u = y + _STEPS[direction, 0], x + _STEPS[direction, 1]
                if not (0 <= v < height and 0 <= u < width):
                    continue
                strength = strengths[direction // 4, min(_difference(image, y, x, v, u), last)]
                if open_pixels[v, u]:
                    grid.residual[node, direction] = strength
                else:
                    excess += strength if foreground[v, u] else -strength
            grid.excess[node] = excess
