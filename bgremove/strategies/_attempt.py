"""One call of the function, wherever that happens: what became of the task, and when."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from time import perf_counter
from typing import Any, TypeVar

from bgremove.errors import BgremoveError, TaskError
from bgremove.strategies.base import Outcome, Task

T = TypeVar("T")
R = TypeVar("R")


def attempt(function: Callable[[T], R], task: Task[T], created_s: float, worker: int) -> Outcome[R]:
    """Call the function and catch what it raises, all but KeyboardInterrupt."""
    value, error, started_s = None, None, perf_counter()
    try:
        value = function(task.value)
    except (Exception, SystemExit) as caught:  # noqa: BLE001 - whatever a task does, the others go on
        ended_s = perf_counter()
        error = as_task_error(caught)
    else:
        ended_s = perf_counter()
    return Outcome(
        index=task.index, value=value, error=error, created_s=created_s, started_s=started_s, ended_s=ended_s,
        received_s=perf_counter(), worker=worker,
    )  # fmt: skip


def failed(
    task: Task[Any], created_s: float, error: BgremoveError, worker: int = 0, started_s: float | None = None
) -> Outcome[Any]:
    """Of a task that was over before the function could be called, or of which only the end is known: now."""
    now_s = perf_counter()
    return Outcome(
        index=task.index, error=error, created_s=created_s, started_s=now_s if started_s is None else started_s,
        ended_s=now_s, received_s=now_s, worker=worker,
    )  # fmt: skip


def as_task_error(error: BaseException, what: str = "") -> BgremoveError:
    """Ours as it is, any other as a `TaskError` with the traceback in its notes; after `what` failed, always that.

    Tracebacks are not kept: they would hold every array of the failed call, and do not survive the way back from
    another process, whereas notes do.
    """
    if isinstance(error, BgremoveError) and not what:
        error.__traceback__ = error.__cause__ = error.__context__ = None
        return error
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - an exception whose own text fails must not end the run
        text = "(its text cannot be made)"
    wrapped = TaskError(f"{what}{': ' if what else ''}{type(error).__name__}: {text}")
    wrapped.add_note("".join(traceback.format_exception(error)).rstrip())
    return wrapped
