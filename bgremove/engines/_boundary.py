"""Which pixels lie near the boundary of a mask."""

from __future__ import annotations

import numpy as np

from bgremove.engines._compile import kernel
from bgremove.rows import in_threads, parts_of
from bgremove.types import Foreground, Mask

_ROWS, _COLUMNS = 16, 128  # that are looked at together


def find_band(foreground: Foreground, labels: Mask, reach: int, columns: slice = slice(None)) -> Mask:
    """1 at the open pixels at most `reach` rows and columns away from a pixel of the other label, else 0.

    The foreground is that of some columns of the labels.
    """
    height, width = foreground.shape
    left, _, _ = columns.indices(labels.shape[1])
    band = np.empty((height, width), np.uint8)

    def find(rows: slice) -> None:
        scratch = np.empty((4, width + 2 * reach), np.uint8)
        _find_rows(foreground.view(np.uint8), labels, left, rows.start, rows.stop, reach, band, scratch)

    in_threads(find, parts_of(height, width))
    return band


@kernel
def _find_rows(
    foreground: Mask, labels: Mask, left: int, first: int, stop: int, reach: int, band: Mask, scratch: Mask
) -> None:
    for top in range(first, stop, _ROWS):
        _find_strip(foreground, labels, left, top, min(stop, top + _ROWS), reach, band, scratch)


@kernel
def _find_strip(
    foreground: Mask, labels: Mask, left: int, first: int, stop: int, reach: int, band: Mask, scratch: Mask
) -> None:
    """First all of the rows are looked at as one, which tells the columns that have nothing."""
    height, width = band.shape
    every, some = scratch[0], scratch[1]
    every[:], some[:] = 1, 0
    for y in range(max(0, first - reach), min(height, stop + reach)):
        _join(foreground[y], every[reach : reach + width], some[reach : reach + width])
    _spread(every, some, 2 * reach)
    for begin in range(0, width, _COLUMNS):
        end = min(width, begin + _COLUMNS)
        if not _differ(every[begin:end], some[begin:end]):
            for y in range(first, stop):
                band[y, begin:end] = 0
            continue
        before, behind = max(0, begin - reach), min(width, end + reach)
        margin, size = before - begin + reach, behind - before
        one, other = scratch[2, : end - begin + 2 * reach], scratch[3, : end - begin + 2 * reach]
        for y in range(first, stop):
            one[:], other[:] = 1, 0
            for v in range(max(0, y - reach), min(height, y + reach + 1)):
                _join(foreground[v, before:behind], one[margin : margin + size], other[margin : margin + size])
            _spread(one, other, 2 * reach)
            _write_band(one, other, labels[y, left + begin : left + end], band[y, begin:end])


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
