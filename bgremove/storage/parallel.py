"""Many requests at a time: a store answers slowly, and all at once."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

_REQUESTS = 32


def in_parallel(function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    """``map(function, items)`` in threads; at most twice as many items as requests are drawn ahead."""
    with ThreadPoolExecutor(_REQUESTS) as pool:
        waiting: deque[Future[R]] = deque()
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) > 2 * _REQUESTS:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
