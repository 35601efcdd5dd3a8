"""PNG files of 16 bits a sample, of which Pillow gives 8."""

from __future__ import annotations

import struct
from typing import IO

import cv2
import numpy as np
import PIL.Image

from bgremove.formats._pillow import Pixels, high_byte, recoloured


def is_deep(image: PIL.Image.Image) -> bool:
    """Whether an image that is not loaded yet is a PNG of 16 bits a sample, of which Pillow gives 8."""
    rawmodes = [tile[3] for tile in getattr(image, "tile", ())]
    return image.format == "PNG" and any(mode in {"RGB;16B", "RGBA;16B", "LA;16B"} for mode in rawmodes)


def deep_pixels(file: IO[bytes], shallow: Pixels) -> Pixels | None:
    """All 16 bits of a PNG that Pillow has read as `shallow`; None if OpenCV finds another picture in it."""
    file.seek(0)
    array = cv2.imdecode(np.frombuffer(_bare_png(file.read()), np.uint8), cv2.IMREAD_UNCHANGED)
    if array is None or array.dtype != np.uint16 or array.ndim != 3:
        return None
    deep = np.asarray(array, np.uint16)
    bgr = deep if deep.shape[2] == 3 else recoloured(deep, cv2.COLOR_BGRA2BGR)
    if not np.array_equal(high_byte(bgr), shallow[0]):
        return None
    return bgr, deep[:, :, 3] if deep.shape[2] == 4 else None


def _bare_png(content: bytes) -> bytes:
    """A PNG reduced to its pixels: OpenCV believes the length of any chunk, and takes as much memory."""
    chunks, place = [content[:8]], 8
    while place + 12 <= len(content):
        length, kind = struct.unpack_from(">I4s", content, place)
        if place + 12 + length > len(content):
            break
        if kind in {b"IHDR", b"tRNS", b"IDAT"}:
            chunks.append(content[place : place + 12 + length])
        place += 12 + length
    return b"".join([*chunks, b"\0\0\0\0IEND\xaeB`\x82"])
