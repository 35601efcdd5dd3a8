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
_PROGRAM = """
import sys
sys.path[:] = {path!r}
import os, pickle, threading
def end_with_parent():  # what kills a worker, or Ctrl-C, which workers ignore, does not reach what it has started
    os.read(0, 1)
    os._exit(1)
threading.Thread(target=end_with_parent, daemon=True).start()
pickle.loads({function!r})()
"""


def call_apart(functions: Iterable[Callable[[], None]]) -> None:
    """Call each function in a process of its own, in this order, as many at a time as there are CPUs, and memory.

    What they compile is kept, for this process to load. What fails there fails here too, when it is called again. They
    end with this process, however that ends.
    """
    most = workers_for(_BYTES)
    if most == 1 or getattr(sys, "frozen", False):  # a frozen program would be started anew, and not Python
        return
    try:
        alive, held = os.pipe()  # at its end once this process is gone
    except OSError:  # no more files are allowed
        return
    running: list[subprocess.Popen[bytes]] = []
    try:
        with suppress(OSError):  # no more processes are allowed
            for function in functions:
                if len(running) == most:
                    running.pop(0).wait()
                running.append(_started(function, alive))
        for process in running:
            process.wait()
    finally:
        for process in running:
            process.kill()
            process.wait()
        os.close(alive)
        os.close(held)


def _started(function: Callable[[], None], alive: int) -> subprocess.Popen[bytes]:
    program = _PROGRAM.format(path=sys.path, function=pickle.dumps(function))
    line = [os.fsdecode(spawn.get_executable()), *_args_from_interpreter_flags(), "-c", program]
    null = subprocess.DEVNULL
    return subprocess.Popen(line, stdin=alive, stdout=null, stderr=null)  # noqa: S603 - Python itself
