"""The contact sheet of a run: which images it shows, and the file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from heapq import nsmallest
from pathlib import Path

from bgremove.batch.jobs import Jobs
from bgremove.batch.records import ImageRecord
from bgremove.contact_sheet import MOST_IMAGES, Entry, contact_sheet
from bgremove.errors import UsageError
from bgremove.files import check_writable, exists, write_bytes
from bgremove.formats import FORMAT_OF_SUFFIX, encode
from bgremove.paths import display_name
from bgremove.url import Location


def check_sheet(path: Path, keep: Iterable[Location]) -> None:
    """Raise `OutputError` unless `path` can be written, `UsageError` if it is one to `keep`, or no name of an image."""
    if path.suffix.lower() not in FORMAT_OF_SUFFIX:
        suffixes = ", ".join(FORMAT_OF_SUFFIX)
        raise UsageError(f"{display_name(path)}: the name of a contact sheet ends in one of {suffixes}")
    check_writable(path, keep)


def with_previews(jobs: Jobs) -> Jobs:
    """`jobs`, of which those make a preview that a contact sheet has room for: the first by path."""
    shown = nsmallest(MOST_IMAGES, enumerate(jobs), key=lambda each: str(each[1].source))
    return jobs.replaced({index: replace(job, preview=True) for index, job in shown})


def write_sheet(path: Path, records: Sequence[ImageRecord]) -> bool:
    """Write a picture of what was cut out or has failed, by path; it replaces what was there, unless that is nothing.

    Names of what has failed, has a warning or is doubtful are red. Whether it was written: the sheet of an earlier run
    is left where all of it had been done.
    """
    shown = sorted((r for r in records if r.preview or r.status == "failed"), key=lambda record: str(record.path))
    if not shown and exists(path):
        return False
    entries = [
        Entry(display_name(r.path), r.preview, bool(r.error or r.warnings or r.doubts)) for r in shown[:MOST_IMAGES]
    ]
    content = encode(contact_sheet(entries), FORMAT_OF_SUFFIX[path.suffix.lower()])
    write_bytes(path, content, overwrite=True)
    return True
