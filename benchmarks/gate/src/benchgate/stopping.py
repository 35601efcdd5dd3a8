"""Ending in order: Ctrl-C, a cancelled job or a closed terminal stop the measuring, not the report."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

#: What a shell reports of a program that Ctrl-C ended.
STOPPED_STATUS = 130
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StoppedError(Exception):
    """The run was told to end; what was measured so far is judged."""


@contextmanager
def stoppable() -> Iterator[None]:
    """Raises StoppedError in the block at the first such signal; later ones do not disturb what has to be ended.

    They are ignored from then on: the process ends, and has its report to write. What the caller has set to be
    ignored, as nohup does with SIGHUP, stays so.
    """
    before = _heeded()

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
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, handler)


@contextmanager
def unstoppable() -> Iterator[None]:
    """Ignores such signals in the block, which does not take long: what is written is whole."""
    before = _heeded()
    for number in before:
        signal.signal(number, signal.SIG_IGN)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _heeded() -> dict[signal.Signals, Any]:
    """Which of the signals the caller has not set to be ignored, with what is done at them."""
    handled = {number: signal.getsignal(number) for number in _SIGNALS}
    return {number: handler for number, handler in handled.items() if handler is not signal.SIG_IGN}
