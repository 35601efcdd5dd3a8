"""Threads of this process, for functions that release the GIL, as OpenCV's and Numba's kernels do."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from functools import partial
from queue import SimpleQueue
from threading import Barrier, get_native_id
from typing import TypeVar

from bgremove.strategies import Outcome, Task, WorkerContext
from bgremove.strategies._attempt import Attempt, attempt
from bgremove.strategies._flights import Flight, Flights
from bgremove.strategies._lifecycle import Lifecycle

T = TypeVar("T")
R = TypeVar("R")


class Threads(Lifecycle):
    """A `ThreadPoolExecutor`. A thread cannot be stopped: closing a run waits for the calls that have started."""

    name = "threads"

    def __init__(self, workers: int, worker_context: WorkerContext) -> None:
        super().__init__()
        self.workers = workers
        self._worker_context = worker_context
        self._executor: ThreadPoolExecutor

    def _open(self, stack: ExitStack) -> None:
        stack.enter_context(self._worker_context())
        self._executor = stack.enter_context(ThreadPoolExecutor(self.workers, "bgremove"))

    def _start(self, function: Callable[..., object] | None) -> None:  # noqa: ARG002 - its modules are imported here
        barrier = Barrier(self.workers)
        wait([self._executor.submit(barrier.wait) for _ in range(self.workers)])

    def _outcomes(self, function: Callable[[T], R], tasks: Iterable[Task[T]]) -> Generator[Outcome[R], None, None]:
        flights = Flights(tasks, lines=2 * self.workers)
        landed: SimpleQueue[tuple[Flight[T], Attempt[R]]] = SimpleQueue()
        futures: dict[int, Future[None]] = {}
        call = partial(_call, function, landed)
        try:
            while True:
                for flight in flights.departures():
                    futures[flight.line] = self._executor.submit(call, flight)
                if not flights:
                    return
                yield flights.land(*landed.get())
        finally:
            for future in futures.values():
                future.cancel()
            wait(futures.values())


def _call(function: Callable[[T], R], landed: SimpleQueue[tuple[Flight[T], Attempt[R]]], flight: Flight[T]) -> None:
    landed.put((flight, attempt(function, flight.task.value, get_native_id())))
