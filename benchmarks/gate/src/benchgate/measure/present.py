"""Which case runs now in a measured process: a thread of it may come late to its benchmark, or outlive it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from .channel import ArmEnd
from .messages import Ended, Ready
from .system import SYSTEM


class PresentCase:
    """Tells the driver that a case is ready and that it has ended, in this order and of this case alone."""

    def __init__(self, channel: ArmEnd) -> None:
        self._channel = channel
        self._lock = threading.Lock()
        self._case = ""
        self._waits = self._has_waited = False

    def begin(self, case: str) -> None:
        """The case starts."""
        self._case, self._has_waited = case, False

    @contextmanager
    def waiting(self, ready: Ready) -> Iterator[None]:
        """The case's target obeys the driver for as long as the block runs; RuntimeError where it did so before."""
        with self._lock:
            late = ready.case != self._case
            if not late and self._has_waited:  # as where a plugin runs a case again that failed
                raise RuntimeError("its benchmark is used again, which was measured before")
            if not late:
                self._waits = self._has_waited = True
                self._channel.send(ready)
        if late:  # of a case that has ended: it would take the commands that are meant for another
            SYSTEM.event().wait()
        try:
            yield
        finally:
            self._waits = False

    def end(self, ended: Ended) -> None:
        """The case is over; if its target still obeys, in another thread, the process is of no more use."""
        with self._lock:
            self._channel.send(replace(ended, deserted=self._waits))
            self._case = ""
