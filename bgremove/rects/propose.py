"""Rects that are proposed: around what the default engine finds without one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from bgremove.cutout import Cutout
from bgremove.errors import BgremoveError
from bgremove.formats import read
from bgremove.remove import cut_photo
from bgremove.settings import Settings
from bgremove.types import Rect

_ROOM = 0.02  # of the object's longer side, left around it


def propose_rects(paths: Iterable[Path], settings: Settings) -> Iterator[tuple[Path, Rect | BgremoveError]]:
    """A rect for each image, in their order, or why there is none; about as long as `remove` takes in a loop."""
    for path in paths:
        try:
            photo = read(path, max_pixels=settings.max_pixels)
            yield path, rect_around(cut_photo(photo, settings))
        except BgremoveError as error:
            yield path, error


def rect_around(cutout: Cutout) -> Rect:
    """The box of the foreground and some room; the rect that was searched, if there is none."""
    rows, columns = (np.flatnonzero(cutout.foreground.any(axis=axis)) for axis in (1, 0))
    if not rows.size:
        return cutout.rect
    top, bottom, left, right = int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1
    room = max(2, round(_ROOM * max(bottom - top, right - left)))
    return Rect(left - room, top - room, right - left + 2 * room, bottom - top + 2 * room).clip(*cutout.mask.shape)
