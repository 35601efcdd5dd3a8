"""What has been done to an output folder in a store: each file there is marked with what it was made of."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Self

from bgremove.batch.job import Job
from bgremove.batch.jobs import Jobs
from bgremove.batch.keys import job_key, lasting_key, result_key, settings_key
from bgremove.batch.sources import Source
from bgremove.batch.tree import JOURNAL_PREFIX
from bgremove.errors import OutputError
from bgremove.paths import display_name
from bgremove.settings import Settings
from bgremove.storage import in_parallel, store_of
from bgremove.url import Location, Url

_NOTED = f"{JOURNAL_PREFIX}-"
"""How the names of files with notes begin."""
_NOTES = 1000
"""Results that are noted in one file."""


class Marks:
    """Does for a folder in a store what `Journal` does for one here.

    A store has no lines to append and no locks that end with their process. So the journal is an empty file, which says
    that the folder holds results, and what they are is said by their marks. The mark, which is the key of the job,
    comes into being with the output, in the same request, so that it can neither be lost nor be ahead of it. Runs that
    go on at the same time do not see each other: they may do the same image, and the first to write it has written it.

    To ask for a mark takes a request. Hence it is noted which version of an output got which, in files beside the
    journal. A note stays true whatever is written later. What is not noted, as the run was broken off, is asked for.
    """

    alone = True
    """Nothing unfinished is ever left by others."""

    def __init__(self, folder: Url) -> None:
        self._folder = folder
        self._notes: list[str] = []

    def __enter__(self) -> Self:
        try:
            store_of(self._folder).write(self._folder / JOURNAL_PREFIX, b"", mark="", overwrite=True)
        except OSError as error:
            raise OutputError(f"{display_name(self._folder)}: it cannot be written to ({error.strerror})") from error
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:  # an interrupted run does not wait for a store that may be slow
            self._write_notes()

    def take(self, job: Job) -> None:
        """See `Journal.take`: nobody else is known to have it."""

    def lost(self) -> OutputError | None:
        """See `Journal.lost`: each output stands for itself."""

    def done(self, job: Job, digests: Mapping[str, str]) -> None:
        """See `Journal.done`: the outputs say so, too."""
        self._notes.extend(result_key(job.mark, kind, version) for kind, version in digests.items())
        if len(self._notes) >= _NOTES:
            self._write_notes()

    def failed(self, job: Job) -> None:
        """See `Journal.failed`: what is not there has no mark."""

    def _write_notes(self) -> None:
        if self._notes:
            content = "\n".join(self._notes).encode("ascii")
            self._notes.clear()
            with suppress(OSError):  # the outputs say so
                note = self._folder / f"{_NOTED}{secrets.token_hex(8)}"
                store_of(note).write(note, content, mark="", overwrite=True)


def marked(jobs: Jobs, settings: Settings) -> Jobs:
    """`jobs` whose outputs in a store will be marked."""
    text = settings_key(settings)
    return jobs.then(lambda job: replace(job, mark=f"{job_key(job, text)}-{lasting_key(job, text)}"))


def resume_marked(jobs: Jobs, folder: Url, existing: Mapping[Location, str]) -> tuple[Jobs, Jobs]:
    """As `Journal.resume`, by the marks of the `existing` files. One request for each that exists and is not noted."""
    noted = _noted(folder, existing)
    todo: list[Source | Job] = []
    done: list[Source | Job] = []
    unsure: list[Source | Job] = []
    for item, job in zip(jobs.items, jobs, strict=True):
        versions = {kind: existing.get(path) for kind, path in job.outputs.items()}
        is_noted = all(each and result_key(job.mark, kind, each).encode() in noted for kind, each in versions.items())
        (done if is_noted else unsure).append(item)
    jobs = jobs.of(unsure)
    looked_at = in_parallel(lambda job: (job, _marks(job, existing)), jobs)
    for item, (job, marks) in zip(jobs.items, looked_at, strict=True):
        if all(mark == job.mark for mark in marks):
            done.append(item)
        else:
            lasting = job.mark.partition("-")[2]  # as it was before the photograph changed
            own = all(mark is None or mark.endswith(lasting) for mark in marks) and any(marks)
            todo.append(replace(job, overwrite=True) if own else item)
    return jobs.of(todo), jobs.of(done)


def existing_in_store(folder: Url) -> dict[Location, str]:
    """The version of each file in `folder`, by one listing. `OutputError` if it cannot be listed."""
    try:
        entries = store_of(folder).entries(folder, recursive=True)
        return {entry.url: entry.url.version for entry in entries}
    except OSError as error:
        raise OutputError(f"{display_name(folder)}: it cannot be listed ({error.strerror})") from error


def _noted(folder: Url, existing: Mapping[Location, str]) -> set[bytes]:
    start = str(folder / _NOTED)
    notes = [path for path in existing if isinstance(path, Url) and path.text.startswith(start)]
    return {line for content in in_parallel(_content, notes) for line in content.split()}


def _content(note: Url) -> bytes:
    try:
        return store_of(note).read(note)
    except OSError:  # what it says is asked for
        return b""


def _marks(job: Job, existing: Mapping[Location, str]) -> list[str | None]:
    """The marks of a job's outputs; None for one that does not exist."""
    try:
        return [
            store_of(path).mark(path) if isinstance(path, Url) and path in existing else None
            for path in job.outputs.values()
        ]
    except OSError as error:
        raise OutputError(f"{display_name(job.source)}: its outputs cannot be looked at ({error.strerror})") from error
