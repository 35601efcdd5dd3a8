"""Threads of this process, for functions that release the GIL, as OpenCV's and Numba's kernels do."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import replace
from queue import SimpleQueue
from threading import Event, get_native_id
from time import perf_counter
from typing import TypeVar

from bgremove.machine import may_start_no_more
from bgremove.overrides import Override
from bgremove.strategies._admission import Admission
from bgremove.strategies._worker import Job, attempt
from bgremove.strategies.base import Strategy
from bgremove.strategies.task import Outcome

T = TypeVar("T")
R = TypeVar("R")

_SWITCH_S = 0.0005
"""A thread between two kernels waits for the interpreter no longer than this while another runs many short ones."""
_switch_interval = Override(sys.getswitchinterval, sys.setswitchinterval)


class Threads(Strategy):
    """A `ThreadPoolExecutor`. A thread cannot be stopped: closing a run waits for the calls that have started.

    Where the system lets no more be started, those that there are do the work, or else the caller's.
    """

    name = "threads"

    _executor: ThreadPoolExecutor
    _started = False
    """Whether there is a thread."""

    def _open(self, stack: ExitStack) -> None:
        stack.enter_context(self._worker_context())
        stack.enter_context(_switch_interval(min(sys.getswitchinterval(), _SWITCH_S)))
        self._started = False
        self._executor = stack.enter_context(ThreadPoolExecutor(self.workers, "bgremove"))

    def _start(self, function: Callable[..., object] | None) -> None:  # noqa: ARG002 - its modules are imported here
        release = Event()
        for _ in range(self.workers):
            self._submit(release.wait)
        release.set()

    def _outcomes(self, function: Callable[[T], R], tasks: Admission[T]) -> Generator[Outcome[R], None, None]:
        waiting: deque[Job[T]] = deque()
        done: SimpleQueue[Outcome[R] | BaseException] = SimpleQueue()
        under_way = 0

        def work_on() -> None:
            try:
                job = waiting.popleft()
            except IndexError:  # another has it, or the run is closed
                return
            try:
                done.put(attempt(function, job, get_native_id()))
            except BaseException as error:  # noqa: BLE001 - raised where it is waited for
                done.put(error)

        try:
            while True:
                while under_way < 2 * self.workers and (task := tasks.draw()):
                    waiting.append((task, perf_counter()))
                    under_way += 1
                    if not self._submit(work_on):
                        work_on()
                if not under_way:
                    return
                outcome = done.get()
                under_way -= 1
                if isinstance(outcome, BaseException):
                    raise outcome
                yield replace(outcome, received_s=perf_counter())
        finally:
            with suppress(IndexError):
                while True:
                    waiting.popleft()
                    under_way -= 1
            for _ in range(under_way if self._owned else 0):  # a fork does not have the threads
                done.get()

    def _submit(self, call: Callable[[], object]) -> bool:
        """Let a thread make a call; false if there is none, and none may be started."""
        try:
            self._executor.submit(call)
        except RuntimeError as error:
            if not may_start_no_more(error):
                raise
            return self._started  # it is queued for those that there are
        self._started = True
        return True
