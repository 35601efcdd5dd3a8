"""One process at a time compiles what others need as well; these wait, and tell for what."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

_SILENT_S = 1.0


@contextmanager
def my_turn(lock: Path) -> Iterator[None]:
    """Let one process at a time enter the block, until it ends. OSError or NotImplementedError if there are no locks.

    Who waits for longer than a second says so on standard error, unless whoever reads that knows it from another: the
    workers of a pool write to the same.
    """
    from filelock import FileLock, Timeout  # noqa: PLC0415 - only those who may have to compile pay for it

    told = lock.with_suffix(".told")
    held = FileLock(lock)  # let go of when its holder dies
    try:
        held.acquire(timeout=_SILENT_S)
    except Timeout:
        _tell(told)
        held.acquire()
    try:
        with suppress(OSError):
            told.write_text(f"{os.getpid()}\n{_reader()}\n", encoding="ascii")
        yield
    finally:
        with suppress(OSError):
            told.unlink(missing_ok=True)
        held.release()


@cache
def _tell(told: Path) -> None:
    """Say what this process waits for, unless the file `told` says that its reader knows."""
    holder, readers = "another process", []
    with suppress(OSError):
        process, *readers = told.read_text(encoding="ascii").split()
        holder = f"process {process}"
    if _reader() in readers:
        return
    sys.stderr.write(f"bgremove: waiting for {holder}, which compiles its kernels: some seconds, once\n")
    with suppress(OSError), told.open("a", encoding="ascii") as file:
        file.write(f"{_reader()}\n")


def _reader() -> str:
    """What standard error leads to: the same for all processes that write to one terminal, file or pipe."""
    try:
        status = os.fstat(2)
    except OSError:
        return "nobody"
    return f"{status.st_dev}:{status.st_ino}"
