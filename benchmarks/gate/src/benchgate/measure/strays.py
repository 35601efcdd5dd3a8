"""What a measured process leaves behind is ended: also what has left its session and outlived its parent."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil

#: A variable that every process of one arm inherits, and no other has with this value.
MARK = "GATE_ARM"
_PROC = Path("/proc")


def end(process: subprocess.Popen[bytes], mark: str) -> None:
    """Ends the process and everything that it started."""
    try:
        strays = psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        strays = []
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    for stray in strays:
        with suppress(psutil.NoSuchProcess):
            stray.kill()
    process.wait()
    for pid in _marked(f"{MARK}={mark}".encode()):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def members(pid: int, mark: str) -> set[psutil.Process]:
    """A measured process and the living ones that it has started."""
    found: set[psutil.Process] = set()
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        found |= {process, *process.children(recursive=True)}
    for other in _marked(f"{MARK}={mark}".encode()):
        with suppress(psutil.NoSuchProcess):
            found.add(psutil.Process(other))
    return found


def _marked(entry: bytes) -> Iterator[int]:
    """Processes that have this in their environment; none where the system does not tell (there is no /proc)."""
    for name in os.listdir(_PROC) if _PROC.is_dir() else ():
        if name.isdecimal():
            with suppress(OSError):  # another user's, or it has ended
                if entry in (_PROC / name / "environ").read_bytes().split(b"\0"):
                    yield int(name)
