"""Where in the open box the object is likely to be, before any colour model is learned.

A small network, of one hidden layer of 16, tells from the cues of each pixel, see `bgremove.engines._cues`, the
logarithm of the odds that it is part of the object. They are added to GrabCut's terminal weights, as a prior. One of
the cues is whether the box was drawn around the object or is only what a margin leaves. The numbers are in
`bgremove.engines._location_table`, with how they were fitted.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from bgremove.engines import _warm_up
from bgremove.engines._barriers import Field
from bgremove.engines._compile import compiled_once, kernel
from bgremove.engines._cues import measure_cues
from bgremove.engines._energy import OPEN, SCALE, open_box
from bgremove.engines._location_table import LIMIT, load
from bgremove.engines._maxflow import Grid
from bgremove.engines._pyramid import reduce
from bgremove.types import Image, Mask

_PIXELS = 10_000  # of the open box, in the image that cues are measured on
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
    height, width = labels.shape
    cues = measure_cues(*shrink(image, labels))
    network = load(drawn=drawn)
    odds = np.empty(cues.shape[:2], np.float32)
    apply_network(cues, *network, np.empty_like(network.bias), odds)
    return np.asarray(cv2.resize(odds, (width, height), interpolation=cv2.INTER_LINEAR).reshape(height, width))


def warm_up_log_odds() -> None:
    """Compile or load what `log_odds` runs."""
    image, labels = _warm_up.make_picture()
    with compiled_once(apply_network):
        for side in (16, 11):  # to half, and to any other share
            reduce(labels, side, side)
        log_odds(image, labels, drawn=True)


def shrink(image: Image, labels: Mask) -> tuple[Image, Mask]:
    """At the size that cues are measured at."""
    box = open_box(labels)
    ratio = math.sqrt(box.width * box.height / _PIXELS)
    if ratio <= 1:
        return image, labels
    height, width = (max(1, round(side / ratio)) for side in labels.shape)
    smaller = reduce(labels, height, width)
    if smaller.max() < OPEN:  # strokes of certain labels are all that is left
        return image, labels
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), np.uint8), smaller


@kernel
def apply_network(
    cues: Field, mean: Field, scale: Field, weights: Field, bias: Field, last: Field, hidden: Field, odds: Field
) -> None:
    """Write what the network answers for each pixel; `hidden` is the space to work in. See `Network`."""
    for y in range(cues.shape[0]):
        for x in range(cues.shape[1]):
            for unit in range(len(hidden)):
                hidden[unit] = bias[unit]
            for k in range(len(mean)):
                seen = (cues[y, x, k] - mean[k]) * scale[k]
                seen = min(max(seen, np.float32(-LIMIT)), np.float32(LIMIT))
                for unit in range(len(hidden)):
                    hidden[unit] += seen * weights[k, unit]
            answer = last[len(hidden)]
            for unit in range(len(hidden)):
                answer += last[unit] * max(hidden[unit], np.float32(0))
            odds[y, x] = answer


def add_prior(grid: Grid, labels: Mask, odds: Field) -> None:
    """Add the logarithms of the odds to the excess of the open pixels, which then cost as much more as background."""
    height, width = labels.shape
    stride = int(grid.step[3])  # of a step down
    nodes = (np.arange(1, height + 1)[:, None] * stride + np.arange(1, width + 1))[labels >= OPEN]
    grid.excess[nodes] += np.rint(np.clip(odds[labels >= OPEN], -_MOST, _MOST) * SCALE).astype(np.int32)
