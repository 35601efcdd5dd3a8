"""BigTIFF, whose offsets have 64 bits, as a TIFF whose offsets have 32: all others know only that one."""

from __future__ import annotations

import io
import struct
from typing import IO

from bgremove.errors import ImageError

_ORDERS = {b"II+\0": ("<", b"II*\0"), b"MM\0+": (">", b"MM\0*")}
_SIZES = {3: 2, 4: 4, 5: 8, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
"""Bytes of a value by type; all others have one."""

_NARROWER = {16: 4, 17: 9, 18: 13}
"""Types of 64-bit integers, and those of 32 bits for the same."""


class _Converted(io.BytesIO):
    """A TIFF made of a BigTIFF, of which `length` bytes are its own; the rest has been added."""

    length: int


_DIRECTORIES = (34665, 34853)  # Exif and GPS
_MOST_BYTES = 2**26
"""Of all values that are copied: a damaged file may name each a thousand times."""


def as_tiff(file: IO[bytes], *, header_only: bool = False) -> IO[bytes]:
    """`file` itself unless it is a BigTIFF, else the same picture as a TIFF, without its pixels if `header_only`."""
    file.seek(0)
    header = file.read(16)
    if header[:4] not in _ORDERS:
        return file
    order, magic = _ORDERS[header[:4]]
    file.seek(0)
    content = bytearray(header[:8] if header_only else file.read())
    length = len(content)
    content += bytes(len(content) % 2)
    if len(content) >= 2**32 - 2**24:
        raise ImageError("it is a TIFF of four gigabytes or more")
    place = struct.unpack(f"{order}Q", header[8:])[0]
    place = _add_directory(content, file, order, place, len(content) + _MOST_BYTES, _DIRECTORIES)
    content[:8] = magic + struct.pack(f"{order}I", place)
    converted = _Converted(content)
    converted.length = length
    return converted


def own_length(file: IO[bytes]) -> int:
    """How many bytes a file has, or had before `as_tiff` made another of it."""
    return file.length if isinstance(file, _Converted) else file.seek(0, io.SEEK_END)


def _add_directory(
    content: bytearray, file: IO[bytes], order: str, place: int, most: int, inner: tuple[int, ...] = ()
) -> int:
    """Add the directory at `place` of the `file` to the `content`, with 32-bit offsets; gives its new place.

    Entries `inner` are the places of further directories. The content gets no longer than `most` bytes.
    """
    file.seek(place)
    count = min(struct.unpack(f"{order}Q", file.read(8))[0], 2**16 - 1)
    packed = file.read(20 * count + 8)
    entries = b""
    for tag, kind, number, value in struct.iter_unpack(f"{order}HHQ8s", packed[: 20 * count]):
        size = number * _SIZES.get(kind, 1)
        if len(content) + size > most:
            raise ImageError("it is damaged or truncated (its directory)")
        data = _value(file, order, size, value)
        if kind in _NARROWER:
            numbers = struct.unpack(f"{order}{number}Q", data)
            if tag in inner:
                numbers = (_add_directory(content, file, order, numbers[0], most),)
            data = struct.pack(f"{order}{number}I", *numbers)
        entries += struct.pack(f"{order}HHI", tag, _NARROWER.get(kind, kind), number)
        if len(data) > 4:
            entries += struct.pack(f"{order}I", len(content))
            content += data + bytes(len(data) % 2)
        else:
            entries += data.ljust(4, b"\0")
    # Of a second page there is no more than that it is there.
    following = len(content) if any(packed[20 * count :]) else 0
    content += bytes(6) if following else b""
    new = len(content)
    content += struct.pack(f"{order}H", count) + entries + struct.pack(f"{order}I", following)
    return new


def _value(file: IO[bytes], order: str, size: int, value: bytes) -> bytes:
    if size <= 8:
        return value[:size]
    file.seek(struct.unpack(f"{order}Q", value)[0])
    return file.read(size)
