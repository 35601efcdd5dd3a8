"""TIFF files (revision 6.0) with samples that Pillow has no mode for, and directories with more entries."""

from __future__ import annotations

import io
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
import PIL.Image
from numpy.typing import NDArray
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from bgremove.errors import ImageError

_MAGIC = {b"II*\0": "<", b"MM\0*": ">"}
_SHORT, _LONG, _UNDEFINED = 3, 4, 7

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _FILL_ORDER = 256, 257, 258, 259, 262, 266
_ORIENTATION, _SAMPLES, _PLANAR, _PREDICTOR, _TILE_WIDTH, _TILE_HEIGHT = 274, 277, 284, 317, 322, 323
_PLACES = (273, 279, 324, 325)  # where strips and tiles begin, and how long they are
_INK_SET, _INKS, _EXTRA, _SAMPLE_FORMAT, _PROFILE = 332, 334, 338, 339, 34675

_OF_BYTES = {1, 5, 8, 32773, 32946, 34925, 50000}
"""Compressions that do not care what the bytes mean: none, LZW, Deflate, PackBits, LZMA, Zstandard."""

_COLOURS = {0: 1, 1: 1, 2: 3, 5: 4}
"""Samples of a pixel's colour by photometric interpretation: white is zero, black is zero, RGB, CMYK."""

_MOST_TILE_PIXELS = 2**24
"""A damaged size of tiles would take as much memory as it says; usual are tiles of 256 by 256."""

Entry = tuple[int, int, bytes]
"""Type, count, and the four bytes of the value or of its place."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How a TIFF stores pixels that are read here: each sample has 8 or 16 bits."""

    width: int
    height: int
    bits: int
    samples: int
    photometric: int
    alpha: int | None
    """Which sample is alpha."""
    premultiplied: bool
    orientation: int
    predicted: bool
    """Each sample is stored as the difference to that of the pixel on the left."""
    tile_width: int
    planes: int
    """Pictures one behind the other, of a sample each; 1 if all samples of a pixel are together."""

    @property
    def colours(self) -> int:
        """How many samples make a colour."""
        return _COLOURS[self.photometric]


def layout_of(file: IO[bytes]) -> Layout | None:
    """The layout of a TIFF of which Pillow would not give all samples as they are; None if it is anything else.

    That is: 16 bits a sample, alpha beside CMYK or where white is zero, several samples beside colours, or anything
    beside colours that are stored in planes.
    """
    try:
        order, entries, _ = directory(file)
        layout = _layout(file, order, entries)
    except (struct.error, KeyError, ValueError, IndexError):
        return None
    if layout is None:
        return None
    beside = layout.samples - layout.colours
    unknown = beside > 1 or (beside and (layout.photometric in {0, 5} or layout.planes > 1))
    return layout if layout.bits == 16 or unknown else None


def as_bytes(file: IO[bytes], layout: Layout, plane: int = 0) -> IO[bytes]:
    """A plane of the same TIFF as an image of gray bytes, which Pillow can decode whatever they mean: `samples_in`."""
    order, entries, following = directory(file)
    factor = layout.samples * layout.bits // 8 // layout.planes
    for tag in (_EXTRA, _SAMPLE_FORMAT, _PREDICTOR, _ORIENTATION, _INK_SET, _INKS, _FILL_ORDER):
        entries.pop(tag, None)
    entries |= {
        _WIDTH: _long(order, layout.width * factor),
        _BITS: _short(order, 8),
        _SAMPLES: _short(order, 1),
        _PHOTOMETRIC: _short(order, 1),
        _PLANAR: _short(order, 1),
    }
    if _TILE_WIDTH in entries:
        entries[_TILE_WIDTH] = _long(order, layout.tile_width * factor)
    for tag in _PLACES:
        if tag in entries:
            entries[tag] = _part(file, order, entries[tag], plane, layout.planes)
    file.seek(0)
    return io.BytesIO(_with_directory(file.read(), order, entries, following))


def samples_in(planes: Sequence[PIL.Image.Image], file: IO[bytes], layout: Layout) -> NDArray[Any]:
    """(H, W, samples) uint8 or uint16, not turned, of what `as_bytes` has made of `file` and Pillow has decoded."""
    order, _, _ = directory(file)
    dtype = np.dtype(np.uint8 if layout.bits == 8 else f"{order}u2")
    shape = layout.height, layout.width, layout.samples // layout.planes
    raw = [np.asarray(plane).view(dtype).reshape(shape) for plane in planes]
    samples = np.concatenate(raw, axis=2, dtype=dtype.newbyteorder("="))
    if layout.predicted:
        for left in range(0, layout.width, layout.tile_width):
            tile = samples[:, left : left + layout.tile_width]
            np.cumsum(tile, axis=1, dtype=samples.dtype, out=tile)
    if layout.photometric == 0:
        samples[..., 0] = np.iinfo(samples.dtype).max - samples[..., 0]
    return samples


def with_entries(content: bytes, more: ImageFileDirectory_v2, profile: bytes | None, *, alpha: bool) -> bytes:
    """The TIFF `content` with the entries of `more`, an ICC profile, and the word that its last sample is alpha."""
    order, entries, following = directory(io.BytesIO(content))
    content += bytes(len(content) % 2)
    if more:
        added = more.tobytes(len(content))
        entries |= _entries(order, added)[0]
        content += added + bytes(len(added) % 2)
    if profile:
        entries[_PROFILE] = (_UNDEFINED, len(profile), struct.pack(f"{order}I", len(content)))
        content += profile
    if alpha:
        entries[_EXTRA] = _short(order, 2)
    return _with_directory(content, order, entries, following)


def with_blocks(file: IO[bytes], blocks: Sequence[bytes]) -> IO[bytes]:
    """The same TIFF with other content in all of its strips or tiles."""
    order, entries, following = directory(file)
    file.seek(0)
    content = file.read()
    places = np.cumsum([len(content), *map(len, blocks)])[:-1].tolist()
    content += b"".join(blocks)
    tags = _PLACES[2:] if _PLACES[2] in entries else _PLACES[:2]
    for tag, values in zip(tags, (places, map(len, blocks)), strict=True):
        packed = struct.pack(f"{order}{len(blocks)}I", *values)
        if len(blocks) > 1:
            content, packed = content + packed, struct.pack(f"{order}I", len(content))
        entries[tag] = _LONG, len(blocks), packed
    return io.BytesIO(_with_directory(content, order, entries, following))


def directory(file: IO[bytes]) -> tuple[str, dict[int, Entry], bytes]:
    """Byte order, entries, and the place of the next, of the first directory; ValueError if it is no TIFF."""
    file.seek(0)
    header = file.read(8)
    order = _MAGIC.get(header[:4])
    if order is None:
        raise ValueError("no TIFF")
    place = struct.unpack(f"{order}I", header[4:])[0]
    file.seek(place)
    count = struct.unpack(f"{order}H", file.read(2))[0]
    entries, following = _entries(order, struct.pack(f"{order}H", count) + file.read(12 * count + 4))
    return order, entries, following


def values_of(file: IO[bytes], order: str, entry: Entry, most: int = 64) -> tuple[int, ...]:
    """The first values of an entry, `most` of them at most."""
    kind, count, value = entry
    letter = {1: "B", _SHORT: "H", _LONG: "I"}[kind]
    layout = f"{order}{min(count, most)}{letter}"
    size = struct.calcsize(layout)
    if count * struct.calcsize(letter) > 4:
        file.seek(struct.unpack(f"{order}I", value)[0])
        value = file.read(size)
    return struct.unpack(layout, value[:size])


def _layout(file: IO[bytes], order: str, entries: Mapping[int, Entry]) -> Layout | None:
    def values(tag: int, default: int) -> tuple[int, ...]:
        return values_of(file, order, entries[tag]) if tag in entries else (default,)

    bits, samples = values(_BITS, 1), values(_SAMPLES, 1)[0]
    photometric, predictor = values(_PHOTOMETRIC, -1)[0], values(_PREDICTOR, 1)[0]
    width, height = values(_WIDTH, 0)[0], values(_HEIGHT, 0)[0]
    readable = (
        photometric in _COLOURS
        and len(set(bits)) == 1
        and bits[0] in {8, 16}
        and _COLOURS[photometric] <= samples <= 32
        and set(values(_SAMPLE_FORMAT, 1)) == {1}
        and values(_COMPRESSION, 1)[0] in _OF_BYTES
        and values(_FILL_ORDER, 1)[0] == 1
        and values(_INK_SET, 1)[0] == 1
        and predictor in {1, 2}
        and values(_TILE_WIDTH, 1)[0] * values(_TILE_HEIGHT, 1)[0] <= _MOST_TILE_PIXELS
    )
    if not readable:
        return None
    kinds = values(_EXTRA, 2)[: samples - _COLOURS[photometric]]  # who does not say what it is means alpha
    first = next((index for index, kind in enumerate(kinds) if kind in {1, 2}), None)
    orientation = values(_ORIENTATION, 1)[0]
    return Layout(
        width,
        height,
        bits[0],
        samples,
        photometric,
        None if first is None else _COLOURS[photometric] + first,
        first is not None and kinds[first] == 1,
        orientation if 1 <= orientation <= 8 else 1,
        predictor == 2,
        values(_TILE_WIDTH, max(1, width))[0] or 1,
        samples if values(_PLANAR, 1)[0] == 2 else 1,
    )


def _entries(order: str, content: bytes) -> tuple[dict[int, Entry], bytes]:
    """Entries of the directory that `content` begins with, and the place of the next directory."""
    count = struct.unpack_from(f"{order}H", content)[0]
    end = 2 + 12 * count
    found = struct.iter_unpack(f"{order}HHI4s", content[2:end])
    return {tag: (kind, number, value) for tag, kind, number, value in found}, content[end : end + 4]


def _with_directory(content: bytes, order: str, entries: Mapping[int, Entry], following: bytes) -> bytes:
    content += bytes(len(content) % 2)
    if len(content) >= 2**32 - 2**17:
        raise ImageError("it is a TIFF of four gigabytes or more")
    packed = b"".join(struct.pack(f"{order}HHI4s", tag, *entries[tag]) for tag in sorted(entries))
    header = content[:4] + struct.pack(f"{order}I", len(content))
    return header + content[8:] + struct.pack(f"{order}H", len(entries)) + packed + following.ljust(4, b"\0")


def _part(file: IO[bytes], order: str, entry: Entry, index: int, count: int) -> Entry:
    """Of an entry of many values, the `index`-th of `count` equal parts."""
    kind, number, value = entry
    number //= count
    size = number * {_SHORT: 2, _LONG: 4}[kind]
    if size * count <= 4:
        return kind, number, value[index * size :][:size].ljust(4, b"\0")
    place = struct.unpack(f"{order}I", value)[0] + index * size
    if size > 4:
        return kind, number, struct.pack(f"{order}I", place)
    file.seek(place)
    return kind, number, file.read(size).ljust(4, b"\0")


def _short(order: str, value: int) -> Entry:
    return _SHORT, 1, struct.pack(f"{order}H2x", value)


def _long(order: str, value: int) -> Entry:
    return _LONG, 1, struct.pack(f"{order}I", value)
