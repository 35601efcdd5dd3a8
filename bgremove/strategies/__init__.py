"""Strategies: how many tasks are run. They know functions and tasks, and nothing of images."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from importlib import import_module
from types import TracebackType
from typing import Any, Generic, Protocol, Self, TypeVar

from bgremove.errors import BgremoveError, UsageError
from bgremove.machine import start_methods, usable_cpus

T = TypeVar("T")
R = TypeVar("R")

WorkerContext = Callable[[], AbstractContextManager[Any]]
"""Makes the context that every worker works in. It must be picklable for the strategies that use processes."""


@dataclass(frozen=True, slots=True)
class Task(Generic[T]):
    """One thing to do: the function is called with `value`."""

    index: int
    """Tells the tasks of one run apart; each is used once."""
    value: T
    """Argument of the function; picklable for the strategies that use processes."""
    name: str
    """What an error message calls this task."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome(Generic[R]):
    """What became of one task: a value or an error, and when.

    All times are seconds of `time.perf_counter`, which is one clock for all processes of a machine on Linux
    (CLOCK_MONOTONIC), macOS (mach_absolute_time) and Windows (QueryPerformanceCounter), so that they can be
    subtracted from one another. ``created_s <= started_s <= ended_s <= received_s`` always holds.
    """

    index: int
    value: R | None = None
    """What the function returned, if `error` is None."""
    error: BgremoveError | None = None
    created_s: float
    """The strategy took the task and queued it."""
    started_s: float
    """The function was called. For a task that never started, the time at which that was known."""
    ended_s: float
    """The function ended. For a task whose worker was lost, the time at which that was known."""
    received_s: float
    """The value was back in the process that asked for it."""
    worker: int = 0
    """Process id (`threads`: native thread id) of the worker; 0 if the task never started."""


class Strategy(Protocol):
    """Runs a function over tasks. A context manager, because it may own processes or threads.

    Workers may be started on entry or as late as the first run; `warm_up` starts them at a moment of one's choosing.
    On exit, also by an exception, all workers have ended and the worker context of this process is left.
    """

    name: str
    workers: int

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...

    def warm_up(self, function: Callable[..., object] | None = None) -> None:
        """Start every worker, let it enter its worker context and import the modules that `function` needs.

        Calls nothing. Raises the error of a worker that cannot be started.
        """
        ...

    def run(self, function: Callable[[T], R], tasks: Iterable[Task[T]]) -> Generator[Outcome[R], None, None]:
        """Outcomes of ``function(task.value)`` as they come, in any order, exactly one for every task.

        `tasks` may be any iterable, also a very long lazy one: it is drawn from as workers become free, never more
        than two tasks a worker ahead. A `BgremoveError` that the function raises is the outcome's error as it is; any
        other exception becomes a `TaskError` whose notes hold the traceback. Closing the iterator cancels the rest.
        One run at a time; a strategy may be used for several runs one after the other.
        """
        ...


_CLASSES = {
    "sequential": "bgremove.strategies.sequential:Sequential",
    "threads": "bgremove.strategies.threads:Threads",
    "pool": "bgremove.strategies.pool:Pool",
    "processes": "bgremove.strategies.processes:Processes",
}
_HONOURED_BY = {"timeout_s": ("processes",), "start_method": ("pool", "processes")}

STRATEGIES = tuple(_CLASSES)
"""Names that `make_strategy` knows."""

DEFAULT_STRATEGY = "processes"


def make_strategy(
    name: str,
    *,
    workers: int | None = None,
    timeout_s: float | None = None,
    start_method: str | None = None,
    worker_context: WorkerContext = nullcontext,
) -> Strategy:
    """The strategy called `name`; its module is imported only now, its workers are not started yet.

    Parameters
    ----------
    workers
        How many tasks run at a time; by default as many as there are usable CPUs. `sequential` has one.
    timeout_s
        A task that runs longer is stopped and has a `TaskTimeoutError`. Counted from its start in the worker.
        `processes` only.
    start_method
        How worker processes come to be: fork, spawn or forkserver; by default forkserver where there is one, else
        spawn. `pool` and `processes` only.
    worker_context
        Gives a context manager that is entered in every worker process once, before its first task, and never left;
        with `sequential` and `threads` it is entered in this process when the strategy is, and left with it.

    Raises `UsageError` if a value, or a combination, cannot be meant.
    """
    if name not in _CLASSES:
        raise UsageError(f"there is no strategy {name!r}; choose one of {', '.join(STRATEGIES)}")
    for option, value in (("timeout_s", timeout_s), ("start_method", start_method)):
        if value is not None and name not in _HONOURED_BY[option]:
            able = " and ".join(_HONOURED_BY[option])
            raise UsageError(f"strategy {name!r} cannot honour {option}; only {able} can")
    if workers is not None and workers < 1:
        raise UsageError(f"workers is {workers}; it must be at least 1")
    if timeout_s is not None and not timeout_s > 0:
        raise UsageError(f"timeout_s is {timeout_s}; it must be more than 0")
    if start_method is not None and start_method not in start_methods():
        raise UsageError(f"there is no start method {start_method!r} here; choose one of {', '.join(start_methods())}")
    if name == "sequential" and workers not in {None, 1}:
        raise UsageError(f"workers is {workers}, but strategy 'sequential' has one worker")

    options: dict[str, Any] = {"worker_context": worker_context}
    if name != "sequential":
        options["workers"] = usable_cpus() if workers is None else workers
    if name in _HONOURED_BY["start_method"]:
        options["start_method"] = start_method or start_methods()[0]
    if name in _HONOURED_BY["timeout_s"]:
        options["timeout_s"] = timeout_s
    module, _, attribute = _CLASSES[name].partition(":")
    strategy: Strategy = getattr(import_module(module), attribute)(**options)
    return strategy
