"""A photograph as the page shows it: small enough to be cut at once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from bgremove.cutout import Cutout
from bgremove.formats import Photo, high_byte
from bgremove.remove import cut_photo
from bgremove.settings import Settings
from bgremove.types import Mask, Rect

SIDE = 800
"""Pixels of the longest side."""


@dataclass(frozen=True, slots=True)
class Reduced:
    """A photograph whose longest side has `SIDE` pixels at most, and the size that it came with."""

    photo: Photo
    height: int
    width: int

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of what is shown."""
        height, width = self.photo.image.shape[:2]
        return height, width

    @property
    def whole(self) -> tuple[int, int]:
        """Height and width of the photograph."""
        return self.height, self.width

    def cut(self, rect: Rect | None, labels: Mask | None, settings: Settings) -> Cutout:
        """The cutout of what is shown, for a rect and hints, ``(height, width)``, of the whole."""
        if rect is not None:
            settings = replace(settings, rect=self.smaller(rect))
        return cut_photo(self.photo, settings, None if labels is None else resized(labels, *self.shape))

    def smaller(self, rect: Rect) -> Rect:
        """A rect of the whole in what is shown; where it leaves background at a side, so does this."""
        left, right = _ends(rect.x, rect.width, self.width, self.shape[1])
        top, bottom = _ends(rect.y, rect.height, self.height, self.shape[0])
        return Rect(left, top, right - left, bottom - top)

    def larger(self, rect: Rect) -> Rect:
        """A rect of what is shown in the whole."""
        left, right = _ends(rect.x, rect.width, self.shape[1], self.width)
        top, bottom = _ends(rect.y, rect.height, self.shape[0], self.height)
        return Rect(left, top, right - left, bottom - top)

    def changed(self, labels: Mask, shown: Mask) -> Mask:
        """`labels` of the whole, changed where `shown` is another than what was shown of them."""
        different = resized((shown != resized(labels, *self.shape)).view(np.uint8), self.height, self.width)
        return np.where(different, resized(shown, self.height, self.width), labels)


def reduced(photo: Photo) -> Reduced:
    """What a page shows of a photograph, in 8 bits."""
    height, width = photo.image.shape[:2]
    scale = min(1.0, SIDE / max(height, width))
    shape = max(1, round(height * scale)), max(1, round(width * scale))
    image = _averaged(photo.image, *shape)
    alpha = None if photo.alpha is None else _averaged(high_byte(photo.alpha), *shape)
    return Reduced(Photo(image, alpha, metadata=photo.metadata.chosen("none")), height, width)


def resized(labels: Mask, height: int, width: int) -> Mask:
    """Labels in another size; enlarging and reducing again gives the same."""
    return np.asarray(cv2.resize(labels, (width, height), interpolation=cv2.INTER_NEAREST_EXACT), np.uint8)


def _averaged(pixels: NDArray[Any], height: int, width: int) -> NDArray[np.uint8]:
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def _ends(start: int, length: int, size: int, to: int) -> tuple[int, int]:
    """Where a side of a rect in `size` pixels begins and ends in `to` pixels; it still leaves out what it does."""
    least, most = 1 if start > 0 else 0, to - 1 if start + length < size else to
    first = min(max(round(start * to / size), least), max(most - 1, 0))
    return first, max(min(round((start + length) * to / size), most), first + 1)
