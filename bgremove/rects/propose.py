"""Rects that are proposed: around what the default engine finds without one."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np

from bgremove.cutout import Cutout
from bgremove.errors import BgremoveError
from bgremove.formats import read
from bgremove.remove import cut_photo
from bgremove.settings import Settings
from bgremove.types import Rect
from bgremove.url import Location, Url

_ROOM = 0.02  # of the object's longer side, left around it

COLUMNS = ("path", "x", "y", "width", "height")


def propose_rects(paths: Iterable[Location], settings: Settings) -> Iterator[tuple[Location, Rect | BgremoveError]]:
    """A rect for each image, in their order, or why there is none; about as long as `remove` takes in a loop."""
    for path in paths:
        try:
            photo = read(path, max_pixels=settings.max_pixels)
            yield path, _around(cut_photo(photo, settings))
        except BgremoveError as error:
            yield path, error


def rects_csv(rects: Mapping[Location, Rect], folder: Path) -> str:
    """What `bgremove.batch.read_rects` reads, for a file in `folder`: paths are relative to it where they can be.

    >>> rects_csv({Path("/photos/cup.jpg"): Rect(10, 12, 60, 40)}, Path("/photos")).splitlines()
    ['path,x,y,width,height', 'cup.jpg,10,12,60,40']
    """
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    for path, rect in rects.items():
        table.writerow([_relative(path, folder), *rect])
    return text.getvalue()


def _relative(path: Location, folder: Path) -> str:
    if isinstance(path, Url):
        return path.text
    try:
        return os.path.relpath(path, folder)
    except ValueError:  # another drive
        return os.path.abspath(path)


def _around(cutout: Cutout) -> Rect:
    """The box of the foreground and some room; the rect that was searched, if there is none."""
    rows, columns = (np.flatnonzero(cutout.foreground.any(axis=axis)) for axis in (1, 0))
    if not rows.size:
        return cutout.rect
    top, bottom, left, right = int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1
    room = max(2, round(_ROOM * max(bottom - top, right - left)))
    return Rect(left - room, top - room, right - left + 2 * room, bottom - top + 2 * room).clip(*cutout.mask.shape)
