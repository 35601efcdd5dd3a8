"""Threads of this process, for functions that release the GIL, as OpenCV's and Numba's kernels do."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import replace
from queue import SimpleQueue
from threading import Barrier, get_native_id
from time import perf_counter
from typing import TypeVar

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
    """A `ThreadPoolExecutor`. A thread cannot be stopped: closing a run waits for the calls that have started."""

    name = "threads"

    _executor: ThreadPoolExecutor

    def _open(self, stack: ExitStack) -> None:
        stack.enter_context(self._worker_context())
        stack.enter_context(_switch_interval(min(sys.getswitchinterval(), _SWITCH_S)))
        self._executor = stack.enter_context(ThreadPoolExecutor(self.workers, "bgremove"))

    def _start(self, function: Callable[..., object] | None) -> None:  # noqa: ARG002 - its modules are imported here
        barrier = Barrier(self.workers)
        wait([self._executor.submit(barrier.wait) for _ in range(self.workers)])

    def _outcomes(self, function: Callable[[T], R], tasks: Admission[T]) -> Generator[Outcome[R], None, None]:
        calls: set[Future[Outcome[R]]] = set()
        done: SimpleQueue[Future[Outcome[R]]] = SimpleQueue()
        try:
            while True:
                while len(calls) < 2 * self.workers and (task := tasks.draw()):
                    future = self._executor.submit(_call, function, (task, perf_counter()))
                    calls.add(future)
                    future.add_done_callback(done.put)
                if not calls:
                    return
                future = done.get()
                calls.remove(future)
                yield replace(future.result(), received_s=perf_counter())
        finally:
            for future in calls:
                future.cancel()
            wait(calls)


def _call(function: Callable[[T], R], job: Job[T]) -> Outcome[R]:
    return attempt(function, job, get_native_id())
