"""From the name of a strategy to the strategy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext

from bgremove.errors import UsageError
from bgremove.machine import start_methods, usable_cpus
from bgremove.strategies.auto import AUTO, choose, may_start_processes
from bgremove.strategies.base import Strategy, WorkerContext
from bgremove.strategies.dask import Dask
from bgremove.strategies.pool import Pool
from bgremove.strategies.processes import Processes
from bgremove.strategies.sequential import Sequential
from bgremove.strategies.threads import Threads
from bgremove.types import as_number, as_whole

_CLASSES: dict[str, type[Strategy]] = {each.name: each for each in (Sequential, Threads, Pool, Processes, Dask)}

STRATEGIES = tuple(_CLASSES)
"""Names that `make_strategy` knows."""
BUILT_IN = tuple(name for name, each in _CLASSES.items() if not each.extra)
"""Those that need no extra."""

DEFAULT_STRATEGY = AUTO
_LONGEST_S = 2_000_000.0  # 23 days: what a system can wait at once


def strategy_class(name: str) -> type[Strategy]:
    """The class of the strategy called `name`, which says what it can; see the attributes of `Strategy`."""
    if name not in _CLASSES:
        raise UsageError(f"there is no strategy {name!r}; choose one of {', '.join((AUTO, *STRATEGIES))}")
    return _CLASSES[name]


def make_strategy(
    name: str,
    *,
    workers: int | None = None,
    timeout_s: float | None = None,
    start_method: str | None = None,
    worker_context: WorkerContext = nullcontext,
    task_s: Sequence[float] | None = None,
    scheduler: str | None = None,
) -> Strategy:
    """The strategy called `name`; its workers are not started yet.

    Parameters
    ----------
    name
        One of `STRATEGIES`, or ``auto``: what `choose` says.
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
    task_s
        For ``auto``: about how many seconds each task will take; None if that is not known before.
    scheduler
        The workers of a running cluster: its scheduler's address, such as ``tcp://host:8786``, or its scheduler file.
        ``auto`` is `dask` then.

    Raises `UsageError` if a value, or a combination, cannot be meant, or worker processes cannot be had here.
    """
    if workers is not None and (workers := as_whole("workers", workers)) < 1:
        raise UsageError(f"workers is {workers}; it must be at least 1")
    if timeout_s is not None and not (timeout_s := as_number("timeout_s", timeout_s)) > 0:
        raise UsageError(f"timeout_s is {timeout_s:g}; it must be more than 0")
    if name == AUTO:
        cpus = usable_cpus() if workers is None else workers
        by_option = "dask" if scheduler else "processes" if start_method else ""
        name = by_option or choose(task_s, workers=cpus, timeout_s=timeout_s)
        workers = workers if strategy_class(name).parallel else None
    cls = strategy_class(name)
    if scheduler == "":
        raise UsageError("scheduler is empty; it is an address, such as tcp://host:8786, or a scheduler file")
    _check(cls, "timeout_s", timeout_s, lambda each: each.stops_tasks)
    _check(cls, "start_method", start_method, lambda each: bool(each.start_methods))
    _check(cls, "scheduler", scheduler, lambda each: each.joins_cluster)
    if scheduler is not None and workers is not None:
        raise UsageError(f"workers is {workers}, but the workers are those of the scheduler {scheduler}")
    if not cls.parallel and workers not in {None, 1}:
        raise UsageError(f"workers is {workers}, but strategy {name!r} has one worker")
    methods = [method for method in start_methods() if method in cls.start_methods]
    if start_method is not None and start_method not in methods:
        raise UsageError(f"there is no start method {start_method!r} here; choose one of {', '.join(methods)}")
    if not cls.in_this_process and scheduler is None and not may_start_processes():
        raise UsageError(
            f"strategy {name!r} starts processes, which a daemonic process, such as a worker of Celery or of "
            'multiprocessing.Pool, may not; use strategy="threads"'
        )
    return cls(
        workers=(workers or usable_cpus()) if cls.parallel else 1,
        timeout_s=None if timeout_s is None else min(timeout_s, _LONGEST_S),
        start_method=start_method or next(iter(methods), ""),
        worker_context=worker_context,
        scheduler=scheduler,
    )


def _check(cls: type[Strategy], option: str, value: object, can: Callable[[type[Strategy]], bool]) -> None:
    if value is not None and not can(cls):
        able = " and ".join(name for name, each in _CLASSES.items() if can(each))
        raise UsageError(f"strategy {cls.name!r} cannot honour {option}; only {able} can")
