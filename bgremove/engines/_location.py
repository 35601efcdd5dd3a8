"""Where in the open box the object is likely to be, before any colour model is learned.

A logistic regression of three cues tells how likely each pixel is to be part of the object:

- its place in the box, since people put the object in the middle;
- the barrier between it and the certain background: the least, over all paths, of the range of colours along a path
  (Strand and others 2013, https://doi.org/10.1016/j.cviu.2012.10.011; as a cue to the object: Zhang and others 2015,
  https://doi.org/10.1109/ICCV.2015.165). Background is reached from outside over low barriers;
- how much more often its colour is met in the middle of the box than in the certain background, at the pixel and
  around it.

The logarithms of the odds are added to GrabCut's terminal weights, as a prior. There is one regression for boxes that
were drawn around the object and one for boxes that are only what a margin leaves. Both were fitted to 340 public
photographs with masks (of PASCAL-S, and of people), and judged by 339 others.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from bgremove.engines._compile import kernel
from bgremove.engines._energy import OPEN, SCALE, open_box
from bgremove.engines._maxflow import Grid
from bgremove.types import Foreground, Image, Mask

Field = NDArray[np.float32]

CUES = ("across squared", "down squared", "down", "barrier", "colour", "colour around", "constant")
"""What `measure_cues` measures, in its order. Places are from -1 to 1 in the box."""

_DRAWN = np.array([-1.26, -1.28, 0.19, 1.12, 0.35, 0.69, 0.32], np.float32)
_MARGIN = np.array([-1.53, -0.85, 0.75, 0.72, 0.17, 1.03, 0.06], np.float32)

_BLUR = 1.0  # standard deviation, in pixels, of what is done against noise
_AROUND = 0.03  # standard deviation of "around", as a share of the longer side
_PASSES = 4  # over the image, from either end in turn: more change hardly any distance
_LIGHTNESS = 0.4  # of a step in lightness against one in hue; 8-bit Lab stretches it by 2.55
_BINS = (16, 32, 32)
_RARE = 1e-5  # share of a colour that is never met
_MOST = 30.0  # of the odds' logarithm: less than what certain labels weigh


def log_odds(image: Image, labels: Mask, *, drawn: bool) -> Field:
    """Of each open pixel to be part of the object, ``(H, W)``; meant for images of some 50,000 pixels.

    Parameters
    ----------
    image : (H, W, 3) uint8
    labels : (H, W) uint8
    drawn
        Whether the box of the open pixels was drawn around the object.
    """
    return np.asarray(measure_cues(image, labels) @ (_DRAWN if drawn else _MARGIN), np.float32)


def measure_cues(image: Image, labels: Mask) -> Field:
    """``(H, W, 7)``, see `CUES`."""
    box, inside = open_box(labels), labels >= OPEN
    lab = _lab(cv2.GaussianBlur(image, (0, 0), _BLUR))
    height, width = labels.shape
    across = (2 * (np.arange(width, dtype=np.float32) + 0.5 - box.x) / box.width - 1)[None, :]
    down = (2 * (np.arange(height, dtype=np.float32) + 0.5 - box.y) / box.height - 1)[:, None]
    barrier = np.zeros((height, width), np.float32)
    low, high, distance = np.empty((3, height, width), np.int32)
    measure_barriers(lab, inside, low, high, distance, barrier)
    colour = _compare_colours(lab, inside, np.exp(-2 * (across**2 + down**2)))
    cues = np.empty((height, width, len(CUES)), np.float32)
    cues[..., 0], cues[..., 1], cues[..., 2] = across**2, down**2, down
    cues[..., 3] = _standardised(barrier, inside)
    cues[..., 4] = colour
    cues[..., 5] = cv2.GaussianBlur(colour, (0, 0), _AROUND * max(height, width))
    cues[..., 6] = 1
    return cues


def _standardised(values: Field, inside: NDArray[np.bool_]) -> Field:
    """With the mean 0 and the deviation 1 over the pixels inside."""
    chosen = values[inside]
    return np.asarray((values - chosen.mean()) / (chosen.std() + 1e-6), np.float32)


def _compare_colours(lab: Image, inside: NDArray[np.bool_], middle: Field) -> Field:
    """Logarithm of how much more often a pixel's colour is met inside, weighted by `middle`, than outside."""
    codes = _colour_codes(lab)
    colour = _log_ratio(codes, middle * inside, ~inside)[codes]
    return np.asarray(np.where(inside, colour, np.minimum(colour, 0)), np.float32)


def told_by_colour(image: Image, labels: Mask, foreground: Foreground) -> float:
    """Share of the open pixels whose colour alone, by how often it is met on either side, puts them where they are."""
    codes, inside = _colour_codes(_lab(image)), labels >= OPEN
    alike = _log_ratio(codes, foreground & inside, ~foreground)[codes] > 0
    return float(np.mean((alike == foreground)[inside]))


def _lab(image: NDArray[Any]) -> Image:
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2Lab), np.uint8)


def _colour_codes(lab: Image) -> NDArray[np.int32]:
    lightness, red, blue = (lab[..., channel].astype(np.int32) for channel in range(3))
    return np.asarray(((lightness >> 4) * _BINS[1] + (red >> 3)) * _BINS[2] + (blue >> 3), np.int32)


def _log_ratio(codes: NDArray[np.int32], one: NDArray[np.generic], other: NDArray[np.generic]) -> NDArray[np.float64]:
    """By code, the logarithm of how much more often a colour is met among pixels weighted by `one` than by `other`."""
    return np.asarray(np.log(_histogram(codes, one) + _RARE) - np.log(_histogram(codes, other) + _RARE))


def _histogram(codes: NDArray[np.int32], weights: NDArray[np.generic]) -> NDArray[np.float64]:
    """Share of each colour, and of those next to it."""
    size = _BINS[0] * _BINS[1] * _BINS[2]
    counts = np.asarray(np.bincount(codes.ravel(), weights.ravel().astype(np.float64), size), np.float64).reshape(_BINS)
    beside = np.empty(_BINS)
    for axis in (0, 1, 1, 2, 2):
        along, of = np.moveaxis(beside, axis, 0), np.moveaxis(counts, axis, 0)
        along[0] = 0
        along[1:] = of[:-1]
        along[:-1] += of[1:]
        beside *= 0.25
        counts *= 0.5
        counts += beside
    return np.asarray(counts.ravel() / max(counts.sum(), 1e-9))


@kernel
def measure_barriers(
    lab: Image,
    inside: NDArray[np.bool_],
    low: NDArray[np.int32],
    high: NDArray[np.int32],
    distance: NDArray[np.int32],
    barrier: Field,
) -> None:
    """Add the minimum barrier distance from outside, summed over the channels, to `barrier`; some passes are enough.

    The least and the most on the best path known to each pixel, and its distance, are the space to work in.
    """
    height, width = inside.shape
    for channel in range(3):
        for y in range(height):
            for x in range(width):
                low[y, x] = high[y, x] = lab[y, x, channel]
                distance[y, x] = 1000 if inside[y, x] else 0
        for number in range(_PASSES):
            step = 1 if number % 2 == 0 else -1
            for i in range(height):
                y = i if step > 0 else height - 1 - i
                for j in range(width):
                    x = j if step > 0 else width - 1 - j
                    value = np.int32(lab[y, x, channel])
                    for neighbour in range(2):
                        v, u = (y - step, x) if neighbour == 0 else (y, x - step)
                        if 0 <= v < height and 0 <= u < width and distance[v, u] < 1000:
                            top, bottom = max(high[v, u], value), min(low[v, u], value)
                            if top - bottom < distance[y, x]:
                                distance[y, x], high[y, x], low[y, x] = top - bottom, top, bottom
        share = _LIGHTNESS if channel == 0 else 1.0
        for y in range(height):
            for x in range(width):
                barrier[y, x] += share * distance[y, x]


def add_prior(grid: Grid, labels: Mask, odds: Field) -> None:
    """Add the logarithms of the odds to the excess of the open pixels, which then cost as much more as background."""
    height, width = labels.shape
    stride = int(grid.step[3])  # of a step down
    nodes = (np.arange(1, height + 1)[:, None] * stride + np.arange(1, width + 1))[labels >= OPEN]
    grid.excess[nodes] += np.rint(np.clip(odds[labels >= OPEN], -_MOST, _MOST) * SCALE).astype(np.int32)
