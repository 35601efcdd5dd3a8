"""What stands in a BMP that Pillow passes over (Windows GDI, BITMAPINFOHEADER to BITMAPV5HEADER)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

_RAW, _BITFIELDS = 0, 3
_WITH_ALPHA, _V5 = 56, 124
"""Bytes of the first header that has room for the mask of alpha, and of the one that has for a profile."""
_PROFILES = {b"DEBM", b"KNIL"}  # embedded, linked


def lost_in(file: IO[bytes]) -> Iterator[str]:
    """What to note of a BMP that has been read."""
    file.seek(0)
    start = file.read(14 + _V5).ljust(14 + _V5, b"\0")
    pixels, header, width, height, _, bits, compression = struct.unpack_from("<IIiiHHI", start, 10)
    mask = struct.unpack_from("<I", start, 66)[0] if header >= _WITH_ALPHA else 0
    file.seek(pixels)
    if bits == 16 and compression == _BITFIELDS and mask:
        if (_samples(file, "<u2", width, abs(height)) & mask != mask).any():
            yield "its alpha was left out: of 16 bits a pixel only the colours were read"
    elif bits == 32 and compression == _RAW:
        fourth = _samples(file, "<u4", width, abs(height)) >> 24
        if fourth.any() and (fourth != 255).any():
            yield "the fourth byte of each pixel, which may be alpha, was left out"
    if header == _V5 and start[70:74] in _PROFILES:
        yield "its colour profile was left out: its colours are taken for those of sRGB"


def _samples(file: IO[bytes], dtype: str, width: int, height: int) -> NDArray[np.unsignedinteger[Any]]:
    """(H, W), of rows that each take a multiple of four bytes."""
    row = -(-width * np.dtype(dtype).itemsize // 4) * 4
    content = file.read(height * row).ljust(height * row, b"\0")  # the last row may be without its end
    return np.frombuffer(content, np.uint8).reshape(height, row).view(dtype)[:, :width]
