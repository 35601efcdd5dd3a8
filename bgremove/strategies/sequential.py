"""A plain loop in this process: the baseline, with no pool around it."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import ExitStack
from os import getpid
from time import perf_counter
from typing import TypeVar

from bgremove.strategies._admission import Admission
from bgremove.strategies._worker import attempt
from bgremove.strategies.base import Strategy
from bgremove.strategies.task import Outcome

T = TypeVar("T")
R = TypeVar("R")


class Sequential(Strategy):
    """One task after the other, in the order given."""

    name = "sequential"
    parallel = False

    def _open(self, stack: ExitStack) -> None:
        stack.enter_context(self._worker_context())

    def _outcomes(self, function: Callable[[T], R], tasks: Admission[T]) -> Generator[Outcome[R], None, None]:
        worker = getpid()
        while task := tasks.draw():
            yield attempt(function, (task, perf_counter()), worker)
