"""How worker processes are started and ended, and what is said of how they ended."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from multiprocessing import process as multiprocessing_process
from multiprocessing import spawn
from multiprocessing.process import BaseProcess, current_process
from socket import socket
from typing import Any

from bgremove.errors import UsageError
from bgremove.overrides import collecting
from bgremove.paths import display_name
from bgremove.strategies._worker import THREADLESS, serve

NAME = "bgremove-worker"
"""Of every process that is started here, so that it can tell itself from those that others start."""
_UNGUARDED = 113
"""Exit code of a worker that was about to start workers because it imported a script."""
NOT_STARTED = None, THREADLESS
"""What there is to tell of a worker of which the system does not give even the process."""

End = Callable[[], tuple[int | None, int | None]]
"""Ends a worker, if it has not ended already; gives its process id and exit code, as far as they are known."""


class Launcher:
    """Starts each worker by itself, by `fork` or `spawn`."""

    def __init__(self, start_method: str, worker_context: bytes) -> None:
        if start_method != "fork":
            check_script()
        self._context = multiprocessing.get_context(start_method)
        self._worker_context = worker_context

    def start(self, connection: socket, ours: Sequence[socket]) -> End:
        """Start a worker at one end of a connection; `ours` are all that this process has to itself."""
        # A fork has copies of ours, and as long as one is open the worker at the other end does not see the end.
        others = ours if self._context.get_start_method() == "fork" else ()
        arguments = (connection, self._worker_context, others)
        process: BaseProcess = self._context.Process(target=serve, args=arguments, name=NAME, daemon=True)  # type: ignore[attr-defined]
        with interrupts_held(), garbage_kept(self._context.get_start_method()):
            process.start()
        return partial(_end, process)

    def stop(self) -> None:
        """Nothing is left when all workers have ended."""


def _end(process: BaseProcess) -> tuple[int | None, int | None]:
    process.kill()
    process.join()
    return process.pid, process.exitcode


@contextmanager
def interrupts_held() -> Iterator[None]:
    """Start processes in this block: they inherit that SIGINT is held back, and let go of it once they ignore it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def garbage_kept(start_method: str | None) -> AbstractContextManager[None]:
    """Let Python look for no garbage while workers are started, but by a fork, which would look for none for ever.

    What is garbage may have semaphores, as a `multiprocessing.Pool` that was ended has. That they end while Python's
    resource tracker is called is an error in it (multiprocessing.resource_tracker.ReentrantCallError).
    """
    return nullcontext() if start_method == "fork" else collecting(False)


def forget_workers(name: str) -> None:
    """In a fork: multiprocessing would end its parent's workers of that name when the fork ends."""
    children: set[BaseProcess] = multiprocessing_process._children  # type: ignore[attr-defined]
    children.difference_update([child for child in children if child.name.startswith(name)])


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=partial(forget_workers, NAME))


def exit_words(pid: int | None, code: int | None) -> str:
    """How a worker ended. Raises `UsageError` if that was because it was about to start workers itself.

    >>> exit_words(7, -9)
    'worker 7 was killed by SIGKILL'
    >>> exit_words(7, 3)
    'worker 7 ended with exit code 3'
    """
    if code == _UNGUARDED:
        raise _unguarded()
    who = f"worker {pid}" if pid else "a worker"
    if code == THREADLESS:
        return f"{who} could not be started: the system gives no more processes, threads or open files"
    if code is None or code >= 0:
        return f"{who} ended with exit code {'unknown' if code is None else code}"
    known = -code in set(signal.Signals)
    return f"{who} was killed by {signal.Signals(-code).name if known else f'signal {-code}'}"


def check_guard() -> None:
    """Leave, in a process that only imports the script it was started by: that would start processes without end."""
    if getattr(current_process(), "_inheriting", False):
        if current_process().name.startswith(NAME):
            os._exit(_UNGUARDED)  # quietly: the process that started this one tells it once
        raise _unguarded()


def check_script() -> None:
    """Raise `UsageError` if workers of multiprocessing cannot import the script that starts them."""
    if missing := missing_script(spawn.get_preparation_data(NAME)):
        raise UsageError(
            f"worker processes import the script that starts them, and {display_name(missing)} is no file: put it into "
            "one, or use strategy 'processes' with start method 'forkserver', or strategy 'threads'"
        )


def missing_script(data: Mapping[str, Any]) -> str:
    """The script that workers are told to import by such data, if it is no file, as one from standard input."""
    path = str(data.get("init_main_from_path", ""))
    return "" if os.path.exists(path) else path


def _unguarded() -> UsageError:
    return UsageError(
        "worker processes import the script that starts them, and this one would start them again: put what it does "
        'under `if __name__ == "__main__":`, or use strategy="threads"'
    )
