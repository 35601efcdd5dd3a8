"""What stands in a PNG beside its pixels, chunk by chunk (W3C, Portable Network Graphics, third edition, 5.3)."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from typing import IO

import PIL.Image

from bgremove.formats._limits import is_quiet
from bgremove.formats._png import SIGNATURE, check_of, chunk_of

_OF_PIXELS = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"}
"""Chunks without which the pixels would be others."""
_CICP_OF_SRGB = b"\1\x0d\0\1"
_MOST_TRIED = 100
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""Passes of an interlaced picture: first column and row, and the steps to the next."""
_PIECE = 2**20
_BEFORE = SIGNATURE + chunk_of(b"IHDR", b"\0\0\0\1\0\0\0\1\x08\0\0\0\0")
_BEHIND = chunk_of(b"IDAT", zlib.compress(b"\0\0")) + chunk_of(b"IEND", b"")
"""With what stands before, the smallest picture: one pixel, gray."""


def lost_in(file: IO[bytes]) -> Iterator[str]:
    """What to note of chunks that Pillow passes over."""
    for kind, start, length in _chunks(file):
        if kind == b"IDAT":
            return
        if kind == b"cICP":
            file.seek(start + 8)
            if file.read(length) != _CICP_OF_SRGB:
                yield "its cICP chunk was left out: its colours are taken for those of its profile, or of sRGB"


def has_all_pixels(file: IO[bytes], *, ends_black: bool) -> bool:
    """Whether the data of a PNG are what was written, and as long as its size needs.

    Pillow leaves black what does not come, and does not look at checks. They are decompressed once more only if the
    picture that it gives `ends_black`, or a check is wrong; if that of all of them is right, nothing is lost.
    """
    checked = all(_is_checked(file, start, length) for kind, start, length in _chunks(file) if kind == b"IDAT")
    if checked and not ends_black:
        return True
    needed = _data_bytes(file)
    length, complete = _decompressed(file, needed)
    return length >= needed and (checked or complete)


def _is_checked(file: IO[bytes], start: int, length: int) -> bool:
    """Whether the check of a chunk is right."""
    file.seek(start + 4)
    chunk = memoryview(file.read(length + 8))
    return check_of(chunk[:-4]) == int.from_bytes(chunk[-4:])


def _data_bytes(file: IO[bytes]) -> int:
    """How many bytes the data of a PNG have when they are decompressed."""
    file.seek(16)
    width, height, bits, colour, *_, interlaced = struct.unpack(">2I5B", file.read(13))
    needed = 0
    for left, top, across, down in _ADAM7 if interlaced else ((0, 0, 1, 1),):
        columns, rows = -(-(width - left) // across), -(-(height - top) // down)
        needed += rows * (1 + -(-columns * bits * _CHANNELS[colour] // 8)) if columns > 0 and rows > 0 else 0
    return needed


def _decompressed(file: IO[bytes], needed: int) -> tuple[int, bool]:
    """How many bytes the data are, and whether they come to their end, little beyond `needed`, and are right."""
    stream, length = zlib.decompressobj(), 0
    try:
        for kind, start, size in _chunks(file):
            if kind == b"IDAT":
                file.seek(start + 8)
                packed = file.read(size)
                while packed and not stream.eof and length < needed + _PIECE:  # there may be no end of it
                    length += len(stream.decompress(packed, _PIECE))
                    packed = stream.unconsumed_tail
        if length < needed:
            length += len(stream.flush())
    except zlib.error:  # behind all that Pillow has asked for
        return length, False
    return length, stream.eof


def without_damage(file: IO[bytes], notes: list[str]) -> IO[bytes] | None:
    """A PNG without the chunks that cannot be read and say nothing of its pixels, which are noted.

    None if there are none, or so many that it is no picture somebody has made: each takes a millisecond to try.
    """
    parts, tried, damaged = [SIGNATURE], 0, []
    for kind, start, length in _chunks(file):
        file.seek(start)
        chunk = file.read(12 + length)
        tried += kind not in _OF_PIXELS
        if tried > _MOST_TRIED:
            return None
        if kind in _OF_PIXELS or _is_read(chunk):
            parts.append(chunk)
        else:
            damaged.append(kind.decode("ascii"))
    if not damaged:
        return None
    notes.append(f"what is damaged and not of its pixels was left out: {', '.join(dict.fromkeys(damaged))}")
    return io.BytesIO(b"".join(parts))


def _is_read(chunk: bytes) -> bool:
    """Whether Pillow reads a picture that holds the `chunk`."""
    picture = io.BytesIO(_BEFORE + chunk + _BEHIND)
    return is_quiet(lambda: PIL.Image.open(picture, formats=["PNG"]).load())


def _chunks(file: IO[bytes]) -> Iterator[tuple[bytes, int, int]]:
    """Kind, place in the file and length of the content of each chunk; none if it is no PNG."""
    file.seek(0)
    if file.read(8) != SIGNATURE:
        return
    start = 8
    while len(head := file.read(8)) == 8:
        length, kind = struct.unpack(">I4s", head)
        if not kind.isalpha():
            return  # no chunk is called so: what follows is anything
        yield kind, start, length
        start += 12 + length
        file.seek(start)
