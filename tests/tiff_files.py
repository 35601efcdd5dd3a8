"""TIFF files of any layout, written by hand: no library writes them all."""

from __future__ import annotations

import struct
import zlib

import numpy as np

LETTERS = {3: "H", 4: "I", 7: "B", 16: "Q"}


def tiff_of(
    samples: np.ndarray,
    photometric: int,
    *,
    extras: tuple[int, ...] = (),
    order: str = "<",
    deflate: bool = False,
    predicted: bool = False,
    tile: int | None = None,
    planar: bool = False,
    big: bool = False,
    more: dict[int, tuple[int, tuple[int, ...]]] | None = None,
) -> bytes:
    """`samples`, (H, W, N) of uint8 or uint16; in strips of 8 rows, or in square tiles of a side of `tile`.

    `planar` puts one sample behind the other; `big` makes it a BigTIFF.
    """
    height, width, count = samples.shape
    bits = samples.dtype.itemsize * 8
    blocks = []
    for plane in np.split(samples, count, axis=2) if planar else [samples]:
        if tile is None:
            blocks += [plane[top : top + 8] for top in range(0, height, 8)]
        else:
            padded = np.zeros((-(-height // tile) * tile, -(-width // tile) * tile, plane.shape[2]), plane.dtype)
            padded[:height, :width] = plane
            tops, lefts = range(0, len(padded), tile), range(0, padded.shape[1], tile)
            blocks += [padded[top : top + tile, left : left + tile] for top in tops for left in lefts]
    first, word = (16, 8) if big else (8, 4)
    content, offsets, sizes = b"", [], []
    for block in blocks:
        values = block.copy()
        if predicted:
            values[:, 1:] -= block[:, :-1]
        data = values.astype(values.dtype.newbyteorder(order)).tobytes()
        data = zlib.compress(data) if deflate else data
        offsets.append(first + len(content))
        sizes.append(len(data))
        content += data + bytes(len(data) % 2)
    where, lengths = (273, 279) if tile is None else (324, 325)
    place_type = 16 if big else 4
    tags = {
        256: (4, (width,)), 257: (4, (height,)), 258: (3, (bits,) * count), 259: (3, (8 if deflate else 1,)),
        262: (3, (photometric,)), 277: (3, (count,)), 317: (3, (2 if predicted else 1,)),
        284: (3, (2 if planar else 1,)), where: (place_type, tuple(offsets)), lengths: (4, tuple(sizes)),
    }  # fmt: skip
    tags |= {278: (4, (8,))} if tile is None else {322: (4, (tile,)), 323: (4, (tile,))}
    tags |= {338: (3, extras)} if extras else {}
    tags |= more or {}
    place = first + len(content)
    number = "Q" if big else "I"
    counted = struct.pack(f"{order}{'Q' if big else 'H'}", len(tags))
    beyond = place + len(counted) + (8 + 2 * word - 4) * len(tags) + word
    directory, data = counted, b""
    for tag, (kind, values) in sorted(tags.items()):
        packed = struct.pack(f"{order}{len(values)}{LETTERS[kind]}", *values)
        if len(packed) > word:
            inline = struct.pack(f"{order}{number}", beyond + len(data))
            data += packed + bytes(len(packed) % 2)
        else:
            inline = packed.ljust(word, b"\0")
        directory += struct.pack(f"{order}HH{number}", tag, kind, len(values)) + inline
    magic = {"<": b"II", ">": b"MM"}[order] + struct.pack(f"{order}H", 43 if big else 42)
    magic += struct.pack(f"{order}HH", 8, 0) if big else b""
    return magic + struct.pack(f"{order}{number}", place) + content + directory + bytes(word) + data


def fewer(content: bytes, tags: tuple[int, ...], count: int) -> bytes:
    """A little-endian TIFF of which some entries have only `count` values."""
    changed = bytearray(content)
    place = struct.unpack_from("<I", content, 4)[0] + 2
    for entry in range(place, place + 12 * struct.unpack_from("<H", content, place - 2)[0], 12):
        if struct.unpack_from("<H", content, entry)[0] in tags:
            struct.pack_into("<I", changed, entry + 4, count)
    return bytes(changed)
