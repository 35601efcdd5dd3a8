"""PNG files (W3C, Portable Network Graphics, third edition), compressed by ISA-L in a quarter of OpenCV's time.

A cutout is mostly transparent, which is black: the difference to the row above leaves nothing of that, and of the
object less than the difference to the pixel on the left does.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from bgremove.rows import bands_of, in_threads

try:
    from isal import isal_zlib as deflate
except ImportError:  # there is no wheel of it for this processor
    import zlib as deflate  # type: ignore[no-redef]

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_COLOUR_TYPES = {1: 0, 3: 2, 4: 6}
"""By number of channels: gray, RGB, RGBA."""
_TO_RGB = {3: cv2.COLOR_BGR2RGB, 4: cv2.COLOR_BGRA2RGBA}
_UP = 2  # the filter: each byte less the one above
_LEVEL = 2  # 1 is as fast, for slightly more bytes; 3 takes twice the time
_FIRST = 8  # bytes that ISA-L's careful loop takes: more than 3, no more than 16
_MOST = 2**31 - 1  # pixels a side
_ZLIB_HEADER = b"\x78\x01"  # RFC 1950: deflate, a window of 32 KiB, fastest
_RAW = -15  # deflate without a header, the same window
_ADLER_BASE = 65521  # RFC 1950


def png(pixels: NDArray[Any], described: Sequence[tuple[bytes, bytes]] = ()) -> bytes:
    """The content of a PNG file.

    Parameters
    ----------
    pixels : (H, W), (H, W, 3) or (H, W, 4), uint8 or uint16
        Gray, BGR or BGRA, with any strides.
    described
        Kinds and contents of chunks that come before the pixels.

    Bands of rows are compressed each by itself, in threads where there are some: the bytes are the same with any number
    of them. (On a processor of another kind ISA-L may find others; the pixels are the same.) Memory: the file twice,
    and for each thread some 2 MB. Raises `ValueError` for sides that no PNG has.
    """
    height, width = pixels.shape[:2]
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    if not (0 < height <= _MOST and 0 < width <= _MOST):
        raise ValueError(f"a PNG has 1 to {_MOST} pixels a side")
    header = struct.pack(">IIBBBBB", width, height, 8 * pixels.dtype.itemsize, _COLOUR_TYPES[channels], 0, 0, 0)
    bands = bands_of(height, width)

    def compressed(band: slice) -> tuple[bytes, int, int]:
        raw = _filtered(pixels, band).ravel()
        end = deflate.Z_FINISH if band.stop == height else deflate.Z_FULL_FLUSH
        return _deflated(raw, end), deflate.adler32(raw), raw.size

    parts = in_threads(compressed, bands)
    check = 1
    for _, adler, length in parts:
        check = _joined_adler(check, adler, length)
    data = [part for part, _, _ in parts]
    data[0] = _ZLIB_HEADER + data[0]
    data[-1] += struct.pack(">I", check)
    chunks = [(b"IHDR", header), *described, *((b"IDAT", part) for part in data), (b"IEND", b"")]
    return b"".join([SIGNATURE, *(chunk_of(kind, content) for kind, content in chunks)])


def _deflated(raw: NDArray[np.uint8], end: int) -> bytes:
    """A piece of a stream that needs nothing of what came before.

    ISA-L's fast loop takes the hash of a stream's third byte from a register that still holds an address (`tmp2` in
    `.write_first_byte` of igzip_icf_body_h1_gr_bt.asm, up to 2.32.1), so that once in some ten thousand streams it
    finds other matches. Only at a stream's start: few bytes that are flushed are left to another loop.
    """
    stream = deflate.compressobj(_LEVEL, wbits=_RAW)
    first = stream.compress(raw[:_FIRST]) + stream.flush(deflate.Z_SYNC_FLUSH)
    return b"".join([first, stream.compress(raw[_FIRST:]), stream.flush(end)])


def _filtered(pixels: NDArray[Any], band: slice) -> NDArray[np.uint8]:
    """``(rows, 1 + bytes of a row)``: the filter, and each byte less the one above, which is 0 above the first row."""
    rows = _samples(pixels[band])
    raw = np.empty((len(rows), 1 + rows.shape[1]), np.uint8)
    raw[:, 0] = _UP
    raw[0, 1:] = rows[0] - _samples(pixels[band.start - 1 : band.start])[0] if band.start else rows[0]
    np.subtract(rows[1:], rows[:-1], out=raw[1:, 1:])
    return raw


def _samples(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    """Rows of bytes as PNG has them: red first, and of 16 bits the high ones first."""
    if pixels.ndim == 3:
        pixels = cv2.cvtColor(pixels, _TO_RGB[pixels.shape[2]])
    if pixels.dtype.itemsize == 2:
        pixels = pixels.astype(">u2")
    return np.ascontiguousarray(pixels).reshape(len(pixels), -1).view(np.uint8)


def _joined_adler(first: int, second: int, length: int) -> int:
    """Adler-32 of two pieces in a row, from that of each and the `length` of the second.

    >>> _joined_adler(deflate.adler32(b"two"), deflate.adler32(b" pieces"), 7) == deflate.adler32(b"two pieces")
    True
    """
    low = ((first & 0xFFFF) + (second & 0xFFFF) - 1) % _ADLER_BASE
    high = ((first >> 16) + (second >> 16) + length * ((first & 0xFFFF) - 1)) % _ADLER_BASE
    return high << 16 | low


def chunk_of(kind: bytes, content: bytes) -> bytes:
    """A chunk, with its length and its check."""
    check = deflate.crc32(content, deflate.crc32(kind))
    return b"".join([struct.pack(">I", len(content)), kind, content, struct.pack(">I", check)])


def check_of(chunk: bytes | memoryview) -> int:
    """The check of a chunk, of which the kind and the content are given."""
    return int(deflate.crc32(chunk))
