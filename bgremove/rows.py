"""Work on an image band of rows by band of rows, in several threads where this process may use them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

import cv2

T = TypeVar("T")

_PIXELS = 2**18
"""Of a band: its arrays fit the processor's second cache, and its work takes longer than handing it over."""


def bands_of(height: int, width: int, pixels: int = _PIXELS) -> list[slice]:
    """The rows of an image in bands of about so many `pixels`: whatever the number of threads, the same.

    >>> bands_of(5, 100, pixels=200)
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    rows = max(1, pixels // max(1, width))
    return [slice(top, min(top + rows, height)) for top in range(0, height, rows)]


def in_threads(work: Callable[[slice], T], bands: Iterable[slice]) -> list[T]:
    """What `work` gives for each band, in their order, in as many threads as OpenCV may use (`cv2.setNumThreads`).

    With one thread, or hardly any bands, that is a loop. The threads have ended when it returns.
    """
    bands = list(bands)
    threads = min(cv2.getNumThreads(), len(bands) // 2)  # starting one takes as long as half a band
    if threads <= 1:
        return [work(band) for band in bands]
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - most processes have one thread each

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(work, bands))
