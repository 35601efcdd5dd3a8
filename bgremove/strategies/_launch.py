"""How worker processes come to be, and how they are ended."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess, current_process
from socket import socket, socketpair
from typing import Protocol

from bgremove.errors import UsageError, WorkerLostError
from bgremove.strategies._worker import serve

NAME = "bgremove-worker"
"""Of every process that is started here, so that it can tell itself from those that others start."""
UNGUARDED = 113
"""Exit code of a worker that was about to start workers because it imported a script."""


class Launcher(Protocol):
    """Starts workers, which are known by numbers."""

    def start(self) -> tuple[int, socket]:
        """Start a worker; its number, and the end of the connection by which it is spoken to."""
        ...

    def end(self, number: int) -> str:
        """End a worker, if it has not ended already, and say how it ended."""
        ...

    def stop(self) -> None:
        """End all workers."""
        ...


class ProcessLauncher:
    """Starts each worker by itself, by `fork` or `spawn`."""

    def __init__(self, start_method: str, worker_context: bytes) -> None:
        self._context = multiprocessing.get_context(start_method)
        self._worker_context = worker_context
        self._ours: dict[int, tuple[BaseProcess, socket]] = {}
        self._owner = os.getpid()

    def start(self) -> tuple[int, socket]:
        """See `Launcher.start`."""
        ours, theirs = socketpair()
        # A fork has copies of our ends, and as long as one is open the worker at the other does not see the end.
        forks = self._context.get_start_method() == "fork"
        inherited = [ours, *(each for _, each in self._ours.values())] if forks else []
        arguments = (theirs, self._worker_context, inherited)
        process: BaseProcess = self._context.Process(target=serve, args=arguments, name=NAME, daemon=True)  # type: ignore[attr-defined]
        with theirs, interrupts_held():
            process.start()
        number = process.pid or 0
        self._ours[number] = process, ours
        return number, ours

    def end(self, number: int) -> str:
        """See `Launcher.end`."""
        process, _ = self._ours.pop(number)
        if self._owner != os.getpid():
            return ""
        process.kill()
        process.join()
        return exit_words(process.exitcode, process.pid)

    def stop(self) -> None:
        """See `Launcher.stop`."""
        if self._owner == os.getpid():
            for process, _ in self._ours.values():
                process.kill()
            for process, _ in self._ours.values():
                process.join()
        self._ours.clear()


def exit_words(code: int | None, pid: int | None = None) -> str:
    """How a worker ended. Raises `UsageError` if it ended because it was about to start workers itself.

    >>> exit_words(-9, 7)
    'worker 7 was killed by SIGKILL'
    >>> exit_words(3, 7)
    'worker 7 ended with exit code 3'
    """
    who = f"worker {pid}" if pid else "a worker"
    if code == UNGUARDED:
        raise unguarded()
    if code is None or code >= 0:
        return f"{who} ended with exit code {'unknown' if code is None else code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return f"{who} was killed by {name}"


def check_guard() -> None:
    """Leave, in a process that only imports the script it was started by: that would start processes without end."""
    if getattr(current_process(), "_inheriting", False):
        if current_process().name.startswith(NAME):
            os._exit(UNGUARDED)  # quietly: the process that started this one tells it once
        raise unguarded()


def unguarded() -> UsageError:
    """The error of a script without a guard."""
    return UsageError(
        "worker processes import the script that starts them, and this one would start them again: put what it does "
        'under `if __name__ == "__main__":`, or use strategy="threads"'
    )


def before_ready(words: str) -> WorkerLostError:
    """The error of a worker that ended too early."""
    return WorkerLostError(f"{words} before it could take a task")


@contextmanager
def interrupts_held() -> Iterator[None]:
    """Start processes in this block: a Ctrl-C meanwhile comes after it, to this process alone.

    They inherit that SIGINT is held back, and let go of it once they ignore it.
    """
    if sys.platform == "win32":
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
