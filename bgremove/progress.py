"""How far a long run is, and the time that is left: a bar on a terminal that can move its cursor, else a line."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from bgremove.pace import Advance, Pace

_FIRST_LINE_S = 2
_RAREST_LINE_S = 300
_WITHOUT_CURSOR = {"dumb", "unknown"}


@contextmanager
def progress(pace: Pace, *, quiet: bool = False) -> Iterator[Advance]:
    """On standard error. Gives a function to call whenever one more is done, which `pace` learns of."""
    if quiet:
        yield pace.add
    elif sys.stderr.isatty() and os.environ.get("TERM", "").lower() not in _WITHOUT_CURSOR:
        from rich.console import Console  # noqa: PLC0415 - takes a tenth of the time of a small photograph

        from bgremove.bar import bar  # noqa: PLC0415

        with bar(Console(stderr=True), pace) as advance:
            yield advance
    else:
        yield Lines(_say, pace)


def _say(text: str) -> None:
    with suppress(OSError):  # what a full disk has no room for is lost, and the work goes on
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()


class Lines:
    """Progress in a log: a line after two seconds, then whenever as much time again has passed, or five minutes."""

    def __init__(self, say: Callable[[str], None], pace: Pace) -> None:
        self._say = say
        self._pace = pace
        self._next_s = pace.began_s + _FIRST_LINE_S

    def __call__(self, *, failed: bool = False, took_s: float = 0.0) -> None:
        """One more is done, or has failed."""
        pace = self._pace
        pace.add(failed=failed, took_s=took_s)
        if pace.last_s >= self._next_s and 1 < pace.done < (pace.total or 0):
            self._next_s = pace.last_s + min(max(pace.last_s - pace.first_s, _FIRST_LINE_S), _RAREST_LINE_S)
            self._say(str(pace))
