"""The multiprocessing context of a pool, which remembers the processes it started."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from threading import Thread
from typing import Any, Protocol

_STOP_S = 2.0
"""How long a pool may take to stop before it is known to wait for a dead worker's lock."""


class Exit(Protocol):
    """A process that ended, or a pool's word of it."""

    @property
    def pid(self) -> int | None: ...

    @property
    def exitcode(self) -> int | None: ...


class Context:
    """A context to be given to a pool, so that its workers are known here without a look into the pool."""

    def __init__(self, start_method: str) -> None:
        self._context = multiprocessing.get_context(start_method)
        self._processes: list[BaseProcess] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)

    def Process(self, *arguments: Any, **options: Any) -> BaseProcess:  # noqa: N802 - the name a context must have
        """A new process, not started yet."""
        process: BaseProcess = self._context.Process(*arguments, **options)  # type: ignore[attr-defined]
        self._processes.append(process)
        return process

    def ended(self) -> list[BaseProcess]:
        """Processes that have ended since the last call.

        Asks their sentinels, not their exit codes: two threads that ask a forkserver's child for its exit code at the
        same time get a wrong one.
        """
        started = {process.sentinel: process for process in list(self._processes) if process.pid is not None}
        ended = [started[sentinel] for sentinel in wait(list(started), timeout=0)]  # type: ignore[index]
        for process in ended:
            self._processes.remove(process)
        return ended

    def end(self, stop: Callable[[], None]) -> None:
        """Let the pool stop its workers; if it does not, do it for the pool.

        Pools wait for ever for a lock that a worker took into its grave. Then `stop` is left behind in its thread.
        """
        stopping = Thread(target=stop, daemon=True)
        stopping.start()
        stopping.join(_STOP_S)
        for process in list(self._processes):
            if process.pid is not None:
                process.kill()
                process.join()


def exit_words(process: Exit) -> str:
    """How a process ended.

    >>> from types import SimpleNamespace
    >>> exit_words(SimpleNamespace(pid=7, exitcode=-9))
    'worker 7 was killed by SIGKILL'
    >>> exit_words(SimpleNamespace(pid=7, exitcode=3))
    'worker 7 ended with exit code 3'
    """
    code = process.exitcode
    if code is None or code >= 0:
        return f"worker {process.pid} ended with exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return f"worker {process.pid} was killed by {name}"
