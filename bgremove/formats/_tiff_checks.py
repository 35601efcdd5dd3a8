"""What is wrong with a TIFF (revision 6.0), not read of it, or left out."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from math import prod
from typing import IO

from bgremove.errors import ImageError, ImageTooLargeError
from bgremove.formats._tiff import directory, values_of
from bgremove.formats._tiff_blocks import blocks_of, has_bad_sum

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC = 256, 257, 258, 259, 262
_SAMPLES, _TILE_WIDTH, _TILE_HEIGHT, _EXTRA, _SAMPLE_FORMAT = 277, 322, 323, 338, 339
_KINDS = {2: "signed ", 3: "floating-point "}
_ALPHA = {1, 2}  # premultiplied, or not
_UNSAID = (2,)  # of several the first is taken for alpha where nothing is said
_COLOURS = {0: 1, 1: 1, 2: 3, 3: 1, 5: 4, 6: 3, 8: 3}
"""Samples of a pixel's colour by photometric interpretation: gray, RGB, palette, CMYK, YCbCr, Lab."""


def check_blocks(file: IO[bytes], max_pixels: int) -> None:
    """Raise `ImageError` if a TIFF has less of its strips or tiles than its size needs: Pillow fills up the rest.

    A block at place 0, which is where the header is, is one that was left out. A tile takes memory by its own size,
    however small the picture is: `ImageTooLargeError` if it is over the limit.
    """
    try:
        order, entries, _ = directory(file)
        tile = [values_of(file, order, entries[tag])[0] for tag in (_TILE_WIDTH, _TILE_HEIGHT) if tag in entries]
        blocks = blocks_of(file)
    except (struct.error, KeyError, ValueError):
        return  # no TIFF, or one of which Pillow says why it cannot be read
    if prod(tile) > max_pixels:
        raise ImageTooLargeError(
            f"its tiles have {' x '.join(map(str, tile))} pixels, the limit is {max_pixels} in all"
        )
    if lacking := blocks.lacking():
        there = blocks.needed - lacking
        raise ImageError(f"it is damaged or truncated (of {blocks.needed} parts of its picture it has {there})")
    if has_bad_sum(blocks):
        raise ImageError("it is damaged or truncated (a part of its picture ends in zeros)")


def samples_text(file: IO[bytes]) -> str | None:
    """What the pixels of a TIFF are made of, for who cannot read them; None if its directory is damaged or has none."""
    try:
        order, entries, _ = directory(file)
        if 0 in (values_of(file, order, entries[tag])[0] for tag in (_WIDTH, _HEIGHT)):
            return None
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
        said = values_of(file, order, entries[_EXTRA]) if _EXTRA in entries else ()
        samples = values_of(file, order, entries[_SAMPLES])[0]
        colours = _COLOURS.get(values_of(file, order, entries[_PHOTOMETRIC])[0], samples - len(said))
    except (struct.error, KeyError, ValueError):
        return
    kinds = (said or _UNSAID)[: samples - colours]
    count = samples - colours - any(kind in _ALPHA for kind in kinds)
    if count > 0:
        yield f"of its channels {count}, neither colour nor alpha, {'was' if count == 1 else 'were'} left out"
