"""The distinct colours of an image, so that what depends on colour alone is computed once per colour.

A photograph of a megapixel has some 200,000 distinct colours, each on about five pixels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bgremove.engines._compile import kernel

TABLES = 4, 4096
"""Shape of what `encode` looks colours up in, int32."""

_MOST = 255  # pixels under one number, so that they can be counted in 8 bits

Counts = tuple[NDArray[np.uint8], NDArray[np.uint8]]
"""Of each colour on how many background (0) and foreground (1) pixels it is, the latter for candidates only: for those
of pixels that are or may become foreground."""


@kernel
def encode(
    pixels: NDArray[np.uint8],
    labels: NDArray[np.uint8],
    codes: NDArray[np.int32],
    tables: NDArray[np.int32],
    found: NDArray[np.int32],
) -> None:
    """Number the colours of candidates from 0 on, what others there are from -1 down; count how many are `found`.

    A colour has a number more for each further `_MOST` pixels. A pixel is a candidate if its label is not 0. Takes time
    linear in the pixels.

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
def collect(pixels: NDArray[np.uint8], candidates: int, codes: NDArray[np.int32], colours: NDArray[np.uint8]) -> None:
    """Fill the `colours`, channel by channel, and give those of the others the numbers after the `candidates`."""
    for i in range(len(pixels)):
        code = codes[i]
        if code < 0:
            code = codes[i] = candidates + ~code
        colours[0, code] = pixels[i, 0]
        colours[1, code] = pixels[i, 1]
        colours[2, code] = pixels[i, 2]


@kernel
def count(codes: NDArray[np.int32], labels: NDArray[np.uint8], counts: Counts) -> None:
    """Write `Counts`, of pixels one after the other."""
    counts[0][:] = 0
    counts[1][:] = 0
    for i in range(len(codes)):
        counts[labels[i] & 1][codes[i]] += 1
