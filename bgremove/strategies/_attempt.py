"""One call of the function, wherever that happens: what came of it, and when."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Generic, TypeVar

from bgremove.errors import BgremoveError, TaskError
from bgremove.strategies.base import Outcome, Task

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Attempt(Generic[R]):
    """What the worker knows of an outcome."""

    value: R | None
    error: BgremoveError | None
    started_s: float
    ended_s: float
    worker: int

    def outcome(self, task: Task[T], created_s: float) -> Outcome[R]:
        """The outcome, received now."""
        return Outcome(
            index=task.index,
            value=self.value,
            error=self.error,
            created_s=created_s,
            started_s=self.started_s,
            ended_s=self.ended_s,
            received_s=perf_counter(),
            worker=self.worker,
        )


def attempt(function: Callable[[T], R], value: T, worker: int) -> Attempt[R]:
    """Call the function and catch what it raises, all but KeyboardInterrupt."""
    result, error, started_s = None, None, perf_counter()
    try:
        result = function(value)
    except (Exception, SystemExit) as caught:  # noqa: BLE001 - whatever a task does, the others go on
        ended_s = perf_counter()
        error = as_task_error(caught)
    else:
        ended_s = perf_counter()
    return Attempt(result, error, started_s, ended_s, worker)


def failed(error: BgremoveError, worker: int = 0, started_s: float | None = None) -> Attempt[object]:
    """An attempt that was over before the function could be called, or of which only the end is known."""
    now_s = perf_counter()
    return Attempt(None, error, now_s if started_s is None else started_s, now_s, worker)


def as_task_error(error: BaseException) -> BgremoveError:
    """Ours as it is, any other as a `TaskError` with the traceback in its notes.

    Tracebacks are not kept: they would hold every array of the failed call, and do not survive the way back from
    another process, whereas notes do.
    """
    if isinstance(error, BgremoveError):
        error.__traceback__ = error.__cause__ = error.__context__ = None
        return error
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - an exception whose own text fails must not end the run
        text = "(its text cannot be made)"
    wrapped = TaskError(f"{type(error).__name__}: {text}")
    wrapped.add_note("".join(traceback.format_exception(error)).rstrip())
    return wrapped
