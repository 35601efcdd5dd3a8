"""How far a run is, for whoever asks: by a signal, or by a look at a file."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from threading import current_thread, main_thread
from typing import Any

from bgremove.errors import OutputError, UsageError
from bgremove.files import check_writable, noting, write_json_file
from bgremove.pace import Pace
from bgremove.paths import display_name
from bgremove.url import Location

FORMAT_VERSION = 1

_REWRITTEN_S = 1.0


def check_status(file: Path, keep: Iterable[Location]) -> None:
    """Raise `OutputError` unless `file` can be written, `UsageError` if it is one to `keep` or is not called .json.

    No photograph that is found in a folder, and no output, is called so.
    """
    if file.suffix.lower() != ".json":
        raise UsageError(f"{display_name(file)}: how far a run is, is told in JSON: call the file .json")
    check_writable(file, keep)


@contextmanager
def kept_in(file: Path | None, pace: Pace, errors: list[OutputError]) -> Iterator[Callable[[], None]]:
    """Keep `file`, if there is one, up to date; the function that it gives is to be called when `pace` has changed.

    It is written at once, when the total is known or reached, between that once a second at most, and at the end, with
    ``state`` ``planning``, ``running``, ``ended`` or, if the block is left by an exception, ``interrupted``. If it
    cannot be written in between, that is tried again later.

    Raises `OutputError` if it cannot be written at first; in the end, that is added to the `errors`.
    """
    if file is None:
        yield lambda: None
        return
    written_s, total = pace.clock(), pace.total
    write_json_file(file, _content(pace))

    def update() -> None:
        nonlocal written_s, total
        if pace.total != total or pace.done == total or pace.clock() - written_s >= _REWRITTEN_S:
            with suppress(OutputError):
                write_json_file(file, _content(pace))
            written_s, total = pace.clock(), pace.total

    try:
        yield update
    except BaseException:
        with suppress(OutputError):
            write_json_file(file, _content(pace, "interrupted"))
        raise
    with noting(errors):
        write_json_file(file, _content(pace, "ended"))


@contextmanager
def told_on_signal(pace: Pace) -> Iterator[None]:
    """Let SIGUSR1 have a line on standard error; nothing where there is no such signal, or not in the main thread."""
    number = getattr(signal, "SIGUSR1", None)
    before = None if number is None or current_thread() is not main_thread() else signal.getsignal(number)
    if number is None or before is None:
        yield
        return

    def tell(*_: object) -> None:
        with suppress(OSError, ValueError):  # past what is being written at this moment, if anything is
            os.write(sys.stderr.fileno(), f"{pace}\n".encode())

    signal.signal(number, tell)
    try:
        yield
    finally:
        signal.signal(number, before)


def _content(pace: Pace, state: str | None = None) -> dict[str, Any]:
    return {
        "format_version": FORMAT_VERSION,
        "kind": "status",
        "state": state or ("planning" if pace.total is None else "running"),
        "process": os.getpid(),
        "updated": datetime.now(UTC).isoformat(timespec="seconds"),
        "total": pace.total,
        "done": pace.done,
        "failed": pace.failed,
        "elapsed_s": round(pace.clock() - pace.began_s, 3),
        "images_per_s": None if pace.per_s is None else round(pace.per_s, 3),
        "left_s": None if pace.left_s is None else round(pace.left_s, 3),
    }
