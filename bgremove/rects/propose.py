"""Rects that are proposed: around what the default engine finds without one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import cv2
import numpy as np

from bgremove.cutout import Cutout
from bgremove.errors import BgremoveError
from bgremove.formats import read
from bgremove.remove import cut_photo
from bgremove.settings import Settings
from bgremove.types import MARGIN, DrawnRect, Rect
from bgremove.url import Location

_ROOM = 0.02  # of the object's longer side, left around it


def propose_rects(
    paths: Iterable[Location], settings: Settings
) -> Iterator[tuple[Location, DrawnRect | BgremoveError]]:
    """A rect for each image, in their order, or why there is none; about as long as `remove` takes in a loop."""
    for path in paths:
        try:
            photo = read(path, max_pixels=settings.max_pixels)
            yield path, DrawnRect(rect_around(cut_photo(photo, settings)), *photo.image.shape[:2])
        except BgremoveError as error:
            yield path, error


def rect_around(cutout: Cutout) -> Rect:
    """The box of the foreground and some room; the rect that was searched, if there is none.

    If that is all of the image, it is what a margin leaves: `remove` needs some background to learn from.
    """
    box = Rect(*cv2.boundingRect(cutout.foreground.view(np.uint8)))
    if not box.width:
        return cutout.rect
    room = max(2, round(_ROOM * max(box.width, box.height)))
    height, width = cutout.mask.shape
    rect = box.grown(room, room).clip(height, width)
    return rect if rect != (0, 0, width, height) else Rect.from_margin(MARGIN, height, width)
