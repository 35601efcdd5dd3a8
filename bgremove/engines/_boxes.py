"""Where in an image some labels are."""

from __future__ import annotations

import cv2
import numpy as np

from bgremove.rows import bands_of, in_threads
from bgremove.types import Label, Mask, Rect


def open_box(labels: Mask) -> Rect:
    """The bounding box of the open pixels; empty if there is none."""
    return _box(labels, Label.PROBABLY_BACKGROUND)


def foreground_box(labels: Mask) -> Rect:
    """The bounding box of the pixels that are, or start as, foreground; empty if there is none."""
    return _box(labels, Label.FOREGROUND)


def _box(labels: Mask, bit: int) -> Rect:
    """Of the labels in which a bit is set: see `Label`."""
    bands = bands_of(*labels.shape)
    boxes = in_threads(lambda band: cv2.boundingRect(labels[band] & np.uint8(bit)), bands)
    found = [(band.start, *box) for band, box in zip(bands, boxes, strict=True) if box[2]]
    if not found:
        return Rect(0, 0, 0, 0)
    left, right = min(x for _, x, _, _, _ in found), max(x + width for _, x, _, width, _ in found)
    (first, _, y, _, _), (last, _, v, _, height) = found[0], found[-1]
    return Rect(left, first + y, right - left, last + v + height - first - y)
