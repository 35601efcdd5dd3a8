"""Load from outside, made on purpose: none, steady, or in bursts."""

import os
import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

LOADS = ("quiet", "steady", "bursts")

#: Busy until it is killed, or until whoever started it is gone and cannot do that any more.
_BUSY = "import os\nwhile os.getppid() == {parent}: sum(range(10_000))"
_LONGEST_BURST_S = 3.0


@contextmanager
def load(kind: str) -> Iterator[None]:
    """One busy process for as long as the block runs: all the time, or on and off for random times of some seconds."""
    if kind == "quiet":
        yield
        return
    ended = threading.Event()
    worker = threading.Thread(target=_keep_busy, args=(ended, kind == "steady"), name="gate-load")
    worker.start()
    try:
        yield
    finally:
        ended.set()
        worker.join()


def _keep_busy(ended: threading.Event, steadily: bool) -> None:
    command = [sys.executable, "-c", _BUSY.format(parent=os.getpid())]
    while not ended.is_set():
        busy = subprocess.Popen(command)  # noqa: S603 (our own interpreter, no shell)
        try:
            ended.wait(None if steadily else random.uniform(0.2, _LONGEST_BURST_S))
        finally:
            busy.kill()
            busy.wait()
        ended.wait(0 if steadily else random.uniform(0.2, _LONGEST_BURST_S))
