"""One thing to do, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from bgremove.errors import BgremoveError

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Task(Generic[T]):
    """One thing to do: the function is called with `value`."""

    index: int
    """Tells the tasks of one run apart; each is used once."""
    value: T
    """Argument of the function; picklable for the strategies that use processes."""
    name: str
    """What an error message calls this task."""
    peak_bytes: int = 0
    """Memory that it takes while it runs; see `budget_bytes` of `Strategy.run`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome(Generic[R]):
    """What became of one task: a value or an error, and when.

    All times are seconds of `time.perf_counter`, which is one clock for all processes of a machine on Linux
    (CLOCK_MONOTONIC) and macOS (mach_absolute_time), so that they can be subtracted from one
    another. ``created_s <= started_s <= ended_s <= received_s`` always holds.
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
    attempts: int = 1
    """How often a worker had it: more than once where one was lost and the strategy tries again, as `dask` does."""
