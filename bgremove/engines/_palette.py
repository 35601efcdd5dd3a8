"""The distinct colours of an image, so that what depends on colour alone is computed once per colour.

A photograph of a megapixel has some 200,000 distinct colours, each on about five pixels.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bgremove.engines._compile import kernel

_MOST = 65_535  # pixels under one number, so that they can be counted in 16 bits


class Palette(NamedTuple):
    """Distinct colours and where they are."""

    colours: NDArray[np.uint8]
    """(3, colours): every colour of the image, channel by channel; again for each further `_MOST` pixels of it."""
    codes: NDArray[np.int32]
    """(H, W): index into `colours` of every pixel."""


def make_palette(image: NDArray[np.uint8]) -> Palette:
    """Palette of an ``(H, W, 3)`` uint8 image, in time linear in its pixels."""
    codes = np.empty(image.shape[:2], np.int32)
    pixels = image.reshape(-1, 3)
    colours = np.empty((3, _encode(pixels, codes.reshape(-1))), np.uint8)
    _collect(pixels, codes.reshape(-1), colours)
    return Palette(colours, codes)


def tally(palette: Palette, sides: NDArray[np.uint8]) -> NDArray[np.uint16]:
    """``(2, colours)``: on how many background (0) and foreground (1) pixels each colour is.

    The `sides`, ``(H, W)``, are odd on the foreground.
    """
    counts = np.zeros((2, palette.colours.shape[1]), np.uint16)
    _tally(palette.codes, sides, counts)
    return counts


@kernel
def _encode(pixels: NDArray[np.uint8], codes: NDArray[np.int32]) -> int:
    """Number the colours in `codes`, and return how many there are.

    Pixels whose channels have the same upper halves are first listed, in `codes` itself: each leads to the next. Then,
    list by list, a table tells the lower halves apart.
    """
    first = np.full(4096, -1, np.int32)
    for i in range(len(pixels) - 1, -1, -1):
        bucket = _upper(pixels, i)
        codes[i] = first[bucket]
        first[bucket] = i
    found = 0
    seen = np.full(4096, -1, np.int32)
    number, room = np.empty(4096, np.int32), np.zeros(4096, np.int32)
    for bucket in range(4096):
        i = first[bucket]
        while i >= 0:
            following = codes[i]
            low = _lower(pixels, i)
            if seen[low] != bucket or room[low] == 0:
                seen[low], number[low], room[low] = bucket, found, _MOST
                found += 1
            codes[i] = number[low]
            room[low] -= 1
            i = following
    return found


@kernel
def _upper(pixels: NDArray[np.uint8], i: int) -> int:
    return (int(pixels[i, 0]) >> 4 << 8) | (int(pixels[i, 1]) >> 4 << 4) | (int(pixels[i, 2]) >> 4)


@kernel
def _lower(pixels: NDArray[np.uint8], i: int) -> int:
    return (int(pixels[i, 0]) & 15) << 8 | (int(pixels[i, 1]) & 15) << 4 | (int(pixels[i, 2]) & 15)


@kernel
def _collect(pixels: NDArray[np.uint8], codes: NDArray[np.int32], colours: NDArray[np.uint8]) -> None:
    for i in range(len(pixels)):
        colours[0, codes[i]] = pixels[i, 0]
        colours[1, codes[i]] = pixels[i, 1]
        colours[2, codes[i]] = pixels[i, 2]


@kernel
def _tally(codes: NDArray[np.int32], sides: NDArray[np.uint8], counts: NDArray[np.uint16]) -> None:
    for y in range(codes.shape[0]):
        for x in range(codes.shape[1]):
            counts[sides[y, x] & 1, codes[y, x]] += 1
