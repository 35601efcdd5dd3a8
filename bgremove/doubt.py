"""Reasons to doubt a mask, from the mask and the image alone.

The contrast along the outline is not among them: it is no lower in bad masks than in good ones.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from bgremove.engines import told_by_colour
from bgremove.types import Foreground, Image, Mask, Rect

EMPTY = "nothing was found"
FULL = "it fills the rect"
ALONG = "it runs along the rect"
PIECES = "it is in many pieces"
ALIKE = "its colours are those of the background"

_PIXELS = 40_000  # of the reduced image that is looked at
_LEAST, _MOST = 0.005, 0.98  # shares of the rect
_ALONG = 0.5  # share of the rect's sides
_WHOLE = 0.75  # share of the mask that its largest piece has
_TOLD = 0.75  # share of the rect's pixels whose colour puts them on the side that they are on


def find_doubts(image: Image, mask: Mask, rect: Rect) -> tuple[str, ...]:
    """Why a mask is probably bad; empty if nothing speaks against it. Some milliseconds, whatever the size.

    Parameters
    ----------
    image : (H, W, 3) uint8
    mask : (H, W) uint8
        A `Label` for every pixel.
    rect
        The rectangle that the object was sought in.
    """
    window = _around(rect, mask.shape)
    shrink = max(1.0, math.sqrt(rect.width * rect.height / _PIXELS))
    size = tuple(max(1, round(side / shrink)) for side in reversed(mask[window].shape))
    small = _reduced(image[window], size, max(1, int(shrink / 2)))
    foreground = cv2.resize(mask[window] & 1, size, interpolation=cv2.INTER_NEAREST).view(np.bool_)
    inside = np.zeros(foreground.shape, np.uint8)
    left, top = round((rect.x - window[1].start) / shrink), round((rect.y - window[0].start) / shrink)
    part = slice(top, top + max(1, round(rect.height / shrink))), slice(left, left + max(1, round(rect.width / shrink)))
    inside[part] = 2
    share = float(np.mean(foreground[part]))
    if share < _LEAST:
        return (EMPTY,)
    if share > _MOST:
        return (FULL,)
    found = {
        ALONG: _share_along(foreground[part]) > _ALONG,
        PIECES: _share_of_largest_piece(foreground) < _WHOLE,
        ALIKE: told_by_colour(small, inside, foreground) < _TOLD,
    }
    return tuple(reason for reason, holds in found.items() if holds)


def _reduced(image: Image, size: tuple[int, ...], side: int) -> Image:
    """`image` at about a size (width, height), first in whole squares of some pixels a `side`, a fifth of the time."""
    height, width = (length // side for length in image.shape[:2])
    squares = image[: height * side, : width * side]
    if side > 1:
        squares = np.asarray(cv2.resize(squares, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    return np.asarray(cv2.resize(squares, size, interpolation=cv2.INTER_AREA), np.uint8)


def _around(rect: Rect, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """The rect and a quarter of its sides around it."""
    across, down = rect.width // 4 + 1, rect.height // 4 + 1
    return (
        slice(max(0, rect.y - down), min(shape[0], rect.y + rect.height + down)),
        slice(max(0, rect.x - across), min(shape[1], rect.x + rect.width + across)),
    )


def _share_along(inside: Foreground) -> float:
    """Share of the rect's sides that the foreground touches, but for the outermost pixels, which rounding may cut."""
    rows, columns = (min(1, side // 2) for side in inside.shape)
    sides = inside[rows], inside[-1 - rows], inside[:, columns], inside[:, -1 - columns]
    return float(np.mean(np.concatenate(sides)))


def _share_of_largest_piece(foreground: Foreground) -> float:
    sizes = cv2.connectedComponentsWithStats(foreground.view(np.uint8), connectivity=4)[2][1:, cv2.CC_STAT_AREA]
    return float(sizes.max() / sizes.sum())
