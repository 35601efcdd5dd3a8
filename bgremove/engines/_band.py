"""GrabCut's energy minimised in a narrow band around a known boundary, everything else held still.

The band is cut into overlapping square windows, and each window is solved by itself on a grid that fits the
processor's cache. A window sees what earlier ones decided, as certain pixels around it.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from bgremove.engines import _gmm, _grid, _maxflow
from bgremove.types import Foreground, Image, Mask

CORE = 48
OVERLAP = 8
SAMPLES = 20_000
STRIPS = 12
ROUNDS = 2
NEAR = 0


def band_around(foreground: Foreground, labels: Mask, reach: int) -> NDArray[np.bool_]:
    square = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    sides = foreground.view(np.uint8)
    edge = cv2.morphologyEx(sides, cv2.MORPH_GRADIENT, square)
    return (edge & (labels >> 1)).view(np.bool_)


def sample_mixtures(image: Image, foreground: Foreground, seed: int, known=None):
    step = max(1, round((foreground.size / SAMPLES) ** 0.5))
    off = step // 2
    if foreground.shape[0] <= off or foreground.shape[1] <= off: off = 0
    colours = np.ascontiguousarray(image[off::step, off::step])
    sides = np.ascontiguousarray(foreground[off::step, off::step])
    if known is not None:
        k = np.ascontiguousarray(known[off::step, off::step])
        colours, sides = colours[k][None], sides[k][None]
    moments = _gmm.start(colours, sides, seed)
    mixtures = _gmm.learn(moments)
    for _ in range(ROUNDS):
        _gmm.assign(colours, sides, mixtures, moments)
        mixtures = _gmm.learn(moments)
    return mixtures


def sample_contrast(image: Image) -> float:
    height = len(image)
    strips = np.linspace(0, max(0, height - 16), STRIPS).astype(int) if height > 16 * STRIPS else [0]
    depth = 16 if height > 16 * STRIPS else height
    means = [1 / max(_grid.contrast(image[top : top + depth]), 1e-12) for top in strips]
    return float(1 / np.mean(means))


def cut_band(image: Image, foreground: Foreground, band: NDArray[np.bool_], mixtures, beta: float) -> None:
    """Decide the pixels of `band` anew, in place."""
    height, width = band.shape
    side = CORE + 2 * OVERLAP
    counts = np.add.reduceat(np.add.reduceat(band, np.arange(0, height, CORE), 0, dtype=np.int32), np.arange(0, width, CORE), 1)
    grid = _maxflow.make_grid(side, side)
    for i, j in np.argwhere(counts):
        window = slice(max(0, i * CORE - OVERLAP), (i + 1) * CORE + OVERLAP), slice(max(0, j * CORE - OVERLAP), (j + 1) * CORE + OVERLAP)
        still = ~band[window]
        # what lies at the rim stays, so that what lies beyond it need not be looked at
        h, w = still.shape
        if window[0].start > 0: still[0] = True
        if window[1].start > 0: still[:, 0] = True
        if window[0].stop < height: still[-1] = True
        if window[1].stop < width: still[:, -1] = True
        if (h, w) != (side, side):
            g = _maxflow.make_grid(h, w)
        else:
            g = grid
            g.residual[:] = 0
            g.excess[:] = 0
        given = np.zeros((h, w), np.int32)
        _grid.link(g, image[window], 0, 0, h, w, still, foreground[window], beta)
        _grid.pull(g, image[window], 0, 0, h, w, still, mixtures, given)
        _maxflow.solve(g)
        inside = g.distance.reshape(h + 2, w + 2)[1:-1, 1:-1] > 0
        np.copyto(foreground[window], inside, where=~still)


SOFT = 1.0
ITER = 5


def cut_all(image, labels, settings):
    foreground = (labels & 1).astype(bool)
    still = labels < 2
    x, y, w, h = cv2.boundingRect(labels & 2)
    grid = _maxflow.make_grid(h, w)
    given = np.zeros((h, w), np.int32)
    _grid.link(grid, image, y, x, h, w, still, foreground, _grid.contrast(image))
    if SOFT != 1:
        grid.residual[:] = np.rint(grid.residual * SOFT)
        grid.excess[:] = np.rint(grid.excess * SOFT)
    moments = _gmm.start(image, foreground, settings.seed)
    mixtures = _gmm.learn(moments)
    window = slice(y, y + h), slice(x, x + w)
    for _ in range(ITER):
        _gmm.assign(image, foreground, mixtures, moments)
        mixtures = _gmm.learn(moments)
        _grid.pull(grid, image, y, x, h, w, still, mixtures, given)
        _maxflow.solve(grid)
        inside = grid.distance.reshape(h + 2, w + 2)[1:-1, 1:-1] > 0
        np.copyto(foreground[window], inside, where=~still[window])
    return foreground
