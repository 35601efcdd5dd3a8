"""How far a long run is, and the time that is left: a bar on a terminal that can move its cursor, else a line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Thread
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from bgremove.pace import Pace

_FIRST_LINE_S = 2
_RAREST_LINE_S = 300


class Advance(Protocol):
    """Tells that one more is done."""

    def __call__(self, *, failed: bool = False) -> None:
        """One more is done, or has failed."""


@contextmanager
def progress(console: Console, pace: Pace, *, quiet: bool = False) -> Iterator[Advance]:
    """Gives a function to call whenever one more is done, which `pace` learns of."""
    if quiet:
        yield pace.add
    elif console.is_terminal and not console.is_dumb_terminal:
        columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[note]}")
        times = TimeElapsedColumn(), TimeRemainingColumn()
        by_itself = _may_start_a_thread()
        with Progress(*columns, *times, console=console, transient=True, auto_refresh=by_itself) as bar:
            task = bar.add_task(pace.what, total=pace.total, note="")

            def advance(*, failed: bool = False) -> None:
                pace.add(failed=failed)
                bar.update(task, advance=1, note=pace.note, refresh=not by_itself)

            yield advance
    else:

        def say(text: str) -> None:
            with suppress(OSError):  # what a full disk has no room for is lost, and the work goes on
                console.print(text, markup=False, highlight=False, soft_wrap=True)

        yield Lines(say, pace)


def _may_start_a_thread() -> bool:
    try:
        Thread(target=bool).start()
    except RuntimeError:
        return False
    return True


class Lines:
    """Progress in a log: a line after two seconds, then whenever as much time again has passed, or five minutes."""

    def __init__(self, say: Callable[[str], None], pace: Pace) -> None:
        self._say = say
        self._pace = pace
        self._next_s = pace.began_s + _FIRST_LINE_S

    def __call__(self, *, failed: bool = False) -> None:
        """One more is done, or has failed."""
        pace = self._pace
        pace.add(failed=failed)
        if pace.last_s >= self._next_s and 1 < pace.done < (pace.total or 0):
            self._next_s = pace.last_s + min(max(pace.last_s - pace.first_s, _FIRST_LINE_S), _RAREST_LINE_S)
            self._say(str(pace))
