"""Worker processes of which each can die, or be stopped, at the cost of its own task only.

Each worker has a connection of its own and shares nothing with the others, no lock and no queue: its death is the end
of that connection. The caller's thread alone waits for all of them, and for what runs too long.
"""

from __future__ import annotations

import math
import os
import pickle
from collections import deque
from collections.abc import Callable, Generator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from selectors import EVENT_READ, DefaultSelector
from socket import socket, socketpair
from time import perf_counter
from typing import Any, TypeVar

from bgremove.errors import NotRunError, TaskError, TaskTimeoutError, WorkerLostError
from bgremove.strategies._admission import Admission
from bgremove.strategies._forkserver import ForkServer
from bgremove.strategies._launch import NOT_STARTED, End, Launcher, check_guard, exit_words
from bgremove.strategies._messages import receive, send
from bgremove.strategies._worker import THREADLESS, Job, failed, outcome_of, pack, unpack
from bgremove.strategies.base import Strategy
from bgremove.strategies.task import Outcome, Task

T = TypeVar("T")
R = TypeVar("R")

_FUTILE = 3
"""Workers in a row that may end without having begun a task, before no other is started."""


@dataclass(eq=False, slots=True)
class _Worker:
    """A worker process, as the caller knows it."""

    connection: socket
    end: End
    pid: int = 0
    """0 until it is ready."""
    watch: int = -1
    """A descriptor that tells its death, where there is such a thing, also if children of it hold its connection."""
    job: Job[Any] | None = None
    started_s: float | None = None
    """When it began the job; None if it has not."""


class Processes(Strategy):
    """Goes on when workers die or tasks hang."""

    name = "processes"
    in_this_process = False
    stops_tasks = True
    start_methods = ("forkserver", "spawn", "fork")

    _launcher: ForkServer | Launcher
    _selector: DefaultSelector
    _futile = 0
    """How many workers in a row have ended without having begun a task."""
    _most: int
    """How many workers are kept: in this run fewer than wanted, where the system has given no more."""
    _last_words = ""
    """How the worker ended that did so last."""

    def _open(self, stack: ExitStack) -> None:
        check_guard()
        worker_context = pickle.dumps(self._worker_context, pickle.HIGHEST_PROTOCOL)
        method = self._start_method
        self._launcher = ForkServer(worker_context) if method == "forkserver" else Launcher(method, worker_context)
        self._selector = DefaultSelector()
        self._workers: list[_Worker] = []
        self._waiting: deque[Job[Any]] = deque()
        self._most = self.workers
        stack.callback(self._stop)
        self._fill()

    def _start(self, function: Callable[..., object] | None) -> None:
        job = Task(0, function, "warm-up"), perf_counter()
        payload = pack(bool, job)  # calls nothing of it, but lets the worker import what it needs
        self._futile, self._last_words, self._most = 0, "", self.workers
        self._fill()
        try:
            for worker in self._workers:
                self._give(worker, job, payload)
            while any(worker.job for worker in self._workers):
                for outcome in self._listen(math.inf):
                    if outcome.error is not None:
                        raise outcome.error
                if self._last_words:
                    raise WorkerLostError(f"{self._last_words} before it could take a task")
        finally:
            self._abandon()

    def _outcomes(self, function: Callable[[T], R], tasks: Admission[T]) -> Generator[Outcome[R], None, None]:
        drawn = 0  # and not given out as outcomes
        outcomes: deque[Outcome[Any]] = deque()
        self._futile, self._most = 0, self.workers
        try:
            while True:
                while drawn < 2 * self.workers and (task := tasks.draw()):
                    self._waiting.append((task, perf_counter()))
                    drawn += 1
                outcomes.extend(self._hand_out(function))
                if outcomes:
                    drawn -= 1
                    yield outcomes.popleft()
                elif drawn:
                    outcomes.extend(self._listen(self._timeout_s or math.inf))
                else:
                    return
        finally:
            self._abandon()

    def _hand_out(self, function: Callable[..., object]) -> list[Outcome[Any]]:
        """Give what waits to workers that are idle; the outcomes of what cannot be given."""
        outcomes = []
        idle = [worker for worker in self._workers if worker.pid and not worker.job]
        while self._waiting and idle:
            job = self._waiting.popleft()
            try:
                self._give(idle[-1], job, pack(function, job))
                idle.pop()
            except TaskError as error:
                outcomes.append(failed(job, error))
        return outcomes

    def _give(self, worker: _Worker, job: Job[Any], payload: bytes) -> None:
        with suppress(ConnectionError):  # it has just ended, which `_listen` will see
            send(worker.connection, payload)
        worker.job = job

    def _listen(self, limit_s: float) -> list[Outcome[Any]]:
        """Wait until a worker says something, ends, or takes longer than the limit; what became of tasks by that."""
        self._fill()
        if not self._workers:
            return self._not_run()
        started_s = min((each.started_s for each in self._workers if each.started_s is not None), default=math.inf)
        wait_s = started_s + limit_s - perf_counter()
        outcomes: list[Outcome[Any]] = []
        for key, _ in self._selector.select(None if wait_s == math.inf else max(0.0, wait_s)):
            if key.data in self._workers:  # else it has ended by an event before this one
                outcomes += self._hear(key.data, died=key.fd == key.data.watch)
        for worker in list(self._workers):
            if worker.job and worker.started_s is not None and worker.started_s + limit_s <= perf_counter():
                self._end(worker)
                error = TaskTimeoutError(f"{worker.job[0].name}: ran longer than {limit_s:g} s and was stopped")
                outcomes.append(failed(worker.job, error, worker.pid, worker.started_s))
        return outcomes

    def _hear(self, worker: _Worker, died: bool) -> list[Outcome[Any]]:
        """Take all that a worker has said, and whether it has ended."""
        outcomes = []
        with suppress(BlockingIOError):
            while (body := receive(worker.connection)) is not None:
                match unpack(body):
                    case int(pid):
                        worker.pid = pid
                        with suppress(AttributeError, OSError):
                            worker.watch = os.pidfd_open(pid)
                            self._selector.register(worker.watch, EVENT_READ, worker)
                    case float(started_s):
                        worker.started_s, self._futile = started_s, 0
                    case answer if worker.job is not None:
                        outcomes.append(outcome_of(answer, worker.job, worker.pid))
                        worker.job = worker.started_s = None
            died = True
        if died:
            ended = self._end(worker)
            self._last_words = words = exit_words(*ended)
            if worker.started_s is None:
                if ended[1] == THREADLESS and self._workers:
                    self._most = len(self._workers)  # those that there are do the work
                else:
                    self._futile += 1
                self._waiting.extendleft([worker.job] if worker.job else [])
            elif worker.job:
                error = WorkerLostError(f"{worker.job[0].name}: {words} while it ran this task")
                outcomes.append(failed(worker.job, error, worker.pid, worker.started_s))
        return outcomes

    def _not_run(self) -> list[Outcome[Any]]:
        """The outcomes of what waits now, when no worker can be had."""
        words = f"not run, because no worker can be kept alive: {self._last_words}"
        outcomes = [failed(job, NotRunError(f"{job[0].name}: {words}")) for job in self._waiting]
        self._waiting.clear()
        return outcomes

    def _fill(self) -> None:
        """Start the workers that are missing."""
        while len(self._workers) < self._most and self._futile < _FUTILE:
            ours, theirs = socketpair()
            with theirs:
                try:
                    end = self._launcher.start(theirs, [ours, *(each.connection for each in self._workers)])
                except BlockingIOError:  # the system gives this user no more processes
                    if not self._workers:
                        raise
                    end = lambda: NOT_STARTED  # noqa: E731
            ours.setblocking(False)
            worker = _Worker(ours, end)
            self._workers.append(worker)
            self._selector.register(ours, EVENT_READ, worker)

    def _end(self, worker: _Worker) -> tuple[int | None, int | None]:
        """End a worker; its process id and exit code."""
        self._workers.remove(worker)
        self._selector.unregister(worker.connection)
        worker.connection.close()
        if worker.watch >= 0:
            self._selector.unregister(worker.watch)
            os.close(worker.watch)
        return worker.end()

    def _abandon(self) -> None:
        """End the workers that have something to do, so that the next run finds none of it."""
        if self._owned:
            self._waiting.clear()
            for worker in [worker for worker in self._workers if worker.job]:
                self._end(worker)

    def _stop(self) -> None:
        """End all workers."""
        self._launcher.stop()
        for worker in list(self._workers):
            self._end(worker)
        self._selector.close()
