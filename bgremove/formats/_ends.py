"""Pictures whose data end early in a file that does not: decoders fill them up, and keep quiet about it."""

from __future__ import annotations

import io
import sys
from typing import IO

import PIL.Image

from bgremove.errors import ImageError
from bgremove.formats import _pillow
from bgremove.formats._jpeg_scans import scans_of
from bgremove.formats._png_chunks import has_all_rows

_FILLER = bytes(range(0x11, 0xEE, 7)) * 4
"""Data of a JPEG that mean something, whatever its tables are."""
_BAND = 256  # rows that are compared at a time
_GRAY = range(126, 131)  # what a JPEG is filled up with, and some room


def check_end(image: PIL.Image.Image, file: IO[bytes], notes: list[str]) -> None:
    """Raise `ImageError` if a decoded `image` of the `file` has been filled up; note details that do not come."""
    if image.format == "PNG":
        # What has been filled up is black, or the first colour of a palette. Few photographs are so at their end.
        if not any(_last_row(image)) and not has_all_rows(file):
            raise ImageError("it is damaged or truncated (its pixels end early)")
    elif image.format in {"JPEG", "MPO"}:
        file.seek(0)
        content = file.read()
        scans = scans_of(content)
        if not scans.in_order or scans.lacks_component or _is_filled_up(image, content, scans.end):
            raise ImageError("it is damaged or truncated (a part of its picture is missing)")
        if scans.lacks_detail:
            notes.append("it is a progressive JPEG without its last scans: it is less sharp than it was")


def _part(image: PIL.Image.Image, left: int, top: int, right: int, bottom: int) -> PIL.Image.Image:
    """As `crop`, which would ask whether the part is beyond Pillow's own limit."""
    return image.resize((right - left, bottom - top), PIL.Image.Resampling.NEAREST, (left, top, right, bottom))


def _last_row(image: PIL.Image.Image) -> bytes:
    """The row that comes last in a PNG: of an interlaced one, the last with an odd number, if there is any."""
    bottom = image.height - image.height % 2 if image.info.get("interlace") else image.height
    return _part(image, 0, bottom - 1, image.width, bottom).tobytes() if bottom else b""


def _is_filled_up(image: PIL.Image.Image, content: bytes, end: int) -> bool:
    """Whether the data of a JPEG, which `end` in the `content`, are too few for all of the `image`.

    Only if it ends gray it is decoded once more, with other data behind its own, which change it if they are needed.
    """
    last = _part(image, image.width - 1, image.height - 1, image.width, image.height)
    if (last.getchannel("K") if last.mode == "CMYK" else last.convert("L")).tobytes()[0] not in _GRAY:
        return False
    filled = content[:end].rstrip(b"\xff") + _FILLER + content[end:]
    other = _pillow.open_header(io.BytesIO(filled), [], sys.maxsize)
    _pillow.load(other)
    bands = ((0, top, image.width, min(top + _BAND, image.height)) for top in range(0, image.height, _BAND))
    return any(_part(image, *band).tobytes() != _part(other, *band).tobytes() for band in bands)
