"""The lines of a journal."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from bgremove.errors import OutputError
from bgremove.paths import display_name

FORMAT_VERSION = 1


class Entry(NamedTuple):
    """A line of the journal."""

    state: str
    """``opened`` (a run begins), ``started`` (it takes a job), ``done``, or ``failed`` (nothing of it is written)."""
    run: str
    key: str = ""
    """Of the job."""
    path: str = ""
    """Of the job's source; where a run begins, what to call it."""
    results: str = ""
    """The `result_key` of each output that is done, with blanks between them."""


def entries_of(path: Path) -> Iterator[Entry]:
    """All lines of a journal, if there is one."""
    try:
        with path.open("rb") as lines:
            yield from entries_in(path, lines)
    except FileNotFoundError:
        return
    except OSError as error:
        raise unwritable(path, error) from error


def entries_in(path: Path, lines: Iterable[bytes]) -> Iterator[Entry]:
    """The lines of a journal. `OutputError` if a newer version of this package wrote one."""
    for line in lines:
        try:
            fields = json.loads(line)
            version = fields["version"]
            entry = None if version > FORMAT_VERSION else _entry(fields)
        except (ValueError, KeyError, TypeError, RecursionError):
            continue  # cut short by a crash: that job counts as not done
        if entry is None:
            raise OutputError(
                f"{display_name(path)}: a newer bgremove keeps this journal (format {version}, this one knows "
                f"{FORMAT_VERSION}): update bgremove, or use another output folder"
            )
        yield entry


def _entry(fields: dict[str, object]) -> Entry:
    """The entry that a line holds: those of earlier versions have no `results`."""
    known = {"results": "", **fields}
    return Entry(*(_text(known[name]) for name in Entry._fields))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def unwritable(path: Path, error: OSError) -> OutputError:
    """What to raise where a journal cannot be read or written."""
    return OutputError(f"{display_name(path)}: the journal cannot be kept: {error.strerror}")
