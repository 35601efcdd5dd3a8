"""`multiprocessing.Pool`, kept from hanging.

When a worker is killed, Pool loses its task without a word and, if the worker held the lock of the task queue (an idle
one always does), waits for ever (CPython issue 66587). Here the death of any worker ends the run: what was not
finished has an error, and the pool is given up. `processes` loses only the one task.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import ExitStack
from functools import partial
from multiprocessing.pool import Pool as MultiprocessingPool
from multiprocessing.process import BaseProcess
from queue import Empty, SimpleQueue
from time import perf_counter
from typing import Any, TypeVar

from bgremove.errors import NotRunError, TaskError, WorkerLostError
from bgremove.strategies import Outcome, Task, WorkerContext
from bgremove.strategies._attempt import as_task_error, failed
from bgremove.strategies._board import Board
from bgremove.strategies._context import Context, exit_words
from bgremove.strategies._flights import Flight, Flights
from bgremove.strategies._lifecycle import Lifecycle
from bgremove.strategies._worker import arrive, pack, prepare, unpack, work

T = TypeVar("T")
R = TypeVar("R")

_WATCH_S = 0.1
"""How often the workers are looked at."""
_GRACE_S = 0.3
"""How long to wait, after a death, for results that are on their way."""


class Pool(Lifecycle):
    """Worker processes that share one queue of tasks."""

    name = "pool"

    def __init__(self, workers: int, start_method: str, worker_context: WorkerContext) -> None:
        super().__init__()
        self.workers = workers
        self._start_method = start_method
        self._worker_context = worker_context
        self._pool: MultiprocessingPool | None = None
        self._context: Context
        self._board: Board

    def _open(self, stack: ExitStack) -> None:
        stack.callback(self._stop)
        self._started()

    def _start(self, function: Callable[..., object] | None) -> None:
        needed = pack(function, None)
        pool = self._started()
        landed: SimpleQueue[Any] = SimpleQueue()
        for line in range(self.workers):
            self._board.clear(line)
            arguments = (line, self.workers, needed)
            pool.apply_async(arrive, arguments, callback=landed.put, error_callback=landed.put)
        try:
            self._await_arrivals(landed)
        except BaseException:
            self._stop()
            raise

    def _await_arrivals(self, landed: SimpleQueue[Any]) -> None:
        missing = self.workers
        while missing:
            try:
                failure = landed.get(timeout=_WATCH_S)
            except Empty:
                for dead in self._context.ended():
                    dead.join(_GRACE_S)
                    raise WorkerLostError(f"{exit_words(dead)} before it could take a task") from None
                continue
            if failure is not None:
                raise failure
            missing -= 1

    def _outcomes(self, function: Callable[[T], R], tasks: Iterable[Task[T]]) -> Generator[Outcome[R], None, None]:
        pool = self._started()
        flights = Flights(tasks, lines=2 * self.workers)
        landed: SimpleQueue[tuple[Flight[T], Any]] = SimpleQueue()
        watched_s = perf_counter()
        try:
            while True:
                for flight in flights.departures():
                    try:
                        payload = pack(function, flight.task.value)
                    except TaskError as error:
                        yield flights.land(flight, failed(error))
                        continue
                    self._board.clear(flight.line)
                    callback = partial(_put, landed, flight)
                    pool.apply_async(work, (flight.line, payload), callback=callback, error_callback=callback)
                if not flights:
                    return
                yield from _arrivals(flights, landed, _WATCH_S)
                if perf_counter() - watched_s > _WATCH_S:
                    watched_s = perf_counter()
                    dead = self._context.ended()
                    if dead:
                        yield from self._give_up(flights, landed, dead)
                        return
        finally:
            if flights:
                self._stop()

    def _give_up(
        self, flights: Flights[T], landed: SimpleQueue[tuple[Flight[T], Any]], dead: list[BaseProcess]
    ) -> Iterator[Outcome[Any]]:
        """Land every task that is left."""
        yield from _arrivals(flights, landed, _GRACE_S)
        words = {process.pid: exit_words(process) for process in dead}
        lines = {flight: self._board.read(flight.line) for flight in flights}
        self._stop()
        for flight in flights.grounded():
            line = lines.get(flight)
            if line is not None and line.worker in words:
                lost = WorkerLostError(f"{flight.task.name}: {words[line.worker]} while it ran this task")
                yield flights.land(flight, failed(lost, line.worker, line.started_s))
                continue
            reason = f"{flight.task.name}: not finished, because {' and '.join(words.values())}, which ends a pool"
            advice = "run the unfinished tasks again, or use strategy 'processes', which loses only the one task"
            yield flights.land(flight, failed(NotRunError(f"{reason}; {advice}")))

    def _started(self) -> MultiprocessingPool:
        """The pool, made anew if the last one had to be given up or a worker has died since."""
        if self._pool is not None and self._context.ended():
            self._stop()
        if self._pool is None:
            self._context = Context(self._start_method)
            self._board = Board(self._context, lines=2 * self.workers)
            arguments = (self._worker_context, self._board)
            context: Any = self._context
            self._pool = MultiprocessingPool(self.workers, prepare, arguments, context=context)
        return self._pool

    def _stop(self) -> None:
        """End all workers."""
        pool, self._pool = self._pool, None
        if pool is not None:
            self._context.end(pool.terminate)


def _put(landed: SimpleQueue[tuple[Flight[T], Any]], flight: Flight[T], answer: Any) -> None:
    landed.put((flight, answer))


def _arrivals(
    flights: Flights[T], landed: SimpleQueue[tuple[Flight[T], Any]], timeout_s: float
) -> Iterator[Outcome[Any]]:
    """Outcomes that are here, after waiting up to `timeout_s` for the first."""
    try:
        flight, answer = landed.get(timeout=timeout_s)
        while True:
            attempt = unpack(answer) if isinstance(answer, bytes) else failed(as_task_error(answer))
            yield flights.land(flight, attempt)
            flight, answer = landed.get_nowait()
    except Empty:
        return
