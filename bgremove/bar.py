"""A bar on a terminal that can move its cursor: how far a run is, and the time that is left."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from bgremove.pace import Advance, Pace


@contextmanager
def bar(console: Console, pace: Pace) -> Iterator[Advance]:
    """See `bgremove.progress.progress`."""
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[note]}")
    times = TimeElapsedColumn(), TimeRemainingColumn()
    by_itself = _may_start_a_thread()
    with Progress(*columns, *times, console=console, transient=True, auto_refresh=by_itself) as shown:
        task = shown.add_task(pace.what, total=pace.total, note="")

        def advance(*, failed: bool = False) -> None:
            pace.add(failed=failed)
            shown.update(task, advance=1, note=pace.note, refresh=not by_itself)

        yield advance


def _may_start_a_thread() -> bool:
    try:
        Thread(target=bool).start()
    except RuntimeError:
        return False
    return True
