"""Worker processes of which each can die, or be stopped, at the cost of its own task only. The default.

Each worker has a connection of its own and shares nothing with the others, no lock and no queue: its death is the end
of that connection. The caller's thread alone waits for all of them, and for what runs too long.
"""

from __future__ import annotations

import os
import pickle
import struct
from collections import deque
from collections.abc import Callable, Generator, Iterable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from selectors import EVENT_READ, EVENT_WRITE, DefaultSelector
from time import perf_counter
from typing import Any, TypeVar

from bgremove.errors import BgremoveError, NotRunError, TaskError, TaskTimeoutError, WorkerLostError
from bgremove.strategies._attempt import failed
from bgremove.strategies._channel import ANSWER, READY, Channel
from bgremove.strategies._forkserver import ForkServer
from bgremove.strategies._launch import ProcessLauncher, check_guard, exit_words, lost_before_ready
from bgremove.strategies._worker import pack, pack_import, unpack
from bgremove.strategies.base import Outcome, Strategy, Task

T = TypeVar("T")
R = TypeVar("R")

_BRIEF_S = 0.002
_BRIEF = 32
"""After so many tasks in a row that took less, busy workers are given one ahead, which then need not be waited for.
Behind a long task it would wait itself, although another worker may be idle."""
_FUTILE = 3
"""Workers in a row that may end in one place without having begun a task, before the place is left empty."""


@dataclass(eq=False, slots=True)
class _Worker:
    """A worker process, as the caller knows it."""

    number: int
    channel: Channel
    futile: int
    """How many before it, in its place, ended without having begun a task."""
    pid: int = 0
    """0 until it is ready."""
    watch: int = -1
    """A descriptor that tells its death, where there is such a thing, also if children of it hold its connection."""
    tasks: deque[tuple[Task[Any], float]] = field(default_factory=deque)
    """What it has been given and not answered, the one that runs first, each with the time of its creation."""
    started_s: float | None = None
    """When the first of them began; None if none has."""
    heard_s: float = 0.0

    def due_s(self, timeout_s: float | None) -> float:
        """When its task has run too long; of a large result, some must arrive all the time."""
        if self.started_s is None or timeout_s is None:
            return float("inf")
        return (self.heard_s if self.channel.partial else self.started_s) + timeout_s


class Processes(Strategy):
    """Goes on when workers die or tasks hang."""

    name = "processes"
    in_this_process = False
    stops_tasks = True
    start_methods = ("forkserver", "spawn", "fork")

    _launcher: ForkServer | ProcessLauncher
    _selector: DefaultSelector
    _last_words = ""
    """How the worker ended that did so last."""
    _brief = 0
    """How many tasks in a row were brief."""

    def _open(self, stack: ExitStack) -> None:
        check_guard()
        worker_context = pickle.dumps(self._options.worker_context, pickle.HIGHEST_PROTOCOL)
        method = self._options.start_method
        forks = method == "forkserver"
        self._launcher = ForkServer(worker_context) if forks else ProcessLauncher(method, worker_context)
        self._selector = DefaultSelector()
        self._workers: list[_Worker] = []
        self._waiting: deque[tuple[Task[Any], float]] = deque()
        stack.callback(self._stop)
        self._fill()

    def _start(self, function: Callable[..., object] | None) -> None:
        task, payload = pack_import(function)
        self._fill()
        self._last_words = ""
        for worker in self._workers:
            self._give(worker, (task, perf_counter()), payload)
        missing = len(self._workers)
        try:
            while missing:
                outcomes = self._listen()
                errors = [outcome.error for outcome in outcomes if outcome.error is not None]
                if errors or self._last_words:
                    raise lost_before_ready(self._last_words) if self._last_words else errors[0]
                missing -= len(outcomes)
        finally:
            self._abandon()

    def _outcomes(self, function: Callable[[T], R], tasks: Iterable[Task[T]]) -> Generator[Outcome[R], None, None]:
        source = iter(tasks)
        held = 0  # tasks that have been drawn, and whose outcome has not been given out
        self._fill()
        outcomes: deque[Outcome[Any]] = deque(self._listen(0))
        try:
            while True:
                while True:
                    if self._waiting and (worker := self._with_room()):
                        outcomes.extend(self._hand_out(worker, function))
                    elif held < 2 * self.workers and (task := next(source, None)):
                        self._waiting.append((task, perf_counter()))
                        held += 1
                    else:
                        break
                if outcomes:
                    held -= 1
                    yield outcomes.popleft()
                elif not held:
                    return
                else:
                    outcomes.extend(self._listen() if self._workers else self._not_run())
        finally:
            self._abandon()

    def _with_room(self) -> _Worker | None:
        """A worker that may be given a task: an idle one, or after many brief tasks, if all are busy, one of those."""
        ready = [worker for worker in self._workers if worker.pid]
        for worker in ready:
            if not worker.tasks:
                return worker
        if len(ready) == len(self._workers) and self._brief >= _BRIEF:
            return next((worker for worker in ready if len(worker.tasks) == 1), None)
        return None

    def _hand_out(self, worker: _Worker, function: Callable[..., object]) -> list[Outcome[Any]]:
        """Give a worker the task that waits first. If it cannot be pickled, that is its outcome."""
        task, created_s = self._waiting.popleft()
        try:
            payload = pack(function, task, created_s)
        except TaskError as error:
            return [failed(task, created_s, error)]
        self._give(worker, (task, created_s), payload)
        return []

    def _give(self, worker: _Worker, task: tuple[Task[Any], float], payload: bytes) -> None:
        worker.tasks.append(task)
        worker.channel.send(payload)
        if worker.channel.unsent:
            self._selector.modify(worker.channel.connection, EVENT_READ | EVENT_WRITE, worker)

    def _listen(self, timeout_s: float | None = None) -> list[Outcome[Any]]:
        """Wait until a worker says something, ends, or is overdue; what became of tasks by that."""
        limit_s = self._options.timeout_s
        if timeout_s is None:
            due_s = min((worker.due_s(limit_s) for worker in self._workers), default=0.0)
            timeout_s = None if due_s == float("inf") else max(0.0, due_s - perf_counter())
        outcomes: list[Outcome[Any]] = []
        for key, events in self._selector.select(timeout_s):
            worker: _Worker = key.data
            if worker not in self._workers:
                continue  # it has ended by an event before this one
            if events & EVENT_WRITE:
                worker.channel.flush()
                if not worker.channel.unsent:
                    self._selector.modify(worker.channel.connection, EVENT_READ, worker)
            if events & EVENT_READ:
                outcomes += self._hear(worker)
                while key.fd == worker.watch and not (worker.channel.ended or worker.channel.drained):
                    outcomes += self._hear(worker)
            if worker.channel.ended or key.fd == worker.watch:
                outcomes += self._lost(worker)
        for worker in [worker for worker in self._workers if worker.due_s(limit_s) <= perf_counter()]:
            self._end(worker)
            error = f"{worker.tasks[0][0].name}: ran longer than {limit_s:g} s and was stopped"
            outcomes.append(self._fail(worker, TaskTimeoutError(error)))
        return outcomes

    def _hear(self, worker: _Worker) -> list[Outcome[Any]]:
        """Take what a worker has said."""
        outcomes = []
        worker.heard_s = perf_counter()
        for kind, body in worker.channel.receive():
            if kind == READY:
                (worker.pid,) = struct.unpack("q", body)
                with suppress(AttributeError, OSError):
                    worker.watch = os.pidfd_open(worker.pid)
                    self._selector.register(worker.watch, EVENT_READ, worker)
            elif kind == ANSWER:
                outcome = unpack(body, *worker.tasks.popleft(), worker.pid)
                worker.started_s, worker.futile = None, 0
                self._brief = self._brief + 1 if outcome.ended_s - outcome.started_s < _BRIEF_S else 0
                outcomes.append(outcome)
            else:
                (worker.started_s,) = struct.unpack("d", body)
        return outcomes

    def _lost(self, worker: _Worker) -> list[Outcome[Any]]:
        """A worker has ended: what it was running is lost, what it was to do next goes to another."""
        self._last_words = words = exit_words(*self._end(worker))
        if worker.started_s is None:
            self._replace(worker, worker.futile + 1)
            return []
        return [self._fail(worker, WorkerLostError(f"{worker.tasks[0][0].name}: {words} while it ran this task"))]

    def _fail(self, worker: _Worker, error: BgremoveError) -> Outcome[Any]:
        """The outcome of the task with which a worker ended."""
        outcome = failed(*worker.tasks.popleft(), error, worker.pid, worker.started_s)
        self._replace(worker, 0)
        return outcome

    def _not_run(self) -> list[Outcome[Any]]:
        """The outcomes of what waits now, when no worker is left."""
        words = f"not run, because no worker can be kept alive: {self._last_words}"
        outcomes = [failed(task, created_s, NotRunError(f"{task.name}: {words}")) for task, created_s in self._waiting]
        self._waiting.clear()
        return outcomes

    def _replace(self, worker: _Worker, futile: int) -> None:
        """Start another in the place of a worker that has ended."""
        self._waiting.extendleft(reversed(worker.tasks))
        if futile < _FUTILE:
            self._add(futile)

    def _fill(self) -> None:
        for _ in range(self.workers - len(self._workers)):
            self._add(0)

    def _add(self, futile: int) -> None:
        number, connection = self._launcher.start()
        worker = _Worker(number, Channel(connection), futile)
        self._workers.append(worker)
        self._selector.register(connection, EVENT_READ, worker)

    def _end(self, worker: _Worker) -> tuple[int | None, int | None]:
        """End a worker; its process id and exit code."""
        self._forget(worker)
        return self._launcher.end(worker.number)

    def _forget(self, worker: _Worker) -> None:
        self._workers.remove(worker)
        self._selector.unregister(worker.channel.connection)
        worker.channel.connection.close()
        if worker.watch >= 0:
            self._selector.unregister(worker.watch)
            os.close(worker.watch)

    def _abandon(self) -> None:
        """End the workers that have something to do, so that the next run finds none of it."""
        if self._owned:
            self._waiting.clear()
            for worker in [worker for worker in self._workers if worker.tasks]:
                self._end(worker)

    def _stop(self) -> None:
        """End all workers."""
        for worker in list(self._workers):
            self._forget(worker)
        self._selector.close()
        self._launcher.stop()
