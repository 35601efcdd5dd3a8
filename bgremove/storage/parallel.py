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
            waiting.append(_submitted(pool, function, item))
            if len(waiting) > 2 * _REQUESTS:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _submitted(pool: ThreadPoolExecutor, function: Callable[[T], R], item: T) -> Future[R]:
    try:
        return pool.submit(function, item)
    except RuntimeError:  # no more threads may be started; if there are any, they ask for it once more
        done: Future[R] = Future()
        done.set_result(function(item))
        return done
