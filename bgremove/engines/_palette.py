"""The distinct colours of an image, so that what depends on colour alone is computed once per colour.

A photograph of a megapixel has some 200,000 distinct colours, each on about five pixels.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bgremove.engines._compile import kernel
from bgremove.types import Image, Mask

_MOST = 255  # pixels under one number, so that they can be counted in 8 bits

Counts = tuple[NDArray[np.uint8], NDArray[np.uint8]]
"""Of each colour on how many background (0) and foreground (1) pixels it is, the latter for candidates only."""


class Palette(NamedTuple):
    """Distinct colours and where they are."""

    pixels: NDArray[np.uint8]
    """(H W, 3): the image."""
    colours: NDArray[np.uint8]
    """(3, colours): every colour of the candidates, then those that only other pixels have, channel by channel; again
    for each further `_MOST` pixels of it."""
    codes: NDArray[np.int32]
    """(H, W): index into `colours` of every pixel."""
    candidates: int
    """How many colours, the first ones, are on pixels that are or may become foreground."""


def make_palette(image: Image, labels: Mask) -> Palette:
    """Palette of an ``(H, W, 3)`` uint8 image, in time linear in its pixels.

    The `labels`, ``(H, W)``, are 0 where a pixel is background and stays so.
    """
    codes = np.empty(image.shape[:2], np.int32)
    pixels, flat = image.reshape(-1, 3), codes.reshape(-1)
    found = np.zeros(2, np.int32)
    _encode(pixels, labels.reshape(-1), flat, np.empty((4, 4096), np.int32), found)
    candidates, others = map(int, found)
    colours = np.empty((3, candidates + others), np.uint8)
    _collect(pixels, candidates, flat, colours)
    return Palette(pixels, colours, codes, candidates)


def count_pixels(palette: Palette, labels: Mask) -> Counts:
    """The counts of an image's colours when its `labels` are odd on the foreground."""
    counts = np.zeros(palette.colours.shape[1], np.uint8), np.zeros(palette.candidates, np.uint8)
    _count(palette.codes, labels, counts)
    return counts


@kernel
def _encode(
    pixels: NDArray[np.uint8],
    labels: NDArray[np.uint8],
    codes: NDArray[np.int32],
    tables: NDArray[np.int32],
    found: NDArray[np.int32],
) -> None:
    """Number the colours of candidates from 0 on, what others there are from -1 down; count how many are `found`.

    Pixels whose channels have the same upper halves are first listed, in `codes` itself: each leads to the next. Then,
    list by list, a table tells the lower halves apart, of the candidates and then of the rest of the list.
    """
    first, seen, number, room = tables[0], tables[1], tables[2], tables[3]
    first[:] = seen[:] = -1
    room[:] = 0
    for i in range(len(pixels) - 1, -1, -1):
        bucket = _upper(pixels, i)
        codes[i] = first[bucket]
        first[bucket] = i
    for bucket in range(4096):
        begin = first[bucket]
        for part in range(2):
            rest, i = np.int32(-1), begin
            while i >= 0:
                following = codes[i]
                if part == 0 and labels[i] == 0:
                    codes[i], rest = rest, i
                else:
                    low = _lower(pixels, i)
                    if seen[low] != bucket or room[low] == 0:
                        seen[low], number[low], room[low] = bucket, ~found[1] if part else found[0], _MOST
                        found[part] += 1
                    codes[i] = number[low]
                    room[low] -= 1
                i = following
            begin = rest


@kernel
def _upper(pixels: NDArray[np.uint8], i: int) -> int:
    return (int(pixels[i, 0]) >> 4 << 8) | (int(pixels[i, 1]) >> 4 << 4) | (int(pixels[i, 2]) >> 4)


@kernel
def _lower(pixels: NDArray[np.uint8], i: int) -> int:
    return (int(pixels[i, 0]) & 15) << 8 | (int(pixels[i, 1]) & 15) << 4 | (int(pixels[i, 2]) & 15)


@kernel
def _collect(pixels: NDArray[np.uint8], candidates: int, codes: NDArray[np.int32], colours: NDArray[np.uint8]) -> None:
    """Fill the `colours`, and give those of the others the numbers after the `candidates`."""
    for i in range(len(pixels)):
        code = codes[i]
        if code < 0:
            code = codes[i] = candidates + ~code
        colours[0, code] = pixels[i, 0]
        colours[1, code] = pixels[i, 1]
        colours[2, code] = pixels[i, 2]


@kernel
def _count(codes: NDArray[np.int32], labels: Mask, counts: Counts) -> None:
    for y in range(codes.shape[0]):
        for x in range(codes.shape[1]):
            counts[labels[y, x] & 1][codes[y, x]] += 1
