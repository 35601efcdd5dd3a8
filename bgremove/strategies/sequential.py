"""A plain loop in this process: the baseline, with no pool around it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from contextlib import ExitStack
from os import getpid
from time import perf_counter
from typing import TypeVar

from bgremove.strategies import Outcome, Task, WorkerContext
from bgremove.strategies._attempt import attempt
from bgremove.strategies._lifecycle import Lifecycle

T = TypeVar("T")
R = TypeVar("R")


class Sequential(Lifecycle):
    """One task after the other, in the order given."""

    name = "sequential"
    workers = 1

    def __init__(self, worker_context: WorkerContext) -> None:
        super().__init__()
        self._worker_context = worker_context

    def _open(self, stack: ExitStack) -> None:
        stack.enter_context(self._worker_context())

    def _start(self, function: Callable[..., object] | None) -> None:
        """Nothing to start."""

    def _outcomes(self, function: Callable[[T], R], tasks: Iterable[Task[T]]) -> Generator[Outcome[R], None, None]:
        worker = getpid()
        for task in tasks:
            created_s = perf_counter()
            yield attempt(function, task.value, worker).outcome(task, created_s)
