"""What runs inside a worker: it enters its worker context, and then does one task after the other.

Values cross as bytes pickled here and by the caller: what cannot be pickled or unpickled is the error of its own task.
"""

from __future__ import annotations

import os
import pickle
import select
import signal
import traceback
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from mmap import mmap
from socket import socket
from threading import Thread
from time import perf_counter
from typing import Any, TypeVar

from bgremove.errors import BgremoveError, TaskError
from bgremove.strategies._messages import receive, send
from bgremove.strategies.task import Outcome, Task

T = TypeVar("T")
R = TypeVar("R")

Job = tuple[Task[T], float]
"""A task, and when it was drawn."""

THREADLESS = 114
"""Exit code of a worker to which the system gives no thread."""

_entered: list[AbstractContextManager[Any]] = []
"""Kept, because a context made from a generator is left when it is forgotten."""


def attempt(function: Callable[[T], R], job: Job[T], worker: int) -> Outcome[R]:
    """Call the function and catch what it raises, all but KeyboardInterrupt."""
    task, created_s = job
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


def failed(job: Job[Any], error: BgremoveError, worker: int = 0, started_s: float | None = None) -> Outcome[Any]:
    """Of a task that was over before the function could be called, or of which only the end is known: now."""
    task, created_s = job
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
    if isinstance(error, MemoryError):
        text = text or "there is not enough memory"
    wrapped = TaskError(f"{what}{': ' if what else ''}{type(error).__name__}: {text}")
    wrapped.add_note("".join(traceback.format_exception(error)).rstrip())
    return wrapped


def serve(connection: socket, worker_context: bytes, others: Iterable[socket] = ()) -> None:
    """Do the tasks that come over the connection until it is closed; `others` are a fork's copies of its parent's."""
    for each in others:
        each.close()
    failure = prepare(worker_context, lambda: _wait_for_end(connection))
    with suppress(OSError):  # the caller has closed its end
        send(connection, pickle.dumps(os.getpid()))
        while payload := receive(connection):
            send(connection, pickle.dumps(perf_counter()))
            try:
                send(connection, work(payload, failure))
            except TaskError as error:
                send(connection, pickle.dumps(error))


def prepare(worker_context: bytes, wait_for_end: Callable[[], object]) -> BgremoveError | None:
    """Make a fresh process a worker, which ends when `wait_for_end` returns; why it can do no task, if so."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; what to do is the parent's to decide
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # end at once, also in the middle of a long call into C
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    try:
        Thread(target=_end_after, args=(wait_for_end,), daemon=True).start()
    except RuntimeError:
        os._exit(THREADLESS)  # quietly: the parent tells it
    try:
        context = pickle.loads(worker_context)()  # noqa: S301 - comes from the parent
        context.__enter__()
    except Exception as error:  # noqa: BLE001 - told as the outcome of each task
        return as_task_error(error, "the worker cannot be prepared")
    _entered.append(context)
    return None


def pack(function: Callable[..., object], job: Job[Any]) -> bytes:
    """What a worker is sent for one task. Raises `TaskError` if it cannot be pickled."""
    try:
        return pickle.dumps((function, job), pickle.HIGHEST_PROTOCOL)
    except Exception as error:  # noqa: BLE001 - pickling calls any code of the value
        raise as_task_error(error, "the task cannot be pickled") from None


def work(payload: bytes | mmap, failure: BgremoveError | None) -> bytes:
    """Do the task that `pack` has packed; the answer, pickled, is for `outcome_of`."""
    try:
        if failure is not None:
            return pickle.dumps(failure)
        function, job = pickle.loads(payload)  # noqa: S301 - comes from the parent
    except Exception as error:  # noqa: BLE001 - unpickling calls any code of the value
        return pickle.dumps(as_task_error(error, "the task cannot be unpickled in the worker"))
    outcome = attempt(function, job, os.getpid())
    try:
        return pickle.dumps(outcome, pickle.HIGHEST_PROTOCOL)
    except Exception as error:  # noqa: BLE001 - pickling calls any code of the value
        lost = as_task_error(error, "the result cannot be pickled")
        return pickle.dumps(failed(job, lost, outcome.worker, outcome.started_s))


def unpack(body: bytes | mmap) -> Any:
    """What a worker has said."""
    try:
        return pickle.loads(body)  # noqa: S301 - comes from our own worker
    except Exception as error:  # noqa: BLE001 - unpickling calls any code of the value
        return as_task_error(error, "the result cannot be unpickled")


def outcome_of(answer: Outcome[Any] | BgremoveError, job: Job[Any], worker: int = 0) -> Outcome[Any]:
    """What became of a task, received now."""
    if isinstance(answer, Outcome):
        return replace(answer, received_s=perf_counter())
    return failed(job, answer, worker)


def _wait_for_end(connection: socket) -> None:
    """Wait until the other end of the connection is closed, without reading."""
    poll = select.poll()
    poll.register(connection, 0)  # asks for nothing but the end, which is always told
    poll.poll()


def _end_after(wait_for_end: Callable[[], object]) -> None:
    """Leave no orphan, even if this worker is busy for hours."""
    wait_for_end()
    os._exit(1)
