"""Reasons to doubt a mask, from the mask and the image alone.

Whether it is doubted is for `bgremove.engines.predict_overlap` to say, where there is background to compare it with;
the reasons are what a person can see in it. The contrast along the outline is not among them: it is no lower in bad
masks than in good ones.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from bgremove.engines import log_odds, measure_masks, predict_overlap, seen_in
from bgremove.types import Image, Mask, Rect

EMPTY = "nothing was found"
FULL = "it fills the rect"
ALONG = "it runs along the rect"
PIECES = "it is in many pieces"
ALIKE = "its colours are those of the background"
UNLIKELY = "it is not what an object looks like"

_PIXELS = 40_000  # of the reduced image that is looked at
_LEAST, _MOST = 0.005, 0.98  # shares of the rect
_ALONG = 0.5  # share of the rect's sides
_WHOLE = 0.75  # share of the mask that its largest piece has
_FITS = 0.7
"""The predicted intersection over union with the truth that a mask needs."""
_TOLD = 0.75  # share of the rect's pixels whose colour puts them on the side that they are on


def find_doubts(
    image: Image, mask: Mask, rect: Rect, *, drawn: bool = True, overlap: float | None = None
) -> tuple[str, ...]:
    """Why a mask is probably bad; empty if it probably is not. Some 5 milliseconds, and half of one a megapixel.

    Parameters
    ----------
    image : (H, W, 3) uint8
    mask : (H, W) uint8
        A `Label` for every pixel.
    rect
        The rectangle that the object was sought in.
    drawn
        Whether it was drawn around the object, or is only what a margin leaves.
    overlap
        What its intersection over union with the truth will be about, from an engine that has predicted it: most masks
        then cost hardly anything.
    """
    window = rect.grown(rect.width // 4 + 1, rect.height // 4 + 1).clip(*mask.shape).slices
    shrink = max(1.0, math.sqrt(rect.width * rect.height / _PIXELS))
    size = tuple(max(1, round(side / shrink)) for side in reversed(mask[window].shape))
    labels = np.asarray(cv2.resize(mask[window], size, interpolation=cv2.INTER_NEAREST), np.uint8)
    foreground = (labels & 1).view(np.bool_)
    inside = np.zeros(foreground.shape, np.uint8)
    left, top = round((rect.x - window[1].start) / shrink), round((rect.y - window[0].start) / shrink)
    part = slice(top, top + max(1, round(rect.height / shrink))), slice(left, left + max(1, round(rect.width / shrink)))
    inside[part] = 2
    share = float(np.mean(foreground[part]))
    if share < _LEAST:
        return (EMPTY,)
    if share > _MOST:
        return (FULL,)
    comparable = not inside.all()
    if comparable and overlap is not None and overlap >= _FITS:
        return ()
    small = _reduced(image[window], size, shrink)
    asked = comparable and overlap is None
    odds = log_odds(small, inside, drawn=drawn) if asked else np.zeros(inside.shape, np.float32)
    (measured,) = measure_masks(small, inside, [foreground], odds)
    if asked and predict_overlap(measured) >= _FITS:
        return ()
    along, largest, told = seen_in(measured)
    found = {ALONG: along > _ALONG, PIECES: largest < _WHOLE, ALIKE: told < _TOLD}
    reasons = tuple(reason for reason, holds in found.items() if holds)
    return reasons or ((UNLIKELY,) if comparable else ())


def _reduced(image: Image, size: tuple[int, ...], shrink: float) -> Image:
    """`image` at about a size (width, height), a `shrink` of its own. Exact halves first take a third of the time."""
    while shrink >= 4:
        height, width = (length // 2 for length in image.shape[:2])
        halves = cv2.resize(image[: 2 * height, : 2 * width], (width, height), interpolation=cv2.INTER_AREA)
        image, shrink = np.asarray(halves, np.uint8), shrink / 2
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
