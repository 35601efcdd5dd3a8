"""Which pixels lie near the boundary of a mask."""

from __future__ import annotations

import numpy as np

from bgremove.engines._compile import kernel
from bgremove.rows import bands_of, in_threads
from bgremove.types import Foreground, Mask

_COLUMNS = 256  # that are looked at together


def find_band(foreground: Foreground, labels: Mask, reach: int) -> Mask:
    """1 at the open pixels at most `reach` rows and columns away from a pixel of the other label, else 0."""
    height, width = labels.shape
    band = np.zeros((height, width), np.uint8)

    def find(rows: slice) -> None:
        part, line = np.ascontiguousarray(labels[rows]), (4, width + 2 * reach)
        _find_rows(foreground.view(np.uint8), part, rows.start, reach, band, np.empty(line, np.uint8))

    in_threads(find, bands_of(height, width))
    return band


@kernel
def _find_rows(foreground: Mask, labels: Mask, first: int, reach: int, band: Mask, scratch: Mask) -> None:
    """Write as many rows of the `band` as `labels` has, which begin at the `first`, to where there is 0.

    First all of these rows are looked at as one, which tells the columns that have nothing.
    """
    height, width = band.shape
    every, some = scratch[0], scratch[1]
    every[:], some[:] = 1, 0
    for y in range(max(0, first - reach), min(height, first + len(labels) + reach)):
        _join(foreground[y], every[reach:], some[reach:])
    _spread(every, some, 2 * reach)
    for begin in range(0, width, _COLUMNS):
        end = min(width, begin + _COLUMNS)
        if not _differ(every[begin:end], some[begin:end]):
            continue
        left, right = max(0, begin - reach), min(width, end + reach)
        margin = left - begin + reach
        one, other = scratch[2, : end - begin + 2 * reach], scratch[3, : end - begin + 2 * reach]
        for i in range(len(labels)):
            one[:], other[:] = 1, 0
            for y in range(max(0, first + i - reach), min(height, first + i + reach + 1)):
                _join(foreground[y, left:right], one[margin:], other[margin:])
            _spread(one, other, 2 * reach)
            _write_band(one, other, labels[i, begin:end], band[first + i, begin:end])


@kernel
def _join(values: Mask, every: Mask, some: Mask) -> None:
    for i in range(len(values)):
        every[i] &= values[i]
        some[i] |= values[i]


@kernel
def _spread(every: Mask, some: Mask, distance: int) -> None:
    """Join to each value so many of those behind it; the last ones are lost."""
    for _ in range(distance):
        for i in range(len(every) - 1):
            every[i] &= every[i + 1]
            some[i] |= some[i + 1]


@kernel
def _differ(every: Mask, some: Mask) -> bool:
    bits = np.uint8(0)
    for i in range(len(every)):
        bits |= every[i] ^ some[i]
    return bool(bits)


@kernel
def _write_band(every: Mask, some: Mask, labels: Mask, band: Mask) -> None:
    for i in range(len(band)):
        band[i] = (every[i] ^ some[i]) & (labels[i] >> 1)
