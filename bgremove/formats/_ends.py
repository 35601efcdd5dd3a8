"""Pictures whose data end early in a file that does not: decoders fill them up, and keep quiet about it."""

from __future__ import annotations

import io
import struct
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import IO

import PIL.Image

from bgremove.errors import ImageError
from bgremove.formats import _pillow
from bgremove.formats._black_end import breaks_off_in_black
from bgremove.formats._jpeg_excess import load_watching
from bgremove.formats._jpeg_scans import Scans, scans_of
from bgremove.formats._png_chunks import has_all_pixels
from bgremove.formats._tiff_blocks import Blocks, blocks_of, fax_with_more, jpegs_in

_START, _END = b"\xff\xd8", b"\xff\xd9"
_FILLER = bytes(range(0xEE, 0x11, -7)) * 4 + _END
"""Data of a JPEG that mean something, whatever its tables are, and its end; ones first, for decoders add zeros."""
_OWN_ZEROS = bytes(4)  # each more is 256 times less likely
_MOST_OWN_ZEROS = bytes(16)  # of one colour
_ZEROS = 512
_MOST_ZEROS = 2  # that end the data themselves
_BAND = 256  # rows that are compared at a time
_WITHOUT_CHECK, _UNCOMPRESSED = {"WEBP", "AVIF", "HEIF"}, {"BMP", "PPM", "TIFF"}
_MAY_BE_MISSING = "it ends in zeros, as a download that was broken off: a part of its picture may be missing"
_HOLE = "it is damaged or truncated (zeros stand in place of a part of its picture)"
_PART_MISSING = "it is damaged or truncated (a part of its picture is missing)"
_GRAY = range(126, 131)  # what a JPEG is filled up with, and some room


def load_checked(image: PIL.Image.Image, file: IO[bytes] | None, notes: list[str]) -> None:
    """Decode an `image`. Of a JPEG in a `file`, raise `ImageError` or note it if that is not all, or not right."""
    if file is None or image.format not in {"JPEG", "MPO"}:
        _pillow.load(image)
        return
    file.seek(0)
    content = file.read()
    scans = scans_of(content)
    exceeds = load_watching(image, file, content, scans)
    if _lacks_detail(image, content, scans):
        notes.append("it is a progressive JPEG without its last scans: it is less sharp than it was")
    if exceeds:
        notes.append("its data go on where its picture ends: a part of it may be damaged")


def check_end(image: PIL.Image.Image, file: IO[bytes], notes: list[str]) -> None:
    """Raise `ImageError` if a decoded `image` of the `file`, no JPEG, has been filled up, or note that it may be."""
    if image.format == "PNG":
        # What has been filled up is black, or the first colour of a palette. Few photographs are so at their end.
        if not has_all_pixels(file, ends_black=not any(_last_row(image))):
            raise ImageError("it is damaged or truncated (its pixels end early, or are not those that were written)")
    elif image.format == "TIFF":
        _check_blocks(image, file)
    if image.format in _WITHOUT_CHECK and _ends_in_zeros(file):
        notes.append(_MAY_BE_MISSING)
    note_black_end(image, file, notes)


def with_end(file: IO[bytes]) -> IO[bytes] | None:
    """A JPEG that lacks nothing but the marker at its end, with that; None if it lacks more, or is anything else."""
    file.seek(0)
    content = file.read()
    if not content.startswith(_START) or scans_of(content).ended:
        return None
    for data in map(_without_fill, _without_zeros(content)):
        with suppress(ImageError, OSError):
            image = _pillow.open_header(io.BytesIO(data + _END), [], sys.maxsize)
            _pillow.load(image)
            if _is_all_of(image, data):
                return io.BytesIO(data + _END)
    return None


def note_black_end(image: PIL.Image.Image, file: IO[bytes], notes: list[str]) -> None:
    """Note it if a loaded image without compression looks as if zeros had taken the place of its end."""
    if image.format in _UNCOMPRESSED and breaks_off_in_black(image, file):
        notes.append(_MAY_BE_MISSING)


def _lacks_detail(image: PIL.Image.Image, content: bytes, scans: Scans) -> bool:
    """Whether a JPEG, the `content`, that has been decoded as `image` lacks details; `ImageError` if it lacks more."""
    if scans.has_hole:
        raise ImageError(_HOLE)
    if not scans.in_order or scans.lacks_component or _is_filled_up(image, content, scans):
        raise ImageError(_PART_MISSING)
    return scans.lacks_detail


def _check_blocks(image: PIL.Image.Image, file: IO[bytes]) -> None:
    """Raise `ImageError` if a strip or tile of a TIFF is a JPEG or a facsimile of which a part is missing."""
    try:
        blocks = blocks_of(file)
    except (struct.error, KeyError, ValueError):
        return  # a directory that only the decoder makes sense of
    _check_fax(image, blocks)
    for content in jpegs_in(blocks):
        try:
            part = _pillow.open_header(io.BytesIO(_without_fill(content) + _END), [], sys.maxsize)
            _pillow.load(part)
        except (ImageError, OSError):
            continue  # of a kind that only the decoder of the TIFF knows
        _lacks_detail(part, content, scans_of(content))


def _check_fax(image: PIL.Image.Image, blocks: Blocks) -> None:
    """Raise `ImageError` if the data of facsimiles are too few: of what comes behind them the picture shows nothing."""
    with_more = fax_with_more(blocks)
    if with_more is None:
        return
    other = _pillow.open_header(with_more, [], sys.maxsize)
    _pillow.load(other)
    if not _is_same(image, other):
        raise ImageError(_PART_MISSING)


def _ends_in_zeros(file: IO[bytes]) -> bool:
    """Whether a file ends in more zeros than compressed data ever do."""
    length = file.seek(0, io.SEEK_END)
    file.seek(max(0, length - _ZEROS))
    return length > _ZEROS and not any(file.read(_ZEROS))


def _part(image: PIL.Image.Image, left: int, top: int, right: int, bottom: int) -> PIL.Image.Image:
    """As `crop`, which would ask whether the part is beyond Pillow's own limit."""
    return image.resize((right - left, bottom - top), PIL.Image.Resampling.NEAREST, (left, top, right, bottom))


def _last_row(image: PIL.Image.Image) -> bytes:
    """The row that comes last in a PNG: of an interlaced one, the last with an odd number, if there is any."""
    bottom = image.height - image.height % 2 if image.info.get("interlace") else image.height
    return _part(image, 0, bottom - 1, image.width, bottom).tobytes() if bottom else b""


def _is_filled_up(image: PIL.Image.Image, content: bytes, scans: Scans) -> bool:
    """Whether the data of a JPEG, the `content`, are too few for all of the `image`.

    Only if it ends gray, or has no end but zeros, it is decoded once more, with other data behind its own, which change
    it if they are needed. So is each of arithmetic coding, which is rare, and ends in any colour: behind its data zeros
    are read, of which some may be its own (T.81, D.1.8).
    """
    if scans.arithmetic:
        own = _MOST_OWN_ZEROS if _is_of_one_colour(image) else _OWN_ZEROS
        return scans.ended and not _is_all_of(image, content[: scans.end] + own)
    last = _part(image, image.width - 1, image.height - 1, image.width, image.height)
    brightness = (last.getchannel("K") if last.mode == "CMYK" else last.convert("L")).tobytes()[0]
    if scans.ended and brightness not in _GRAY:
        return False
    if scans.ended:
        return not _is_all_of(image, content[: scans.end])
    return not any(_is_all_of(image, each) for each in _without_zeros(content))


def _without_zeros(content: bytes) -> Iterator[bytes]:
    """What may be the data of a JPEG that end in zeros which are none."""
    last_but_zeros = len(content.rstrip(b"\0"))
    for length in range(last_but_zeros, min(last_but_zeros + _MOST_ZEROS, len(content)) + 1):
        yield content[:length]


def _is_of_one_colour(image: PIL.Image.Image) -> bool:
    return all(least == most for least, most in (band.getextrema() for band in image.split()))


def _is_all_of(image: PIL.Image.Image, content: bytes) -> bool:
    """Whether the `content` of a JPEG, which is without its end, is all that makes the `image`."""
    try:
        other = _pillow.open_header(io.BytesIO(_without_fill(content) + _FILLER), [], sys.maxsize)
        _pillow.load(other)
    except OSError:
        return True  # there is more behind the picture, of which nothing can be told
    return _is_same(image, other)


def _without_fill(content: bytes) -> bytes:
    """Without what may stand before any marker (T.81, B.1.1.2), and half of one."""
    return content.rstrip(b"\xff")


def _is_same(image: PIL.Image.Image, other: PIL.Image.Image) -> bool:
    """Whether two decoded images of one size have the same pixels."""
    bands = ((0, top, image.width, min(top + _BAND, image.height)) for top in range(0, image.height, _BAND))
    return all(_part(image, *band).tobytes() == _part(other, *band).tobytes() for band in bands)
