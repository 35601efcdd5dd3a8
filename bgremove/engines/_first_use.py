"""The first use on a machine: what has to be compiled then is, by several processes side by side."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from multiprocessing import spawn
from multiprocessing.util import _args_from_interpreter_flags  # type: ignore[attr-defined]

from bgremove.machine import workers_for

_BYTES = 400_000_000
"""Memory that a process takes at most which compiles."""
_PROGRAM = "import sys; sys.path[:] = {path!r}; import pickle; pickle.loads({function!r})()"


def call_apart(functions: Iterable[Callable[[], None]]) -> None:
    """Call each function in a process of its own, in this order, as many at a time as there are CPUs, and memory.

    What they compile is kept, for this process to load. What fails there fails here too, when it is called again.
    """
    most = workers_for(_BYTES)
    if most == 1 or getattr(sys, "frozen", False):  # a frozen program would be started anew, and not Python
        return
    running: list[subprocess.Popen[bytes]] = []
    try:
        with suppress(OSError):  # no more processes are allowed
            for function in functions:
                if len(running) == most:
                    running.pop(0).wait()
                running.append(_started(function))
        for process in running:
            process.wait()
    finally:
        for process in running:
            process.kill()
            process.wait()


def _started(function: Callable[[], None]) -> subprocess.Popen[bytes]:
    program = _PROGRAM.format(path=sys.path, function=pickle.dumps(function))
    line = [os.fsdecode(spawn.get_executable()), *_args_from_interpreter_flags(), "-c", program]
    null = subprocess.DEVNULL
    return subprocess.Popen(line, stdin=null, stdout=null, stderr=null)  # noqa: S603 - Python itself
