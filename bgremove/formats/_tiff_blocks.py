"""Strips and tiles of a TIFF (revision 6.0, sections 14 and 15) whose data end early, which no decoder tells of."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

import numpy as np

from bgremove.formats._bigtiff import own_length
from bgremove.formats._tiff import directory, values_of, with_blocks

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _STRIPS, _SAMPLES, _ROWS_A_STRIP, _STRIP_BYTES = (
    256, 257, 258, 259, 273, 277, 278, 279,
)  # fmt: skip
_PLANAR, _TILE_WIDTH, _TILE_HEIGHT, _TILES, _TILE_BYTES, _JPEG_TABLES = 284, 322, 323, 324, 325, 347
_RAW, _JPEG, _DEFLATE = 1, 7, {8, 32946}
_FILL_ORDER, _LOWEST_FIRST = 266, 2
_MORE_FAX = {2: b"\xff", 3: b"\0\x1f" + b"\xff" * 8, 4: b"\x23\xa2\x3a", 32771: b"\xff"}
"""By compression, bits that are runs of white and black; with the ends of lines that group 3 waits for (T.4, T.6)."""
_MOST_MORE = 64
_PIECE = 2**20
_END_OF_JPEG = b"\xff\xd9"
_ZEROS = 4  # as many as the sum at the end of what is deflated has bytes

MOST_BLOCKS = 2**22
"""Strips or tiles of a picture that somebody has made; a damaged size asks for as many as it says."""


@dataclass(frozen=True, slots=True)
class Blocks:
    """The strips or tiles that the size of a TIFF asks for, and those there are."""

    file: IO[bytes]
    compression: int
    needed: int
    places: tuple[int, ...]
    """Where the needed ones begin; fewer if there are fewer."""
    sizes: tuple[int, ...]
    """How many bytes each has, of the file or, if they are not compressed, of the picture; 0 where that is not said."""
    length: int
    """How many bytes of the picture each holds."""
    tables: bytes
    """What all have in common, if they are JPEG."""

    def __iter__(self) -> Iterator[bytes]:
        """The content of each whose size is known."""
        for place, size in zip(self.places, self.sizes, strict=False):
            if size:
                yield self._read(place, size)

    def that_end_in_zeros(self) -> Iterator[bytes]:
        """The content of each that does."""
        for place, size in zip(self.places, self.sizes, strict=False):
            if size and not any(self._read(place + max(0, size - _ZEROS), min(size, _ZEROS))):
                yield self._read(place, size)

    def _read(self, place: int, size: int) -> bytes:
        self.file.seek(place)
        return self.file.read(size)

    def lacking(self) -> int:
        """How many are not there, or reach beyond the end of the file. Place 0 is that of the header."""
        end = own_length(self.file)
        ends = (place + size for place, size in zip(self.places, self.sizes, strict=False) if place)
        return self.needed - sum(each <= end for each in ends)


def blocks_of(file: IO[bytes]) -> Blocks:
    """The blocks of the first picture of a TIFF; ValueError, KeyError or `struct.error` if its directory is damaged."""
    order, entries, _ = directory(file)

    def value(tag: int, default: int) -> int:
        return values_of(file, order, entries[tag])[0] if tag in entries else default

    tiled, planar = _TILES in entries, value(_PLANAR, 1) == 2
    width, height, samples = value(_WIDTH, 0), value(_HEIGHT, 0), value(_SAMPLES, 1)
    rows = max(1, value(_TILE_HEIGHT if tiled else _ROWS_A_STRIP, height))
    columns = max(1, value(_TILE_WIDTH, width) if tiled else width)
    down, across = -(-height // rows), -(-width // columns)
    needed = down * across * (samples if planar else 1)
    row = -(-columns * value(_BITS, 1) * (1 if planar else samples) // 8)
    there = min(needed, entries[_TILES if tiled else _STRIPS][1], MOST_BLOCKS)
    places = values_of(file, order, entries[_TILES if tiled else _STRIPS], there)
    compression = value(_COMPRESSION, _RAW)
    if compression == _RAW:
        last = rows if tiled else height - (down - 1) * rows
        sizes = tuple(row * (last if (block + 1) % down == 0 else rows) for block in range(there))
    elif (tag := _TILE_BYTES if tiled else _STRIP_BYTES) in entries:
        sizes = values_of(file, order, entries[tag], there)
    else:  # old writers leave it out, and decoders do without
        sizes = (0,) * there
    tables = values_of(file, order, (1, *entries[_JPEG_TABLES][1:]), 2**16) if _JPEG_TABLES in entries else ()
    return Blocks(file, compression, needed, places, sizes, row * rows, bytes(tables))


def has_bad_sum(blocks: Blocks) -> bool:
    """Whether the data of a block that is deflated are not those that were written, but zeros at their end.

    Decoders stop when they have enough, before the sum. It is zero in no photograph, so that only blocks which end so
    are looked at: there may be zeros behind it too.
    """
    if blocks.compression not in _DEFLATE:
        return False
    return any(not _is_whole(block, blocks.length) for block in blocks.that_end_in_zeros())


def _is_whole(deflated: bytes, most: int) -> bool:
    """Whether that is something deflated of not much more than `most` bytes, and its sum is right."""
    stream, length = zlib.decompressobj(), 0
    try:
        while deflated and not stream.eof and length <= most + _PIECE:  # there may be no end of it
            length += len(stream.decompress(deflated, _PIECE))
            deflated = stream.unconsumed_tail
    except zlib.error:
        return False
    return stream.eof


def jpegs_in(blocks: Blocks) -> Iterator[bytes]:
    """Each block as a JPEG file, if they are such without their tables."""
    if blocks.compression == _JPEG:
        tables = blocks.tables.removesuffix(_END_OF_JPEG)
        for block in blocks:
            yield (tables or block[:2]) + block[2:]


def fax_with_more(blocks: Blocks) -> IO[bytes] | None:
    """The same TIFF with black and white behind the data of each block, if they are facsimiles; None if they are not.

    A decoder that has all rows does not see it. Zeros at the end are no data, but for three bits that may end a code.
    """
    if blocks.compression not in _MORE_FAX or not all(blocks.sizes):
        return None
    more = b"\x1f" + _MORE_FAX[blocks.compression] * _MOST_MORE
    order, entries, _ = directory(blocks.file)
    if _FILL_ORDER in entries and values_of(blocks.file, order, entries[_FILL_ORDER])[0] == _LOWEST_FIRST:
        more = np.packbits(np.unpackbits(np.frombuffer(more, np.uint8), bitorder="little")).tobytes()
    return with_blocks(blocks.file, [block.rstrip(b"\0") + more for block in blocks])
