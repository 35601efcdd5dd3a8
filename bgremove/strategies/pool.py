"""`multiprocessing.Pool`, kept from hanging.

When a worker is killed, Pool loses its task without a word and, if the worker held the lock of the task queue (an idle
one always does), waits for ever (CPython issue 66587). Here the death of any worker ends the run: what was not
finished has an error, and the pool is given up. `processes` loses only the one task.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import ExitStack, suppress
from functools import partial
from itertools import chain
from multiprocessing.connection import wait
from multiprocessing.pool import Pool as MultiprocessingPool
from multiprocessing.process import BaseProcess
from queue import Empty, SimpleQueue
from threading import Event, Thread
from time import perf_counter
from typing import Any, TypeVar

from bgremove.errors import BgremoveError, NotRunError, TaskError, UsageError, WorkerLostError
from bgremove.strategies._attempt import as_task_error, failed
from bgremove.strategies._launch import NAME, check_guard, exit_words, lost_before_ready
from bgremove.strategies._worker import pack, pack_import, prepare, unpack, wait_for_parent, work
from bgremove.strategies.base import Outcome, Strategy, Task

T = TypeVar("T")
R = TypeVar("R")

_WATCH_S = 0.1
"""How often the workers are looked at."""
_GRACE_S = 0.3
"""How long to wait, after a death, for results that are on their way."""
_STOP_S = 2.0
"""How long a pool may take to stop before it is known to wait for a dead worker's lock."""


class Pool(Strategy):
    """Worker processes that share one queue of tasks."""

    name = "pool"
    in_this_process = False
    start_methods = ("forkserver", "spawn", "fork")

    _pool: MultiprocessingPool | None = None
    _context: _Context
    _board: Any
    """Two numbers for each task that has been given: the process id of its worker, and when that started it."""
    _ending: Event
    _ender: Thread

    def _open(self, stack: ExitStack) -> None:
        check_guard()
        stack.callback(self._stop)
        self._started()

    def _start(self, function: Callable[..., object] | None) -> None:
        task, payload = pack_import(function)
        pool = self._started()
        answers: SimpleQueue[Any] = SimpleQueue()
        for _ in range(self.workers):
            pool.apply_async(_arrive, (payload,), callback=answers.put, error_callback=answers.put)
        missing, error = self.workers, None
        while missing and error is None:
            with suppress(Empty):
                error = _unpack(answers.get(timeout=_WATCH_S), task, perf_counter()).error
                missing -= 1
            for process in self._context.ended():
                error = lost_before_ready(exit_words(process.pid, process.exitcode))
        if error is not None:
            self._stop()
            raise error

    def _outcomes(self, function: Callable[[T], R], tasks: Iterable[Task[T]]) -> Generator[Outcome[R], None, None]:
        pool = self._started()
        source = iter(tasks)
        given: dict[int, tuple[Task[T], float]] = {}
        free = list(range(2 * self.workers))
        answers: SimpleQueue[tuple[int, Any]] = SimpleQueue()
        watched_s = perf_counter()
        try:
            while True:
                while free and (task := next(source, None)):
                    created_s = perf_counter()
                    try:
                        payload = pack(function, task, created_s)
                    except TaskError as error:
                        yield failed(task, created_s, error)
                        continue
                    slot = free.pop()
                    given[slot] = task, created_s
                    self._board[2 * slot] = 0
                    put = partial(_put, answers, slot)
                    pool.apply_async(_work, (slot, payload), callback=put, error_callback=put)
                if not given:
                    return
                with suppress(Empty):
                    slot, answer = answers.get(timeout=_WATCH_S)
                    free.append(slot)
                    yield _unpack(answer, *given.pop(slot))
                if perf_counter() - watched_s > _WATCH_S:
                    watched_s = perf_counter()
                    if dead := self._context.ended():
                        with suppress(Empty):
                            while True:
                                slot, answer = answers.get(timeout=_GRACE_S)
                                yield _unpack(answer, *given.pop(slot))
                        yield from self._give_up(given, source, dead)
                        return
        finally:
            if given:
                self._stop()

    def _give_up(
        self, given: dict[int, tuple[Task[T], float]], source: Iterator[Task[T]], dead: list[BaseProcess]
    ) -> Iterator[Outcome[Any]]:
        """The outcome of every task that is left."""
        words = {process.pid: exit_words(process.pid, process.exitcode) for process in dead}
        reason = f"not finished, because {' and '.join(words.values())}, which ends a pool"
        advice = "run the unfinished tasks again, or use strategy 'processes', which loses only the one task"
        begun = {slot: (int(self._board[2 * slot]), self._board[2 * slot + 1]) for slot in given}
        self._stop()
        for slot, (task, created_s) in chain(given.items(), ((-1, (task, perf_counter())) for task in source)):
            worker, started_s = begun.get(slot, (0, 0.0))
            if worker in words:
                lost = WorkerLostError(f"{task.name}: {words[worker]} while it ran this task")
                yield failed(task, created_s, lost, worker, started_s)
            else:
                yield failed(task, created_s, NotRunError(f"{task.name}: {reason}; {advice}"))

    def _started(self) -> MultiprocessingPool:
        """The pool, made anew if the last one had to be given up or a worker has died since."""
        if self._pool is not None and self._context.ended():
            self._stop()
        if self._pool is None:
            worker_context = pickle.dumps(self._options.worker_context, pickle.HIGHEST_PROTOCOL)
            self._context = context = _Context(self._options.start_method)
            try:
                self._board = context.RawArray("d", 4 * self.workers)
                arguments = (worker_context, self._board, context.Barrier(self.workers))
                self._pool = MultiprocessingPool(self.workers, _prepare, arguments, None, context)
            except (ImportError, OSError) as error:
                reason = f"multiprocessing.Pool needs semaphores, which cannot be had here ({error})"
                raise UsageError(f"{reason}: use strategy 'processes'") from error
            self._ending = Event()
            # Started now, because no thread can be when Python ends.
            self._ender = Thread(target=_terminate, args=(self._pool, self._ending), daemon=True)
            self._ender.start()
        return self._pool

    def _stop(self) -> None:
        """End all workers. Pool waits for ever for a lock that a dead worker held: then its thread is left behind."""
        pool, self._pool = self._pool, None
        if pool is not None and self._owned:
            self._ending.set()
            self._ender.join(_STOP_S)
            self._context.kill()


class _Context:
    """A context of `multiprocessing` that remembers the processes it made, to be known without a look into Pool."""

    def __init__(self, start_method: str) -> None:
        self._context = multiprocessing.get_context(start_method)
        self._processes: list[BaseProcess] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)

    def Process(self, *arguments: Any, **options: Any) -> BaseProcess:  # noqa: N802 - the name a context must have
        process: BaseProcess = self._context.Process(*arguments, name=NAME, **options)  # type: ignore[attr-defined]
        self._processes.append(process)
        return process

    def ended(self) -> list[BaseProcess]:
        """Processes that have ended since the last call.

        Asks their sentinels, not their exit codes: two threads that ask a forkserver's child for its exit code at the
        same time get a wrong one.
        """
        started = {process.sentinel: process for process in list(self._processes) if process.pid is not None}
        ended = [started[sentinel] for sentinel in wait(list(started), timeout=0)]  # type: ignore[index]
        for process in ended:
            self._processes.remove(process)
            process.join(_GRACE_S)
        return ended

    def kill(self) -> None:
        for process in self._processes:
            if process.pid is not None:
                process.kill()
                process.join()


def _terminate(pool: MultiprocessingPool, ending: Event) -> None:
    ending.wait()
    pool.terminate()


def _put(answers: SimpleQueue[tuple[int, Any]], slot: int, answer: Any) -> None:
    answers.put((slot, answer))


def _unpack(answer: Any, task: Task[Any], created_s: float) -> Outcome[Any]:
    """What became of a task by what its worker answered, or by an error of Pool's own."""
    if isinstance(answer, bytes):
        return unpack(answer, task, created_s)
    return failed(task, created_s, as_task_error(answer))


# What follows runs in the workers.

_failure: BgremoveError | None
_shared_board: Any
_barrier: Any


def _prepare(worker_context: bytes, board: Any, barrier: Any) -> None:
    global _failure, _shared_board, _barrier
    _failure, _shared_board, _barrier = prepare(worker_context, wait_for_parent), board, barrier


def _work(slot: int, payload: bytes) -> bytes:
    _shared_board[2 * slot + 1] = perf_counter()
    _shared_board[2 * slot] = os.getpid()
    return work(payload, _failure)


def _arrive(payload: bytes) -> bytes:
    """Import what is needed, and wait until all workers have come here, so that each comes once."""
    answer = work(payload, _failure)
    _barrier.wait()
    return answer
