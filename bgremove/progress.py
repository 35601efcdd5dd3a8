"""How far a long run is, and the time that is left: a bar on a terminal that can move its cursor, else a line."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

_FIRST_LINE_S = 2
_RAREST_LINE_S = 300


@contextmanager
def progress(console: Console, what: str, total: int, *, quiet: bool = False) -> Iterator[Callable[[], None]]:
    """Gives a function to call whenever one of `total` is done."""
    if quiet:
        yield lambda: None
    elif console.is_terminal and not console.is_dumb_terminal:
        columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
        with Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=console, transient=True) as bar:
            task = bar.add_task(what, total=total)
            yield lambda: bar.advance(task)
    else:
        yield Lines(lambda text: console.print(text, markup=False, highlight=False, soft_wrap=True), what, total)


class Lines:
    """Progress in a log: a line after two seconds, then whenever as much time again has passed, or five minutes."""

    def __init__(
        self, say: Callable[[str], None], what: str, total: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._say = say
        self._what = what
        self._total = total
        self._clock = clock
        self._next_s = clock() + _FIRST_LINE_S
        self._first_s = 0.0
        self._done = 0

    def __call__(self) -> None:
        """One more is done."""
        now_s = self._clock()
        self._done += 1
        if self._done == 1:
            self._first_s = now_s  # what passed before was starting up, and says nothing of the rest
        elif now_s >= self._next_s and self._done < self._total:
            passed_s = now_s - self._first_s
            left_s = passed_s / (self._done - 1) * (self._total - self._done)
            self._next_s = now_s + min(max(passed_s, _FIRST_LINE_S), _RAREST_LINE_S)
            self._say(f"{self._what}: {self._done} of {self._total}, {timedelta(seconds=round(left_s))} left")
