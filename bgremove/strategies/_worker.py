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
from multiprocessing import parent_process
from socket import socket
from threading import Thread
from time import perf_counter
from typing import Any

from bgremove.errors import BgremoveError, TaskError
from bgremove.strategies._attempt import Attempt, as_task_error, attempt, failed
from bgremove.strategies._channel import ANSWER, READY, STARTED, receive, send

_entered: list[AbstractContextManager[Any]] = []
"""Kept, because a context made from a generator is left when it is forgotten."""


def serve(connection: socket, worker_context: bytes, inherited: Iterable[socket] = ()) -> None:
    """Do the tasks that come over the connection until it is closed; `inherited` are a fork's copies of others."""
    for each in inherited:
        each.close()
    connection.setblocking(True)
    failure = prepare(worker_context, lambda: _end_with(connection))
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
        return prefixed("the worker cannot be prepared", error)
    _entered.append(context)
    return None


def work(payload: bytes, failure: BgremoveError | None) -> bytes:
    """Do one task: `payload` is what `pack` made, the answer is for `unpack`."""
    done = _attempt(payload, failure, os.getpid())
    try:
        return pickle.dumps(done, pickle.HIGHEST_PROTOCOL)
    except Exception as error:  # noqa: BLE001 - pickling calls any code of the value
        lost = prefixed("the result cannot be pickled", error)
        return pickle.dumps(Attempt(None, lost, done.started_s, done.ended_s, done.worker))


def arrive(function: object) -> None:
    """A task that only lets the worker import what `function` needs."""


def pack(function: Callable[..., object], value: object) -> bytes:
    """The payload of one task. Raises `TaskError` if it cannot be pickled."""
    try:
        return pickle.dumps((function, value), pickle.HIGHEST_PROTOCOL)
    except Exception as error:  # noqa: BLE001 - pickling calls any code of the value
        raise prefixed("the task cannot be pickled", error) from None


def unpack(answer: bytes | memoryview) -> Attempt[Any]:
    """What `work` answered."""
    try:
        done: Attempt[Any] = pickle.loads(answer)  # noqa: S301 - comes from our own worker
    except Exception as error:  # noqa: BLE001 - unpickling calls any code of the value
        return failed(prefixed("the result cannot be unpickled", error))
    return done


def prefixed(what: str, error: Exception) -> TaskError:
    """A `TaskError` that says what could not be done, and why."""
    inner = as_task_error(error)
    outer = TaskError(f"{what}: {inner}")
    for note in getattr(inner, "__notes__", ()):
        outer.add_note(note)
    return outer


def _attempt(payload: bytes, failure: BgremoveError | None, worker: int) -> Attempt[Any]:
    if failure is not None:
        return failed(failure, worker)
    try:
        function, value = pickle.loads(payload)  # noqa: S301 - comes from the parent
    except Exception as error:  # noqa: BLE001 - unpickling calls any code of the value
        return failed(prefixed("the task cannot be unpickled in the worker", error), worker)
    return attempt(function, value, worker)


def _end_after(wait_for_end: Callable[[], object]) -> None:
    """Leave no orphan, even if this worker is busy for hours."""
    wait_for_end()
    os._exit(1)


def _end_with(connection: socket) -> None:
    """Wait until the other end of the connection is closed, without reading."""
    if sys.platform == "win32":
        end_with_parent()
        return
    poll = select.poll()
    poll.register(connection, 0)  # asks for nothing but the end, which is always told
    poll.poll()


def end_with_parent() -> None:
    """Wait until the parent has ended."""
    parent = parent_process()
    if parent is not None:
        parent.join()
