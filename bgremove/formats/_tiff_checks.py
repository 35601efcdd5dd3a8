"""What is wrong with a TIFF (revision 6.0), not read of it, or left out."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from math import prod
from typing import IO

from bgremove.errors import ImageError, ImageTooLargeError
from bgremove.formats._tiff import Entry, directory, values_of

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC = 256, 257, 258, 259, 262
_STRIPS, _SAMPLES, _ROWS_A_STRIP, _PLANAR = 273, 277, 278, 284
_TILE_WIDTH, _TILE_HEIGHT, _TILES = 322, 323, 324
_EXTRA, _SAMPLE_FORMAT = 338, 339
_KINDS = {2: "signed ", 3: "floating-point "}
_ALPHA = {1, 2}  # premultiplied, or not

_MOST_BLOCKS = 2**22
"""Strips or tiles of a picture that somebody has made; a damaged size asks for as many as it says."""


def check_blocks(file: IO[bytes], max_pixels: int) -> None:
    """Raise `ImageError` if a TIFF has fewer strips or tiles than its size needs: Pillow leaves the rest black.

    A block at place 0, which is where the header is, is one that was left out. A tile takes memory by its own size,
    however small the picture is: `ImageTooLargeError` if it is over the limit.
    """
    try:
        order, entries, _ = directory(file)
        needed = _blocks_needed(file, order, entries)
        tile = [values_of(file, order, entries[tag])[0] for tag in (_TILE_WIDTH, _TILE_HEIGHT) if tag in entries]
        entry = entries[_TILES if _TILES in entries else _STRIPS]
        there = entry[1]
        if needed <= min(there, _MOST_BLOCKS):
            there = sum(place > 0 for place in values_of(file, order, entry, needed))
    except (struct.error, KeyError, ValueError):
        return  # no TIFF, or one of which Pillow says why it cannot be read
    if prod(tile) > max_pixels:
        raise ImageTooLargeError(
            f"its tiles have {' x '.join(map(str, tile))} pixels, the limit is {max_pixels} in all"
        )
    if there < needed:
        raise ImageError(f"it is damaged or truncated (of {needed} parts of its picture it has {there})")


def samples_text(file: IO[bytes]) -> str | None:
    """What the pixels of a TIFF are made of, for who cannot read them; None if its directory is damaged."""
    try:
        order, entries, _ = directory(file)
        bits = values_of(file, order, entries[_BITS])
        count = values_of(file, order, entries[_SAMPLES])[0]
        meaning = values_of(file, order, entries[_PHOTOMETRIC])[0]
        compression = values_of(file, order, entries[_COMPRESSION])[0]
        formats = values_of(file, order, entries[_SAMPLE_FORMAT]) if _SAMPLE_FORMAT in entries else (1,)
    except (struct.error, KeyError, ValueError):
        return None
    sizes = " and ".join(str(size) for size in sorted(set(bits)))
    kind = _KINDS.get(formats[0], "")
    return f"{count} {kind}samples of {sizes} bits (photometric interpretation {meaning}, compression {compression})"


def lost_in(file: IO[bytes]) -> Iterator[str]:
    """What to note of a TIFF that has been read: samples that are neither colours nor its alpha."""
    try:
        order, entries, _ = directory(file)
        kinds = values_of(file, order, entries[_EXTRA])
    except (struct.error, KeyError, ValueError):
        return
    count = len(kinds) - any(kind in _ALPHA for kind in kinds)
    if count:
        yield f"of its channels {count}, neither colour nor alpha, {'was' if count == 1 else 'were'} left out"


def _blocks_needed(file: IO[bytes], order: str, entries: Mapping[int, Entry]) -> int:
    """How many strips or tiles the size of a TIFF asks for (section 15)."""

    def value(tag: int, default: int) -> int:
        return values_of(file, order, entries[tag])[0] if tag in entries else default

    width, height = value(_WIDTH, 0), value(_HEIGHT, 0)
    rows = max(1, value(_TILE_HEIGHT if _TILES in entries else _ROWS_A_STRIP, height))
    across = -(-width // max(1, value(_TILE_WIDTH, width))) if _TILES in entries else 1
    planes = value(_SAMPLES, 1) if value(_PLANAR, 1) == 2 else 1
    return across * -(-height // rows) * planes
