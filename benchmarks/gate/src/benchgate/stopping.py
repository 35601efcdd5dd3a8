"""Ending in order: Ctrl-C, a cancelled job or a closed terminal stop the measuring, not the report."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

#: What a shell reports of a program that Ctrl-C ended.
STOPPED_STATUS = 130
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StoppedError(Exception):
    """The run was told to end; what was measured so far is judged."""


@contextmanager
def stoppable() -> Iterator[None]:
    """Raises StoppedError in the block at the first such signal; later ones do not disturb what has to be ended.

    What the caller has set to be ignored, as nohup does with SIGHUP, stays so.
    """
    handled = {number: signal.getsignal(number) for number in _SIGNALS}
    before = {number: handler for number, handler in handled.items() if handler is not signal.SIG_IGN}

    def stop(number: int, _frame: FrameType | None) -> None:
        for each in before:
            signal.signal(each, signal.SIG_IGN)
        raise StoppedError(f"stopped by {signal.Signals(number).name}")

    for number in before:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
