"""What runs inside a worker process. `prepare` once, then `work` for every task.

Values cross as bytes pickled here and by the caller, never by the pool in between: what cannot be pickled or
unpickled is then the error of its own task, whereas the pools' own threads and workers would die of it.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from threading import Thread
from time import perf_counter, sleep
from typing import Any

from bgremove.errors import BgremoveError, TaskError
from bgremove.strategies import WorkerContext
from bgremove.strategies._attempt import Attempt, as_task_error, attempt, failed
from bgremove.strategies._board import Board


@dataclass(frozen=True, slots=True)
class _Worker:
    """The worker that the current process is."""

    board: Board
    context: AbstractContextManager[Any] | None
    """Kept, because a context made from a generator is left when it is forgotten."""
    failure: BgremoveError | None
    """Why no task can be done here. The worker lives on to say so: a pool would replace a dead one for ever."""


_this: _Worker


def prepare(worker_context: WorkerContext, board: Board) -> None:
    """Make a fresh process a worker."""
    global _this  # noqa: PLW0603 - a process is one worker
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; what to do is the parent's to decide
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # end at once, also in the middle of a long call into C
    Thread(target=_end_with_parent, daemon=True).start()
    context, failure = None, None
    try:
        context = worker_context()
        context.__enter__()
    except Exception as error:  # noqa: BLE001 - told as the outcome of each task
        failure = _prefixed("the worker cannot be prepared", error)
    _this = _Worker(board, context, failure)
    board.ready_s = perf_counter()


def work(line: int, payload: bytes) -> bytes:
    """Do one task: `payload` is what `pack` made, the answer is for `unpack`."""
    worker, started_s = os.getpid(), perf_counter()
    _this.board.start(line, worker, started_s)
    done = _attempt(payload, worker)
    try:
        answer = pickle.dumps(done, pickle.HIGHEST_PROTOCOL)
    except Exception as error:  # noqa: BLE001 - pickling calls any code of the value
        lost = _prefixed("the result cannot be pickled", error)
        answer = pickle.dumps(Attempt(None, lost, done.started_s, done.ended_s, worker))
    _this.board.end(line, perf_counter())
    return answer


def arrive(line: int, workers: int, function: bytes) -> BgremoveError | None:
    """Import what `function` needs, and wait until all workers have come here, so that each comes once."""
    _this.board.start(line, os.getpid(), perf_counter())
    if _this.failure is not None:
        return _this.failure
    try:
        pickle.loads(function)  # noqa: S301 - comes from the parent
    except Exception as error:  # noqa: BLE001 - told to the parent
        return _prefixed("the function cannot be unpickled in the worker", error)
    while not (_this.board.taken(workers) or _this.board.given_up):
        sleep(0.001)
    return None


def pack(function: Callable[..., object] | None, value: object) -> bytes:
    """The payload of one task. Raises `TaskError` if it cannot be pickled."""
    try:
        return pickle.dumps((function, value), pickle.HIGHEST_PROTOCOL)
    except Exception as error:  # noqa: BLE001 - pickling calls any code of the value
        raise _prefixed("the task cannot be pickled", error) from None


def unpack(answer: bytes) -> Attempt[Any]:
    """What `work` answered."""
    try:
        done: Attempt[Any] = pickle.loads(answer)  # noqa: S301 - comes from our own worker
    except Exception as error:  # noqa: BLE001 - unpickling calls any code of the value
        return failed(_prefixed("the result cannot be unpickled", error))
    return done


def _attempt(payload: bytes, worker: int) -> Attempt[Any]:
    if _this.failure is not None:
        return failed(_this.failure, worker)
    try:
        function, value = pickle.loads(payload)  # noqa: S301 - comes from the parent
    except Exception as error:  # noqa: BLE001 - unpickling calls any code of the value
        return failed(_prefixed("the task cannot be unpickled in the worker", error), worker)
    return attempt(function, value, worker)


def _prefixed(what: str, error: Exception) -> TaskError:
    inner = as_task_error(error)
    outer = TaskError(f"{what}: {inner}")
    for note in getattr(inner, "__notes__", ()):
        outer.add_note(note)
    return outer


def _end_with_parent() -> None:
    """Leave no orphan, even if the parent is killed while this worker is busy for hours."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
