"""`multiprocessing.Pool`, kept from hanging.

When a worker is killed, Pool loses its task without a word and, if the worker held the lock of the task queue (an idle
one always does), waits for ever (CPython issue 66587). Here the death of any worker ends the run: what was not
finished has an error, and the pool is given up. `processes` loses only the one task.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from itertools import chain
from multiprocessing.connection import wait
from multiprocessing.pool import Pool as MultiprocessingPool
from multiprocessing.process import BaseProcess
from queue import Empty, SimpleQueue
from threading import Event, Thread
from time import perf_counter
from typing import Any, TypeVar

from bgremove.errors import BgremoveError, NotRunError, TaskError, UsageError, WorkerLostError
from bgremove.machine import may_start_no_more
from bgremove.strategies._admission import Admission
from bgremove.strategies._launch import NAME, check_guard, check_script, exit_words, garbage_kept
from bgremove.strategies._worker import Job, failed, outcome_of, pack, prepare, unpack, work
from bgremove.strategies.base import Strategy
from bgremove.strategies.task import Outcome, Task

T = TypeVar("T")
R = TypeVar("R")

_Outcomes = Generator[Outcome[R], None, None]
_Call = Callable[[int, bytes], tuple[int, bytes]]

_WATCH_S = 0.1
"""How long no answer may come before the workers are looked at."""
_GRACE_S = 0.3
"""How long to wait, after a death, for results that are on their way, and for Pool to learn the exit code: of a child
of a forkserver only one thread may ask for it."""
_STOP_S = 2.0
"""How long a pool may take to stop before it is known to wait for a dead worker's lock."""


class Pool(Strategy):
    """Worker processes that share one queue of tasks."""

    name = "pool"
    in_this_process = False
    start_methods = ("forkserver", "spawn", "fork")

    _pool: _Pool | None = None

    def _open(self, stack: ExitStack) -> None:
        check_guard()
        if self._start_method != "fork":
            check_script()
        stack.callback(self._stop)
        self._started()

    def _start(self, function: Callable[..., object] | None) -> None:
        tasks = [Task(index, function, "warm-up") for index in range(self.workers)]
        # Calls nothing of the function, but lets workers import it.
        for outcome in self._run(_arrive, bool, Admission(tasks)):
            if isinstance(outcome.error, NotRunError):
                raise WorkerLostError(str(outcome.error))
            if outcome.error is not None:
                raise outcome.error

    def _outcomes(self, function: Callable[[T], R], tasks: Admission[T]) -> Generator[Outcome[R], None, None]:
        return self._run(_work, function, tasks)

    def _run(self, call: _Call, function: Callable[..., R], tasks: Admission[Any]) -> _Outcomes[R]:
        pool = self._started()
        given: dict[int, Job[Any]] = {}
        answers: SimpleQueue[tuple[int, bytes]] = SimpleQueue()
        dead: list[BaseProcess] = []
        try:
            while True:
                while not dead and len(given) < 2 * self.workers and (task := tasks.draw()):
                    job = task, perf_counter()
                    try:
                        payload = pack(function, job)
                    except TaskError as error:
                        yield failed(job, error)
                        continue
                    slot = next(slot for slot in range(2 * self.workers) if slot not in given)
                    given[slot] = job
                    pool.board[2 * slot] = 0
                    pool.apply_async(call, (slot, payload), callback=answers.put)
                if not given and not dead:
                    return
                try:
                    slot, answer = answers.get(timeout=_GRACE_S if dead else _WATCH_S)
                except Empty:
                    if dead:
                        break
                    dead = pool.dead()
                else:
                    yield outcome_of(unpack(answer), given.pop(slot))
            yield from self._give_up(pool, given, tasks, dead)
        finally:
            if given:
                self._stop()

    def _give_up(
        self, pool: _Pool, given: dict[int, Job[Any]], tasks: Admission[Any], dead: list[BaseProcess]
    ) -> Iterator[Outcome[Any]]:
        """The outcome of every task that is left."""
        words = {process.pid: exit_words(process.pid, process.exitcode) for process in dead}
        reason = f"not finished, because {' and '.join(words.values())}, which ends a pool"
        advice = "run the unfinished tasks again, or use strategy 'processes', which loses only the one task"
        self._stop()
        for slot, job in chain(given.items(), ((None, (task, perf_counter())) for task in iter(tasks.draw, None))):
            worker, started_s = (0, 0.0) if slot is None else (int(pool.board[2 * slot]), pool.board[2 * slot + 1])
            if worker in words:
                error = WorkerLostError(f"{job[0].name}: {words[worker]} while it ran this task")
                yield failed(job, error, worker, started_s)
            else:
                yield failed(job, NotRunError(f"{job[0].name}: {reason}; {advice}"))

    def _started(self) -> _Pool:
        """The pool, made anew if the last one had to be given up or a worker has died since."""
        if self._pool is not None and self._pool.dead():
            self._stop()
        if self._pool is None:
            worker_context = pickle.dumps(self._worker_context, pickle.HIGHEST_PROTOCOL)
            try:
                with garbage_kept(self._start_method):
                    self._pool = _Pool(self.workers, worker_context, multiprocessing.get_context(self._start_method))
            except ChildProcessError as error:
                reason = "multiprocessing's fork server is a child of the process that this one was forked from"
                raise UsageError(f"{reason}: use strategy 'processes', or start_method='spawn'") from error
            except (ImportError, OSError, RuntimeError, EOFError) as error:
                if isinstance(error, EOFError) or may_start_no_more(error):  # the former: a fork server may not fork
                    reason = f"the system gives no more processes, threads or open files ({error})"
                    raise WorkerLostError(f"no pool of {self.workers} workers can be started: {reason}") from error
                if isinstance(error, RuntimeError):
                    raise
                reason = f"multiprocessing.Pool needs semaphores, which cannot be had here ({error})"
                raise UsageError(f"{reason}: use strategy 'processes'") from error
        return self._pool

    def _stop(self) -> None:
        pool, self._pool = self._pool, None
        if pool is not None and self._owned:
            pool.end()


class _Pool(MultiprocessingPool):
    """Knows its processes, and can be ended when a dead one holds a lock."""

    def __init__(self, workers: int, worker_context: bytes, context: Any) -> None:
        self._made: list[BaseProcess] = []
        self._state = "not made yet"  # for the `__del__` of Pool, if there are no semaphores
        self.board = context.RawArray("d", 4 * workers)
        """Two numbers for each task that has been given: the process id of its worker, and when that started it."""
        arguments = (worker_context, self.board, context.Barrier(workers))
        self._ending = Event()
        # Started now, because no thread can be when Python ends.
        self._ender = Thread(target=self._terminate_when_told, daemon=True)
        try:
            super().__init__(workers, _prepare, arguments, context=context)
            self._ender.start()
        except BaseException:
            self._kill()  # those that were started
            raise
        self._first = self._made[:workers]

    def Process(self, context: Any, *arguments: Any, **options: Any) -> BaseProcess:  # type: ignore[override]  # noqa: N802
        """What Pool starts each worker by, also one that takes the place of a dead one."""
        process: BaseProcess = context.Process(*arguments, name=NAME, **options)
        self._made.append(process)
        return process

    def dead(self) -> list[BaseProcess]:
        """The processes that have ended of those it began with."""
        ended = wait([process.sentinel for process in self._first], timeout=0)
        return [process for process in self._first if process.sentinel in ended]

    def end(self) -> None:
        """End all workers. If Pool waits for a lock that a dead one held, its thread is left behind."""
        self._ending.set()
        self._ender.join(_STOP_S)
        self._kill()

    def _kill(self) -> None:
        for process in self._made:
            if process.pid is not None:
                process.kill()
                process.join()

    def _terminate_when_told(self) -> None:
        self._ending.wait()
        self.terminate()


# What follows runs in the workers.

_failure: BgremoveError | None
_board: Any
_barrier: Any


def _prepare(worker_context: bytes, board: Any, barrier: Any) -> None:
    global _failure, _board, _barrier
    parent: Any = multiprocessing.parent_process()
    _failure, _board, _barrier = prepare(worker_context, parent.join), board, barrier


def _work(slot: int, payload: bytes) -> tuple[int, bytes]:
    _board[2 * slot + 1] = perf_counter()
    _board[2 * slot] = os.getpid()
    return slot, work(payload, _failure)


def _arrive(slot: int, payload: bytes) -> tuple[int, bytes]:
    """Import what is needed, and wait until all workers have come here, so that each comes once."""
    answer = _work(slot, payload)
    _barrier.wait()
    return answer
