"""Image files for tests, some of them written by hand because no library writes them."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator

import numpy as np
import PIL.Image

ORIENTATION = 0x0112
WRITTEN = ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "PPM", "AVIF"]
LOSSLESS = {
    "WEBP": {"lossless": True, "exact": True},
    "JPEG": {"quality": 100, "subsampling": 0},
    "AVIF": {"quality": 100, "subsampling": "4:4:4"},
}


def saved(image: PIL.Image.Image, file_format: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, file_format, **(LOSSLESS.get(file_format, {}) | options))
    return file.getvalue()


def close(image: np.ndarray, expected: PIL.Image.Image, tolerance: int) -> bool:
    bgr = np.asarray(expected)[:, :, ::-1]
    return image.shape == bgr.shape and np.abs(image.astype(int) - bgr).max() <= tolerance


def quarters(width: int = 48, height: int = 32) -> PIL.Image.Image:
    """Four colours, one in each quarter, so that every turn and mirroring shows."""
    image = PIL.Image.new("RGB", (width, height), (250, 0, 0))
    image.paste((0, 250, 0), (width // 2, 0, width, height // 2))
    image.paste((0, 0, 250), (0, height // 2, width // 2, height))
    image.paste((250, 250, 0), (width // 2, height // 2, width, height))
    return image


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, depth: int, colour: int, raw: bytes, *before: bytes) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    chunks = [chunk(b"IHDR", header), *before, chunk(b"IDAT", zlib.compress(raw)), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def chunks_of(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kinds and contents of the chunks of a PNG, each checked."""
    place = 8
    while place < len(content):
        length, kind = struct.unpack_from(">I4s", content, place)
        data = content[place + 8 : place + 8 + length]
        assert content[place : place + 12 + length] == chunk(kind, data)
        yield kind, data
        place += 12 + length


def jpeg_header(width: int, height: int) -> bytes:
    """Start of image, and the frame header of a gray baseline JPEG."""
    return (
        b"\xff\xd8\xff\xc0"
        + struct.pack(">HBHHB3B", 11, 8, height, width, 1, 1, 0x11, 0)
        + b"\xff\xda\0\x08\1\1\0\0\x3f\0"
    )


def tiff(width: int, height: int, bits: int, pixels: bytes, *more: bytes) -> bytes:
    """Gray, in one strip, written by hand: Pillow writes no 12 bits, no header without its pixels, nothing corrupt."""
    tags = {256: width, 257: height, 258: bits, 259: 1, 262: 1, 273: 8, 277: 1, 278: height, 279: len(pixels)}
    entries = [struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items()]
    pixels += bytes(len(pixels) % 2)
    directory = struct.pack("<H", len(entries) + len(more)) + b"".join([*entries, *more]) + bytes(4)
    return b"II*\0" + struct.pack("<I", 8 + len(pixels)) + pixels + directory


def left_half_clear(mode: str = "RGBA") -> PIL.Image.Image:
    image = quarters().convert("RGBA")
    image.paste((9, 9, 9, 0), (0, 0, image.width // 2, image.height))
    return image.convert(mode)


def corrupt_exif() -> bytes:
    entries = struct.pack("<HHII", 0x0112, 3, 1, 6) + struct.pack("<HHII", 0x010F, 2, 4000, 9000)
    exif = b"Exif\0\0II*\0" + struct.pack("<IH", 8, 40) + entries
    return saved(quarters(), "JPEG", exif=exif)


def tiff_of_two_orientations() -> bytes:
    return tiff(4, 4, 8, bytes(16), struct.pack("<HHIHH", ORIENTATION, 3, 2, 1, 1))


def tiff_of_corrupt_exif() -> bytes:
    """Its EXIF directory lies in the pixels, and holds a text that would begin after the end of the file."""
    directory = struct.pack("<HHHII", 1, 0x9003, 2, 4000, 9000) + bytes(2)
    return tiff(4, 4, 8, directory, struct.pack("<HHII", 0x8769, 4, 1, 8))


PROMISES = {
    "png": png(60_000, 60_000, 8, 2, b"\0"),
    "jpeg": jpeg_header(60_000, 60_000),
    "gif": b"GIF89a"
    + struct.pack("<HH3x", 60_000, 60_000)
    + struct.pack("<c4xHHBBB", b",", 60_000, 60_000, 0, 2, 0)
    + b";",
    "bmp": b"BM" + struct.pack("<IIIIiiHH24x", 58, 0, 54, 40, 60_000, 60_000, 1, 24) + bytes(4),
    "tiff": tiff(60_000, 60_000, 8, b"\0"),
    "webp": b"RIFF"
    + struct.pack("<I", 30)
    + b"WEBPVP8L"
    + struct.pack("<IBI", 18, 0x2F, 16_382 | 16_382 << 14)
    + bytes(13),
    "ppm": b"P6 60000 60000 255\n" + bytes(6),
}
"""Files of a few bytes whose header promises 3600 megapixels, or 268, which is all that WebP can."""
