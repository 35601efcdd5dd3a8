"""What every strategy does alike: it is entered, runs once at a time, and leaves nothing behind."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterable
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self, TypeVar

from bgremove.errors import UsageError
from bgremove.strategies import Outcome, Task

T = TypeVar("T")
R = TypeVar("R")


class Lifecycle(ABC):
    """Base of the strategies: entering, leaving, and one run at a time."""

    name: str

    def __init__(self) -> None:
        self._stack: ExitStack | None = None
        self._active: Generator[Any, None, None] | None = None

    def __enter__(self) -> Self:
        if self._stack is not None:
            raise UsageError(f"strategy {self.name!r} is entered already; leave it first or make another")
        with ExitStack() as stack:
            self._open(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        stack, self._stack = self._stack, None
        if stack is not None:
            with stack:
                if self._active is not None:
                    self._active.close()

    def run(self, function: Callable[[T], R], tasks: Iterable[Task[T]]) -> Generator[Outcome[R], None, None]:
        """See `Strategy.run`."""
        self._check_entered()
        return self._one_at_a_time(function, tasks)

    def warm_up(self, function: Callable[..., object] | None = None) -> None:
        """See `Strategy.warm_up`."""
        self._check_entered()
        self._start(function)

    @abstractmethod
    def _open(self, stack: ExitStack) -> None:
        """Acquire what all runs need; `stack` gives it back."""

    @abstractmethod
    def _start(self, function: Callable[..., object] | None) -> None:
        """Start all workers and wait for them."""

    @abstractmethod
    def _outcomes(self, function: Callable[[T], R], tasks: Iterable[Task[T]]) -> Generator[Outcome[R], None, None]:
        """The run itself. When closed, it stops what it started."""

    def _check_entered(self) -> None:
        if self._stack is None:
            raise UsageError(f"strategy {self.name!r} runs only inside its `with` block")
        if self._active is not None:
            raise UsageError(f"strategy {self.name!r} is running already; finish or close that run first")

    def _one_at_a_time(self, function: Callable[[T], R], tasks: Iterable[Task[T]]) -> Generator[Outcome[R], None, None]:
        self._check_entered()  # again: time may have passed since `run` gave out this iterator
        self._active = self._outcomes(function, tasks)
        try:
            yield from self._active
            if self._stack is None:
                raise UsageError(f"strategy {self.name!r} was left before this run was finished")
        finally:
            self._active = None
