"""What has been done to an output folder in a store: each file there is marked with what it was made of."""

from __future__ import annotations

import secrets
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from bgremove.batch.job import Job
from bgremove.batch.jobs import Jobs
from bgremove.batch.keys import job_mark, result_key, settings_key
from bgremove.batch.tree import JOURNAL_PREFIX
from bgremove.errors import OutputError
from bgremove.packed import Packed
from bgremove.paths import display_name
from bgremove.settings import Settings
from bgremove.storage import Entry, in_parallel, store_of
from bgremove.url import Location, Url

_NOTED = f"{JOURNAL_PREFIX}-"
"""How the names of files with notes begin."""
_NOTES = 1000
"""Results that are noted in one file."""
_DIGEST = np.dtype("S16")
"""What a line of a note is in memory: `result_key` in bytes."""


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
    return jobs.then(lambda job: replace(job, mark=job_mark(job, text)))


class Versions:
    """The version of each file in a folder of a store, in little memory: a file is found by a hash of its name."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        hashes = array("q")
        self.notes: list[Url] = []

        def texts() -> Iterator[str]:
            for url, relative in entries:
                hashes.append(hash(url.text))
                if relative.startswith(_NOTED):
                    self.notes.append(url)
                yield f"{url.version}\n{url.text}"

        self._texts = Packed(texts(), str)
        order = np.argsort(np.array(hashes, np.int64))
        self._order = array("q", order.tobytes())
        self._hashes = array("q", np.array(hashes, np.int64)[order].tobytes())

    def __len__(self) -> int:
        return len(self._order)

    def __contains__(self, path: object) -> bool:
        return isinstance(path, Url) and self.get(path) is not None

    def get(self, path: Location) -> str | None:
        """The version of a file; None if there is no such file."""
        wanted = hash(str(path))
        for at in range(bisect_left(self._hashes, wanted), len(self)):
            if self._hashes[at] != wanted:
                break
            version, _, name = self._texts[self._order[at]].partition("\n")
            if name == str(path):
                return version
        return None


def resume_marked(jobs: Jobs, existing: Versions) -> tuple[Jobs, Jobs]:
    """As `Journal.resume`, by the marks of the `existing` files. One request for each that exists and is not noted."""
    noted = _are_noted(jobs, existing)
    done, unsure = array("q", np.flatnonzero(noted).tobytes()), np.flatnonzero(~noted).tolist()
    todo = array("q")
    own: dict[int, Job] = {}
    looked_at = in_parallel(lambda job: (job, _marks(job, existing)), jobs.at(unsure))
    for index, (job, marks) in zip(unsure, looked_at, strict=True):
        if all(mark == job.mark for mark in marks):
            done.append(index)
        else:
            todo.append(index)
            lasting = job.mark.partition("-")[2]  # as it was before the photograph changed
            if all(mark is None or mark.endswith(lasting) for mark in marks) and any(marks):
                own[index] = replace(job, overwrite=True)
    return jobs.replaced(own).at(todo), jobs.at(done)


def existing_in_store(folder: Url) -> Versions:
    """What there is in `folder`, by one listing. `OutputError` if it cannot be listed."""
    try:
        return Versions(store_of(folder).entries(folder, recursive=True))
    except OSError as error:
        raise OutputError(f"{display_name(folder)}: it cannot be listed ({error.strerror})") from error


def _are_noted(jobs: Jobs, existing: Versions) -> NDArray[np.bool_]:
    """Of each job, whether it is noted that all its outputs, as they are now, are of it."""
    notes = np.frombuffer(b"".join(in_parallel(_digests, existing.notes)), _DIGEST)
    if not len(jobs) or not len(notes):
        return np.zeros(len(jobs), np.bool_)
    notes = np.sort(notes)
    keys = bytearray()
    for job in jobs:
        for kind, path in job.outputs.items():
            version = existing.get(path)
            keys += bytes.fromhex(result_key(job.mark, kind, version)) if version else bytes(_DIGEST.itemsize)
    wanted = np.frombuffer(keys, _DIGEST)
    found = notes[np.searchsorted(notes, wanted).clip(max=len(notes) - 1)] == wanted
    whole: NDArray[np.bool_] = found.reshape(len(jobs), -1).all(axis=1)
    return whole


def _digests(note: Url) -> bytes:
    try:
        digests = bytes.fromhex(store_of(note).read(note).decode("ascii"))
    except (OSError, ValueError):  # what it says is asked for
        return b""
    return digests if len(digests) % _DIGEST.itemsize == 0 else b""


def _marks(job: Job, existing: Versions) -> list[str | None]:
    """The marks of a job's outputs; None for one that does not exist."""
    try:
        return [
            store_of(path).mark(path) if isinstance(path, Url) and path in existing else None
            for path in job.outputs.values()
        ]
    except OSError as error:
        raise OutputError(f"{display_name(job.source)}: its outputs cannot be looked at ({error.strerror})") from error
