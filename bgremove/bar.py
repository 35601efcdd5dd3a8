"""A bar on a terminal that can move its cursor: how far a run is, and the time that is left."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from threading import Thread

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bgremove.pace import Advance, Pace


@contextmanager
def bar(console: Console, pace: Pace) -> Iterator[Advance]:
    """See `bgremove.progress.progress`."""
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[note]}")
    times = TimeElapsedColumn(), TextColumn("{task.fields[left]}", style="progress.remaining")
    by_itself = _may_start_a_thread()
    with Progress(*columns, *times, console=console, transient=True, auto_refresh=by_itself) as shown:
        task = shown.add_task(pace.what, total=pace.total, note="", left=_left(pace))

        def advance(*, failed: bool = False, took_s: float = 0.0) -> None:
            pace.add(failed=failed, took_s=took_s)
            shown.update(task, advance=1, note=pace.note, left=_left(pace), refresh=not by_itself)

        yield advance


def _left(pace: Pace) -> str:
    return "-:--:--" if pace.left_s is None else str(timedelta(seconds=round(pace.left_s)))


def _may_start_a_thread() -> bool:
    try:
        Thread(target=bool).start()
    except RuntimeError:
        return False
    return True
