"""Where in the open box the object is likely to be, before any colour model is learned.

A small convolutional network, see `bgremove.engines._network`, tells from a small picture and the cues of its pixels,
see `bgremove.engines._cues`, the logarithm of the odds of each that it is part of the object. They are added to
GrabCut's terminal weights, as a prior. The network sees the picture and its mirror image, and is also told whether the
box was drawn around the object or is only what a margin leaves. `benchmarks.location` fitted it to 4,476 public
photographs with masks, of MSRA-1000, ECSSD and PASCAL-S, of people and of animals; and to 4,570 of anything, most of
them of Caltech-101, with the masks of U2-Net (Qin et al. 2020, https://doi.org/10.1016/j.patcog.2020.107404) where that
was sure.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from bgremove.engines import _warm_up
from bgremove.engines._barriers import Field
from bgremove.engines._boxes import foreground_box, open_box
from bgremove.engines._compile import compiled_once, kernel
from bgremove.engines._cues import measure_cues
from bgremove.engines._energy import OPEN, SCALE
from bgremove.engines._grid import Grid
from bgremove.engines._network import Network, Space, compute, load, make_space
from bgremove.engines._pyramid import reduce
from bgremove.types import Image, Label, Mask, Rect

_Value = TypeVar("_Value", np.float32, np.uint8)

SIDE = 64
"""Pixels of the square that the network sees, whatever the shape of the image."""
LIMIT = 4.0
"""Of a cue that is seen, in its standard deviations."""
LIKELY = -1.0
"""The least logarithm of the odds of pixels that start as foreground."""
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
    seen = to_square(image, labels)
    odds = np.empty((SIDE, SIDE), np.float32)
    _ask(load(), measure_cues(seen.small, seen.labels), seen.open_share, drawn, seen.fine, make_space(SIDE, SIDE), odds)
    return np.asarray(cv2.resize(odds, (width, height), interpolation=cv2.INTER_LINEAR).reshape(height, width))


def open_margin(image: Image, labels: Mask) -> tuple[Mask, Field]:
    """Labels whose margin is open just where the object is likely to run into it; odds.

    The margin is what starts as background around the box of what starts as foreground. The network sees it as certain
    background, as it did when it was fitted. What lies in it is as likely to be part of the object as the nearest pixel
    of the box. It is opened where a search starts, as far as that is joined to what is more likely than not: hysteresis
    (Canny 1986, https://doi.org/10.1109/TPAMI.1986.4767851).
    """
    margin = labels == Label.PROBABLY_BACKGROUND
    margin[foreground_box(labels).slices] = False
    closed = np.where(margin, np.uint8(Label.BACKGROUND), labels)
    odds, box = log_odds(image, closed, drawn=False), open_box(closed)
    if box.width:
        rows, columns = box.slices
        nearest_row = np.arange(labels.shape[0]).clip(rows.start, rows.stop - 1)
        nearest_column = np.arange(labels.shape[1]).clip(columns.start, columns.stop - 1)
        odds = odds[np.ix_(nearest_row, nearest_column)]
    _, pieces = cv2.connectedComponents((margin & (odds > LIKELY)).view(np.uint8))
    closed[np.isin(pieces, pieces[margin & (odds > 0)])] = Label.PROBABLY_FOREGROUND
    return closed, odds


@kernel
def _ask(network: Network, cues: Field, open_share: Field, drawn: int, fine: Image, space: Space, odds: Field) -> None:
    """Write the mean of what the network answers of the picture and of its mirror image."""
    height, width = odds.shape
    odds[:] = 0
    for mirrored in range(2):
        _see(cues, open_share, drawn, mirrored, network.mean, network.scale, space.seen)
        compute(network, fine, mirrored, space, width)
        for y in range(height):
            for x in range(width):
                odds[y, x] += space.answer[0, (y + 1) * width - 1 - x if mirrored else y * width + x] / np.float32(2)


@kernel
def _see(cues: Field, open_share: Field, drawn: int, mirrored: int, mean: Field, scale: Field, planes: Field) -> None:
    """Write the planes that the network sees, of the picture or of its mirror image."""
    height, width, number = cues.shape
    for k in range(number + 2):
        for y in range(height):
            for x in range(width):
                if k < number:
                    value = min(max((cues[y, x, k] - mean[k]) * scale[k], np.float32(-LIMIT)), np.float32(LIMIT))
                elif k == number:
                    value = np.float32(LIMIT) * open_share[y, x]
                else:
                    value = np.float32(1 if drawn else -1)
                planes[k, (y + 1) * width - 1 - x if mirrored else y * width + x] = value


@cache
def warm_up_log_odds() -> None:
    """Compile or load what `log_odds` runs, once."""
    image, labels = _warm_up.make_picture()
    with compiled_once(_ask):
        for side in (16, 11):  # to half, and to any other share
            reduce(labels, side, side)
        log_odds(image, labels, drawn=True)


class Square(NamedTuple):
    """What the network sees of an image, whatever its shape."""

    small: Image
    """(SIDE, SIDE, 3)"""
    fine: Image
    """(2 SIDE, 2 SIDE, 3)"""
    labels: Mask
    """(SIDE, SIDE)"""
    open_share: Field
    """(SIDE, SIDE): what part of each pixel is open; half of it makes an open pixel."""


def to_square(image: Image, labels: Mask) -> Square:
    """At the size that the network sees."""
    share = _resized((labels >= OPEN).astype(np.float32), SIDE)
    inside = share >= 0.5
    if not inside.any():  # strokes of certain labels are all that is left
        inside = share > 0
    reduced = np.where(inside, np.uint8(OPEN), np.uint8(0))
    return Square(_resized(image, SIDE), _resized(image, 2 * SIDE), reduced, share)


def _resized(values: NDArray[_Value], side: int) -> NDArray[_Value]:
    return np.asarray(cv2.resize(values, (side, side), interpolation=cv2.INTER_AREA), values.dtype)


@kernel
def loosen(grid: Grid) -> None:
    """Let neighbours hold together half as much: a prior tells what they otherwise must."""
    for i in range(len(grid.residual)):
        grid.residual[i] >>= 1
    for node in range(len(grid.excess)):
        grid.excess[node] >>= 1


@kernel
def add_prior(grid: Grid, labels: Mask, box: Rect, odds: Field, pull: Any) -> None:
    """Add the logarithms of the odds to the excess of the open pixels, which then cost as much more as background.

    The grid is that of the `box`; `pull` is added to all odds.
    """
    for v in range(box.height):
        excess = grid.excess[(v + 1) * (box.width + 1) + 1 :]
        for u in range(box.width):
            if labels[box.y + v, box.x + u] >= OPEN:
                value = odds[box.y + v, box.x + u] + pull
                excess[u] += np.int32(np.rint(min(max(value, -_MOST), _MOST) * SCALE))
