"""What every strategy is: tasks in, outcomes out, entered and left, one run at a time."""

from __future__ import annotations

import atexit
import os
from collections.abc import Callable, Generator, Iterable
from contextlib import AbstractContextManager, ExitStack, closing, nullcontext, suppress
from typing import Any, ClassVar, Self, TypeVar

from bgremove.errors import UsageError
from bgremove.strategies._admission import Admission
from bgremove.strategies.task import Outcome, Task

T = TypeVar("T")
R = TypeVar("R")

WorkerContext = Callable[[], AbstractContextManager[Any]]
"""Makes the context that every worker works in. It must be picklable for the strategies that use processes.

If it has a method `load`, without arguments, `processes` calls that once, in the process that its workers are forked
from, where there is one: what `load` imports and compiles is then there in every worker. It must start no threads.
"""


class Strategy:
    """Runs a function over tasks. A context manager, because it may own processes or threads.

    Workers may be started on entry or as late as the first run; `warm_up` starts them at a moment of one's choosing.
    On exit, also by an exception, and at the latest when Python ends, all workers have ended and the worker context of
    this process is left.
    """

    name: ClassVar[str]
    in_this_process: ClassVar[bool] = True
    """Whether tasks run in the process that asks for them, so that their values need not be carried anywhere."""
    parallel: ClassVar[bool] = True
    """Whether it may have more than one worker."""
    stops_tasks: ClassVar[bool] = False
    """Whether it can stop a task that has started, and so honour `timeout_s`."""
    start_methods: ClassVar[tuple[str, ...]] = ()
    """The ways to start worker processes that it can use, where the system has them."""
    joins_cluster: ClassVar[bool] = False
    """Whether it can use workers that run already, elsewhere, and have a `scheduler`."""
    extra: ClassVar[str] = ""
    """The extra of this distribution that it needs, if it needs one."""

    _stack: ExitStack | None = None
    _active: Generator[Any, None, None] | None = None
    _owner = 0

    def __init__(
        self,
        *,
        workers: int = 1,
        timeout_s: float | None = None,
        start_method: str = "",
        worker_context: WorkerContext = nullcontext,
        scheduler: str | None = None,
    ) -> None:
        """`make_strategy` has checked that the strategy can honour these."""
        self.workers = workers
        self._timeout_s = timeout_s
        self._start_method = start_method
        self._worker_context = worker_context
        self._scheduler = scheduler

    def __enter__(self) -> Self:
        if self._stack is not None:
            raise UsageError(f"strategy {self.name!r} is entered already; leave it first or make another")
        self._owner = os.getpid()
        with ExitStack() as stack:
            # Before Python begins to shut down: after that no thread can be started or relied upon.
            atexit.register(self._leave_at_exit)
            stack.callback(atexit.unregister, self._leave_at_exit)
            self._open(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        stack, self._stack = self._stack, None
        if stack is not None and self._owned:
            with stack:
                if self._active is not None:
                    self._active.close()

    def run(
        self, function: Callable[[T], R], tasks: Iterable[Task[T]], *, budget_bytes: int | None = None
    ) -> Generator[Outcome[R], None, None]:
        """Outcomes of ``function(task.value)`` as they come, in any order, exactly one for every task.

        `tasks` may be any iterable, also a very long lazy one: it is drawn from as workers become free, never more than
        two tasks a worker ahead (`dask`: two groups of tasks), and 64 that wait for memory. A `BgremoveError` that the
        function raises is the outcome's error as it is; any other exception becomes a `TaskError` whose notes hold the
        traceback. What `tasks` itself raises comes last, behind the outcomes of all that it had given. Closing the
        iterator cancels the rest. One run at a time; a strategy may be used for several runs one after the other.

        With `budget_bytes`, tasks run at a time that take no more together, by their `Task.peak_bytes`, and one that
        takes more runs alone. Workers of a scheduler have such a budget each.

        A strategy that tries a task again, whose worker was lost, calls ``function.again(task.value)`` if there is such
        a method: for functions that leave something behind, which the first attempt may have done.
        """
        self._check_entered()
        return self._one_at_a_time(function, Admission(tasks, budget_bytes))

    def warm_up(self, function: Callable[..., object] | None = None) -> None:
        """Start every worker, let it enter its worker context and import the modules that `function` needs.

        Calls nothing. Raises the error of a worker that cannot be started.
        """
        self._check_entered()
        self._start(function)

    def _open(self, stack: ExitStack) -> None:
        """Acquire what all runs need; `stack` gives it back."""
        raise NotImplementedError

    def _start(self, function: Callable[..., object] | None) -> None:
        """Start all workers and wait for them."""

    def _outcomes(self, function: Callable[[T], R], tasks: Admission[T]) -> Generator[Outcome[R], None, None]:
        """The run itself. When closed, it stops what it started."""
        raise NotImplementedError

    @property
    def _owned(self) -> bool:
        """Whether this is the process that entered the strategy: a fork of that has no say over its workers."""
        return self._owner == os.getpid()

    def _leave_at_exit(self) -> None:
        with suppress(ValueError):  # a thread that Python does not wait for may be in the middle of the run
            self.__exit__(None, None, None)

    def _check_entered(self) -> None:
        if self._stack is None:
            raise UsageError(f"strategy {self.name!r} runs only inside its `with` block")
        self._check_owned()
        if self._active is not None:
            raise UsageError(f"strategy {self.name!r} is running already; finish or close that run first")

    def _check_owned(self) -> None:
        if not self._owned:
            raise UsageError(f"strategy {self.name!r} belongs to the process of which this is a fork: make another")

    def _one_at_a_time(self, function: Callable[[T], R], tasks: Admission[T]) -> Generator[Outcome[R], None, None]:
        self._check_entered()  # again: time may have passed since `run` gave out this iterator
        self._active = self._outcomes(function, tasks)
        try:
            with closing(self._active) as outcomes:
                for outcome in outcomes:
                    tasks.finish(outcome.index)
                    yield outcome
                    self._check_owned()
            tasks.check()
            if self._stack is None:
                raise UsageError(f"strategy {self.name!r} was left before this run was finished")
        finally:
            self._active = None
