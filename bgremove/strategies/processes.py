"""Worker processes of which each can die, or be stopped, at the cost of its own task only. The default.

The pool is Pebble's. Three things end badly in it and are watched from outside: a worker that leaves with exit code 0
(its task would never end), one that dies idle (the pool breaks if no task runs at that moment), and one that is killed
while it speaks (it takes a lock along, and maybe half a message). After the last two the pool is replaced and what
has no outcome yet is done again.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import CancelledError
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from pebble import ProcessExpired, ProcessPool

from bgremove.errors import NotRunError, TaskError, TaskTimeoutError, WorkerLostError
from bgremove.strategies import Outcome, Task, WorkerContext
from bgremove.strategies._attempt import Attempt, failed
from bgremove.strategies._board import Board
from bgremove.strategies._context import Context, exit_words
from bgremove.strategies._flights import Flight, Flights
from bgremove.strategies._lifecycle import Lifecycle
from bgremove.strategies._watch import Watch
from bgremove.strategies._worker import arrive, pack, prepare, unpack, work

T = TypeVar("T")
R = TypeVar("R")

_WATCH_S = 0.25
"""How often the workers are looked at."""
_POOLS = 3
"""Pools in a row that may break without a single outcome before the run is given up."""


class Processes(Lifecycle):
    """A pool that goes on when workers die or tasks hang."""

    name = "processes"

    def __init__(self, workers: int, start_method: str, timeout_s: float | None, worker_context: WorkerContext) -> None:
        super().__init__()
        self.workers = workers
        self._start_method = start_method
        self._timeout_s = timeout_s
        self._worker_context = worker_context
        self._pool: ProcessPool | None = None
        self._context: Context
        self._board: Board
        self._watch: Watch
        self._landed: SimpleQueue[tuple[Flight[Any], Any]]
        self._futures: dict[int, Any]

    def _open(self, stack: ExitStack) -> None:
        stack.callback(self._stop)
        self._started()

    def _start(self, function: Callable[..., object] | None) -> None:
        needed = pack(function, None)
        pool = self._started()
        try:
            futures = []
            for line in range(self.workers):
                self._board.clear(line)
                futures.append(pool.schedule(arrive, (line, self.workers, needed)))
            self._await_arrivals(futures)
        except BaseException:
            self._stop()
            raise

    def _await_arrivals(self, futures: list[Any]) -> None:
        for future in futures:
            while True:
                try:
                    failure = future.result(timeout=_WATCH_S)
                    break
                except TimeoutError:
                    dead = self._context.ended()
                except (ProcessExpired, BrokenProcessPool):
                    dead = self._context.ended()
                    if not dead:
                        raise WorkerLostError("a worker ended before it could take a task") from None
                if dead:
                    raise WorkerLostError(f"{exit_words(dead[0])} before it could take a task") from None
            if failure is not None:
                raise failure

    def _outcomes(self, function: Callable[[T], R], tasks: Iterable[Task[T]]) -> Generator[Outcome[R], None, None]:
        self._started()
        flights = Flights(tasks, lines=2 * self.workers)
        broken = 0
        try:
            while True:
                for flight in flights.departures():
                    yield from self._depart(function, flights, flight)
                if not flights:
                    return
                for outcome in self._arrivals(flights):
                    broken = 0
                    yield outcome
                yield from self._mourn(flights)
                if flights and self._watch.stuck(self._pool_lives(), [flight.line for flight in flights]):
                    broken += 1
                    if broken == _POOLS:
                        yield from self._give_up(flights)
                        return
                    self._stop()
                    self._started()
                    for flight in flights:
                        yield from self._depart(function, flights, flight)
        finally:
            if flights:
                self._stop()

    def _depart(self, function: Callable[[T], R], flights: Flights[T], flight: Flight[T]) -> Iterator[Outcome[R]]:
        """Hand a task to the pool. If it cannot be pickled, that is its outcome."""
        try:
            payload = pack(function, flight.task.value)
        except TaskError as error:
            yield flights.land(flight, failed(error))
            return
        self._board.clear(flight.line)
        try:
            future = self._started().schedule(work, (flight.line, payload), timeout=self._timeout_s)
        except RuntimeError:
            return  # the pool has just broken; the next look at it finds that, and this task goes to the next pool
        self._futures[flight.line] = future
        future.add_done_callback(partial(_put, self._landed, flight))

    def _arrivals(self, flights: Flights[T]) -> Iterator[Outcome[Any]]:
        """Outcomes that are here, after waiting a little for the first."""
        try:
            flight, future = self._landed.get(timeout=_WATCH_S)
            while True:
                if flight in flights:
                    attempt = self._attempt(flight, future)
                    if attempt is not None:
                        self._watch.heard()
                        yield flights.land(flight, attempt)
                flight, future = self._landed.get_nowait()
        except Empty:
            return

    def _attempt(self, flight: Flight[T], future: Any) -> Attempt[Any] | None:
        """What became of a task that the pool is done with; None if the pool itself broke."""
        line = self._board.read(flight.line)
        try:
            return unpack(future.result())
        except TimeoutError:
            late = TaskTimeoutError(f"{flight.task.name}: ran longer than {self._timeout_s:g} s and was stopped")
            return failed(late, line.worker, line.started_s or None)
        except ProcessExpired as error:
            return self._lost(flight, exit_words(error))
        except (BrokenProcessPool, CancelledError):
            return None
        except Exception as error:  # noqa: BLE001 - whatever else a pool comes up with concerns this task
            return failed(TaskError(f"{type(error).__name__}: {error}"), line.worker)

    def _lost(self, flight: Flight[T], words: str) -> Attempt[Any]:
        line = self._board.read(flight.line)
        error = WorkerLostError(f"{flight.task.name}: {words} while it ran this task")
        return failed(error, line.worker, line.started_s or None)

    def _mourn(self, flights: Flights[T]) -> Iterator[Outcome[Any]]:
        """Outcomes of tasks whose worker is dead and of whom the pool says nothing."""
        self._watch.look()
        for flight in flights:
            process = self._watch.unannounced(flight.line)
            if process is not None:
                attempt = self._lost(flight, exit_words(process))
                self._futures.pop(flight.line).cancel()
                yield flights.land(flight, attempt)

    def _give_up(self, flights: Flights[T]) -> Iterator[Outcome[Any]]:
        """Land every task that is left."""
        words = self._watch.last_words()
        self._stop()
        for flight in flights.grounded():
            error = NotRunError(f"{flight.task.name}: not run, because no worker can be kept alive: {words}")
            yield flights.land(flight, failed(error))

    def _pool_lives(self) -> bool:
        return self._pool is not None and bool(self._pool.active)

    def _started(self) -> ProcessPool:
        """The pool, made anew if the last one had to be stopped or broke while nothing ran."""
        if self._pool is not None and self._active is None and not self._pool_lives():
            self._stop()
        if self._pool is None:
            self._context = Context(self._start_method)
            self._board = Board(self._context, lines=2 * self.workers)
            self._watch = Watch(self._context, self._board, self.workers, self._timeout_s)
            self._landed = SimpleQueue()
            self._futures = {}
            arguments = (self._worker_context, self._board)
            self._pool = ProcessPool(self.workers, 0, prepare, arguments, self._context)
        return self._pool

    def _stop(self) -> None:
        """End all workers."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.stop()  # type: ignore[no-untyped-call]
            self._context.end(pool.join)


def _put(landed: SimpleQueue[tuple[Flight[T], Any]], flight: Flight[T], future: Any) -> None:
    landed.put((flight, future))
