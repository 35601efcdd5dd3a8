"""TIFF files of any layout, written by hand: no library writes them all."""

from __future__ import annotations

import struct
import zlib

import numpy as np

LETTERS = {3: "H", 4: "I", 7: "B"}


def tiff_of(
    samples: np.ndarray,
    photometric: int,
    *,
    extras: tuple[int, ...] = (),
    order: str = "<",
    deflate: bool = False,
    predicted: bool = False,
    tile: int | None = None,
    more: dict[int, tuple[int, tuple[int, ...]]] | None = None,
) -> bytes:
    """`samples`, (H, W, N) of uint8 or uint16; in strips of 8 rows, or in square tiles of a side of `tile`."""
    height, width, count = samples.shape
    bits = samples.dtype.itemsize * 8
    if tile is None:
        blocks = [samples[top : top + 8] for top in range(0, height, 8)]
    else:
        padded = np.zeros((-(-height // tile) * tile, -(-width // tile) * tile, count), samples.dtype)
        padded[:height, :width] = samples
        tops, lefts = range(0, len(padded), tile), range(0, padded.shape[1], tile)
        blocks = [padded[top : top + tile, left : left + tile] for top in tops for left in lefts]
    content, offsets, sizes = b"", [], []
    for block in blocks:
        values = block.copy()
        if predicted:
            values[:, 1:] -= block[:, :-1]
        data = values.astype(values.dtype.newbyteorder(order)).tobytes()
        data = zlib.compress(data) if deflate else data
        offsets.append(8 + len(content))
        sizes.append(len(data))
        content += data + bytes(len(data) % 2)
    where, lengths = (273, 279) if tile is None else (324, 325)
    tags = {
        256: (4, (width,)), 257: (4, (height,)), 258: (3, (bits,) * count), 259: (3, (8 if deflate else 1,)),
        262: (3, (photometric,)), 277: (3, (count,)), 317: (3, (2 if predicted else 1,)),
        where: (4, tuple(offsets)), lengths: (4, tuple(sizes)),
    }  # fmt: skip
    tags |= {278: (4, (8,))} if tile is None else {322: (4, (tile,)), 323: (4, (tile,))}
    tags |= {338: (3, extras)} if extras else {}
    tags |= more or {}
    place = 8 + len(content)
    beyond = place + 2 + 12 * len(tags) + 4
    directory, data = struct.pack(f"{order}H", len(tags)), b""
    for tag, (kind, values) in sorted(tags.items()):
        packed = struct.pack(f"{order}{len(values)}{LETTERS[kind]}", *values)
        if len(packed) > 4:
            inline = struct.pack(f"{order}I", beyond + len(data))
            data += packed + bytes(len(packed) % 2)
        else:
            inline = packed.ljust(4, b"\0")
        directory += struct.pack(f"{order}HHI", tag, kind, len(values)) + inline
    magic = b"II*\0" if order == "<" else b"MM\0*"
    return magic + struct.pack(f"{order}I", place) + content + directory + bytes(4) + data
