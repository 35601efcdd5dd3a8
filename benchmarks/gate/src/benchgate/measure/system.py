"""The system's own functions, kept before a tested project puts others in their place.

They are kept as fields, since libraries that replace functions, of clocks or of files, look for them in modules.
"""

import os
import resource
import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple


class _System(NamedTuple):
    """Functions of `os`, `resource`, `threading` and `time`, under their own names."""

    open: Callable[[str, int], int] = os.open
    read: Callable[[int, int], bytes] = os.read
    write: Callable[[int, bytes], int] = os.write
    close: Callable[[int], None] = os.close
    listdir: Callable[[str], list[str]] = os.listdir
    getpid: Callable[[], int] = os.getpid
    exit: Callable[[int], Any] = os._exit
    sched_getaffinity: Callable[[int], set[int]] | None = getattr(os, "sched_getaffinity", None)
    sched_setaffinity: Callable[[int, set[int]], None] | None = getattr(os, "sched_setaffinity", None)
    getrusage: Callable[[int], resource.struct_rusage] = resource.getrusage
    thread: Callable[..., threading.Thread] = threading.Thread
    event: Callable[[], threading.Event] = threading.Event
    perf_counter: Callable[[], float] = time.perf_counter
    process_time: Callable[[], float] = time.process_time
    clock_gettime: Callable[[int], float] = time.clock_gettime


SYSTEM = _System()


def contents(file: str) -> bytes:
    """What a file of /proc holds; raises OSError."""
    descriptor = SYSTEM.open(file, os.O_RDONLY | os.O_CLOEXEC)
    try:
        parts = []
        while part := SYSTEM.read(descriptor, 1 << 16):
            parts.append(part)
        return b"".join(parts)
    finally:
        SYSTEM.close(descriptor)
