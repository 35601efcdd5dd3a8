"""PNG and PPM files of 16 bits a sample, of which Pillow gives 8."""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import partial
from typing import IO

import cv2
import numpy as np
import PIL.Image

from bgremove.formats._pillow import Pixels, high_byte, recoloured

Reader = Callable[[IO[bytes], Pixels], Pixels | None]
"""Gives all 16 bits of a file that Pillow has read as certain pixels; None if it finds another picture in it."""


def deep_reader(image: PIL.Image.Image) -> Reader | None:
    """What reads all 16 bits a sample of an image that is not loaded yet; None if Pillow gives all there is."""
    for tile in getattr(image, "tile", ()):
        decoder, _, offset, args = tile
        if image.format == "PNG" and args in {"RGB;16B", "RGBA;16B", "LA;16B"}:
            return _png_pixels
        if image.format == "PPM" and image.mode == "RGB" and isinstance(args, tuple) and args[1] > 255:
            return partial(_ppm_pixels, offset, args[1]) if decoder == "ppm" else lambda *_: None
    return None


def _ppm_pixels(offset: int, top: int, file: IO[bytes], shallow: Pixels) -> Pixels | None:
    """See `Reader`; the samples, of which `top` is white, begin at `offset`."""
    file.seek(offset)
    shape = shallow[0].shape
    samples = np.frombuffer(file.read(2 * shallow[0].size), ">u2").reshape(shape)
    rgb = np.minimum(np.rint(samples * np.float32(65535 / top)), 65535).astype(np.uint16)
    return recoloured(rgb, cv2.COLOR_RGB2BGR), None


def _png_pixels(file: IO[bytes], shallow: Pixels) -> Pixels | None:
    """See `Reader`."""
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
