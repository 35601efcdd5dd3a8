"""How large images are, read from their headers: a window of them at a time, while the one before it is worked on."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial
from itertools import takewhile
from threading import Event

from bgremove.batch.job import Job
from bgremove.errors import BgremoveError
from bgremove.formats import header_pixels
from bgremove.storage import in_parallel
from bgremove.url import Location, Url

WINDOW = 1000
"""Images among which the largest comes first. Their headers take 0.1 to 0.2 s to read from a disk."""

Counting = Callable[[int], AbstractContextManager[Callable[[], None]]]
"""Called with how many there are, it gives a function to call for each: see `bgremove.progress.progress`."""


def uncounted(_: int) -> AbstractContextManager[Callable[[], None]]:
    """Counts nothing."""
    return nullcontext(lambda: None)


def largest_first(jobs: Sequence[Job], counting: Counting = uncounted) -> list[Job]:
    """`jobs` by their number of pixels, which is read from their headers."""
    measured = []
    with counting(len(jobs)) as count:
        for job in _measured(jobs):
            measured.append(job)
            count()
    return _sorted(measured)


def in_windows(jobs: Sequence[Job]) -> Generator[Job, None, None]:
    """All `jobs`, of each `WINDOW` the largest first; the headers of the next are read in a thread meanwhile."""
    closed = Event()

    def window_at(start: int) -> list[Job]:
        window = list(jobs[start : start + WINDOW])
        if all(job.pixels is not None for job in window):
            return window
        return _sorted(takewhile(lambda _: not closed.is_set(), _measured(window)))

    with ThreadPoolExecutor(1, "bgremove-headers") as reader:
        try:
            window = window_at(0)
            for start in range(WINDOW, len(jobs), WINDOW):
                try:
                    ahead = reader.submit(window_at, start).result
                except RuntimeError:  # no more threads may be started
                    ahead = partial(window_at, start)
                yield from window
                window = ahead()
            yield from window
        finally:
            closed.set()


def _measured(jobs: Sequence[Job]) -> Iterator[Job]:
    in_store = any(isinstance(job.source, Url) for job in jobs)
    sizes = (in_parallel if in_store else map)(_pixels, (job.source for job in jobs))
    return (replace(job, pixels=pixels) for job, pixels in zip(jobs, sizes, strict=True))


def _sorted(jobs: Iterable[Job]) -> list[Job]:
    return sorted(jobs, key=lambda job: job.pixels or 0, reverse=True)


def _pixels(path: Location) -> int:
    try:
        return header_pixels(path)
    except BgremoveError:
        return 0  # it will fail in its turn, with its reason
