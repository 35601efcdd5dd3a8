"""What has been done to an output folder in a store: each file there is marked with what it was made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Self

from bgremove.batch.job import Job
from bgremove.batch.jobs import Jobs
from bgremove.batch.keys import job_key, lasting_key, settings_key
from bgremove.batch.sources import Source
from bgremove.batch.tree import JOURNAL_PREFIX
from bgremove.errors import OutputError
from bgremove.paths import display_name
from bgremove.settings import Settings
from bgremove.storage import in_parallel, store_of
from bgremove.url import Location, Url


class Marks:
    """Does for a folder in a store what `Journal` does for one here.

    A store has no lines to append and no locks that end with their process. So the journal is an empty file, which says
    that the folder holds results, and what they are is said by their marks. The mark, which is the key of the job,
    comes into being with the output, in the same request, so that it can neither be lost nor be ahead of it. Runs that
    go on at the same time do not see each other: they may do the same image, and the first to write it has written it.
    """

    alone = True
    """Nothing unfinished is ever left by others."""

    def __init__(self, folder: Url) -> None:
        self._folder = folder

    def __enter__(self) -> Self:
        try:
            store_of(self._folder).write(self._folder / JOURNAL_PREFIX, b"", mark="", overwrite=True)
        except OSError as error:
            raise OutputError(f"{display_name(self._folder)}: it cannot be written to ({error.strerror})") from error
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def take(self, job: Job) -> None:
        """See `Journal.take`: nobody else is known to have it."""

    def lost(self) -> OutputError | None:
        """See `Journal.lost`: each output stands for itself."""

    def done(self, job: Job, digests: Mapping[str, str]) -> None:
        """See `Journal.done`: the outputs say so."""

    def failed(self, job: Job) -> None:
        """See `Journal.failed`: what is not there has no mark."""


def marked(jobs: Jobs, settings: Settings) -> Jobs:
    """`jobs` whose outputs in a store will be marked."""
    text = settings_key(settings)
    return jobs.then(lambda job: replace(job, mark=f"{job_key(job, text)}-{lasting_key(job, text)}"))


def resume_marked(jobs: Jobs, existing: set[Location]) -> tuple[Jobs, Jobs]:
    """As `Journal.resume`, by the marks of the `existing` files. One request for each output that exists."""
    todo: list[Source | Job] = []
    done: list[Source | Job] = []
    looked_at = in_parallel(lambda job: (job, _marks(job, existing)), jobs)
    for item, (job, marks) in zip(jobs.items, looked_at, strict=True):
        if all(mark == job.mark for mark in marks):
            done.append(item)
        else:
            lasting = job.mark.partition("-")[2]  # as it was before the photograph changed
            own = all(mark is None or mark.endswith(lasting) for mark in marks) and any(marks)
            todo.append(replace(job, overwrite=True) if own else item)
    return jobs.of(todo), jobs.of(done)


def existing_in_store(folder: Url, jobs: Iterable[Job]) -> set[Location]:
    """Those outputs of `jobs` that exist, by one listing of `folder`. `OutputError` if it cannot be listed."""
    wanted = {path for job in jobs for path in job.outputs.values()}
    try:
        store = store_of(folder)
        return {entry.url for entry in store.entries(folder, recursive=True) if entry.url in wanted}
    except OSError as error:
        raise OutputError(f"{display_name(folder)}: it cannot be listed ({error.strerror})") from error


def _marks(job: Job, existing: set[Location]) -> list[str | None]:
    """The marks of a job's outputs; None for one that does not exist."""
    try:
        return [
            store_of(path).mark(path) if isinstance(path, Url) and path in existing else None
            for path in job.outputs.values()
        ]
    except OSError as error:
        raise OutputError(f"{display_name(job.source)}: its outputs cannot be looked at ({error.strerror})") from error
