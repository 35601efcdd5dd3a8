"""What runs inside a worker process: it enters its worker context, and then does one task after the other.

Values cross as bytes pickled here and by the caller: what cannot be pickled or unpickled is the error of its own task.
"""

from __future__ import annotations

import os
import pickle
import select
import signal
import struct
import sys
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from multiprocessing import parent_process
from socket import socket
from threading import Thread
from time import perf_counter
from typing import Any

from bgremove.errors import BgremoveError
from bgremove.strategies._attempt import as_task_error, attempt, failed
from bgremove.strategies._channel import ANSWER, READY, STARTED, receive, send
from bgremove.strategies.base import Outcome, Task

_entered: list[AbstractContextManager[Any]] = []
"""Kept, because a context made from a generator is left when it is forgotten."""


def serve(connection: socket, worker_context: bytes, inherited: Iterable[socket] = ()) -> None:
    """Do the tasks that come over the connection until it is closed; `inherited` are a fork's copies of others."""
    for each in inherited:
        each.close()
    connection.setblocking(True)
    failure = prepare(worker_context, lambda: _wait_for_end(connection))
    messages = connection.makefile("rb")
    with suppress(OSError):  # the caller has closed its end
        send(connection, READY, struct.pack("q", os.getpid()))
        while (payload := receive(messages)) is not None:
            send(connection, STARTED, struct.pack("d", perf_counter()))
            send(connection, ANSWER, work(payload, failure))


def prepare(worker_context: bytes, wait_for_end: Callable[[], object]) -> BgremoveError | None:
    """Make a fresh process a worker, which ends when `wait_for_end` returns; why it can do no task, if so."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; what to do is the parent's to decide
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # end at once, also in the middle of a long call into C
    if sys.platform != "win32":
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    Thread(target=_end_after, args=(wait_for_end,), daemon=True).start()
    try:
        context = pickle.loads(worker_context)()  # noqa: S301 - comes from the parent
        context.__enter__()
    except Exception as error:  # noqa: BLE001 - told as the outcome of each task
        return as_task_error(error, "the worker cannot be prepared")
    _entered.append(context)
    return None


def pack(function: Callable[..., object] | None, task: Task[Any], created_s: float) -> bytes:
    """What a worker is sent for one task. Raises `TaskError` if it cannot be pickled."""
    try:
        return pickle.dumps((function, task, created_s), pickle.HIGHEST_PROTOCOL)
    except Exception as error:  # noqa: BLE001 - pickling calls any code of the value
        raise as_task_error(error, "the task cannot be pickled") from None


def pack_import(function: Callable[..., object] | None) -> tuple[Task[Any], bytes]:
    """A task that calls nothing, and so only lets the worker import what `function` needs."""
    task = Task(0, function, "warm-up")
    return task, pack(_nothing, task, perf_counter())


def work(payload: bytes, failure: BgremoveError | None) -> bytes:
    """Do the task that `pack` has packed; the answer is for `unpack`."""
    try:
        if failure is not None:
            return pickle.dumps(failure)
        function, task, created_s = pickle.loads(payload)  # noqa: S301 - comes from the parent
    except Exception as error:  # noqa: BLE001 - unpickling calls any code of the value
        return pickle.dumps(as_task_error(error, "the task cannot be unpickled in the worker"))
    outcome = attempt(function, task, created_s, os.getpid())
    try:
        return pickle.dumps(outcome, pickle.HIGHEST_PROTOCOL)
    except Exception as error:  # noqa: BLE001 - pickling calls any code of the value
        lost = as_task_error(error, "the result cannot be pickled")
        return pickle.dumps(failed(task, created_s, lost, outcome.worker, outcome.started_s))


def unpack(answer: bytes | memoryview, task: Task[Any], created_s: float, worker: int = 0) -> Outcome[Any]:
    """What became of a task, received now."""
    try:
        found = pickle.loads(answer)  # noqa: S301 - comes from our own worker
    except Exception as error:  # noqa: BLE001 - unpickling calls any code of the value
        found = as_task_error(error, "the result cannot be unpickled")
    if isinstance(found, Outcome):
        return replace(found, received_s=perf_counter())
    return failed(task, created_s, found, worker)


def wait_for_parent() -> None:
    """Wait until the parent has ended."""
    parent = parent_process()
    if parent is not None:
        parent.join()


def _wait_for_end(connection: socket) -> None:
    """Wait until the other end of the connection is closed, without reading."""
    if sys.platform == "win32":
        wait_for_parent()
        return
    poll = select.poll()
    poll.register(connection, 0)  # asks for nothing but the end, which is always told
    poll.poll()


def _end_after(wait_for_end: Callable[[], object]) -> None:
    """Leave no orphan, even if this worker is busy for hours."""
    wait_for_end()
    os._exit(1)


def _nothing(function: object) -> None:
    """See `pack_import`."""
