"""Work on one image in several threads, where this process may use them: by bands of rows, or beside other work."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from threading import Thread
from typing import Any, TypeVar

import cv2

S = TypeVar("S")
T = TypeVar("T")

_PIXELS = 2**18
"""Of a band: its arrays fit the processor's second cache, and its work takes longer than handing it over."""
_FEWEST = 4  # parts of a thread: fewer end before it has started


def bands_of(height: int, width: int, pixels: int = _PIXELS) -> list[slice]:
    """The rows of an image in bands of about so many `pixels`: whatever the number of threads, the same.

    >>> bands_of(5, 100, pixels=200)
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    rows = max(1, pixels // max(1, width))
    return [slice(top, min(top + rows, height)) for top in range(0, height, rows)]


def parts_of(height: int, width: int, pixels: int = _PIXELS) -> list[slice]:
    """`bands_of` where there are threads for them, else all rows: for what is quickest in one piece."""
    bands = bands_of(height, width, pixels)
    return bands if _threads(len(bands) // _FEWEST) > 1 else [slice(0, height)]


def in_threads(work: Callable[[S], T], parts: Sequence[S]) -> list[T]:
    """What `work` gives for each part, in their order.

    It runs in as many threads as OpenCV may use (`cv2.setNumThreads`), though not in more than this process has CPUs.
    With one, or hardly any parts, that is a loop. The calling thread is one of them; the others have ended when it
    returns.
    """
    threads = _threads(len(parts) // _FEWEST)
    return _run(work, parts, threads) if threads > 1 else [work(part) for part in parts]


@contextmanager
def beside(work: Callable[[], T]) -> Iterator[Callable[[], T]]:
    """Do `work` in a thread beside the block, which is given what waits for the result or raises what `work` raised.

    With one thread (see `in_threads`), it is done where the result is asked for, and not at all where it is not.
    """
    if _threads(2) == 1:
        yield work
        return
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - most processes have one thread each

    with ThreadPoolExecutor(1) as pool:
        try:
            result: Callable[[], T] = pool.submit(work).result
        except RuntimeError:  # no more threads may be started
            result = work
        yield result


def _threads(most: int) -> int:
    """How many threads may run here, `most` at most."""
    threads = min(most, cv2.getNumThreads()) if most > 1 else 1
    if threads <= 1:
        return 1
    from bgremove.machine import usable_cpus  # noqa: PLC0415 - most processes have one thread each

    return min(threads, usable_cpus())


def _run(work: Callable[[S], T], parts: Sequence[S], threads: int) -> list[T]:
    results: list[Any] = [None] * len(parts)
    errors: list[BaseException] = []
    numbers = iter(range(len(parts)))  # of which each thread takes the next

    def work_on() -> None:
        try:
            for number in numbers:
                results[number] = work(parts[number])
        except BaseException as error:  # noqa: BLE001 - raised again below
            errors.append(error)

    others = [Thread(target=work_on) for _ in range(threads - 1)]
    started = []
    with suppress(RuntimeError):  # no more threads may be started: those that there are do it
        for other in others:
            other.start()
            started.append(other)
    work_on()
    for other in started:
        other.join()
    if errors:
        raise errors[0]
    return results
