"""What is being done and has been done to an output folder, line by line: to resume a batch, and to share it."""

from __future__ import annotations

import errno
import json
import math
import os
import platform
import secrets
from array import array
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Self

from bgremove.batch.entries import FORMAT_VERSION, Entry, entries_in, entries_of, unwritable
from bgremove.batch.job import Job
from bgremove.batch.jobs import Jobs
from bgremove.batch.keys import digest, job_key, lasting_key, result_key, settings_key
from bgremove.batch.shard import Shard
from bgremove.batch.tree import JOURNAL_PREFIX
from bgremove.errors import OutputError
from bgremove.files import TEMPORARY_PREFIX
from bgremove.interrupts import interrupts_deferred
from bgremove.paths import absolute, display_name
from bgremove.settings import Settings
from bgremove.url import Location

NAME = f"{JOURNAL_PREFIX}.jsonl"
_SHARDS = JOURNAL_PREFIX + "-{}-of-{}.jsonl"

_LOCK_SUFFIX = ".lock"
_CHUNK_BYTES = 1_000_000


class Journal:
    """The file `NAME` in the output folder: a line when a job is taken, another when it is done.

    Each shard has a file of its own, so that machines need not append to the same one; `resume` reads all.

    A job is known by the path, size and time of change of its source and of its hints, its rect, its outputs and the
    settings. What was taken under that key and not finished may be written again, unless it has failed; what is
    finished, and still there, is skipped.

    Runs that go on at the same time share the work: lines are appended, which puts them in one order for all, and the
    first run that takes a job has it. Each run holds a lock of its own as long as it lives, which the system lets go
    of when it is killed: what a dead run has taken counts for nothing. What is done counts from the moment on at which
    this run was planned, when the journal had `planned` bytes, by default as many as it has now.
    """

    def __init__(
        self, folder: Path, settings: Settings, planned: int | None = None, shard: Shard | None = None
    ) -> None:
        self._folder = folder
        self._path = folder / (NAME if shard is None else _SHARDS.format(shard.index, shard.count))
        self._settings = settings_key(settings)
        self._run, self._owner = secrets.token_hex(8), os.getpid()
        self._taken: dict[str, str] = {}
        self._names: dict[str, str] = {}
        self._keys: dict[Location, str] = {}
        """Of the jobs that this run has taken."""
        self.planned = _size(self._path) if planned is None else planned

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            with interrupts_deferred():
                living = self._open(stack)
                self._read = 0
                if living:
                    self._note(entry for entry in self._new_entries(self.planned) if entry.run in living)
                self._read = self.planned
                with suppress(OutputError):  # it only tells others what to call this run
                    self._append(Entry("opened", self._run, path=f"process {os.getpid()} on {platform.node()}"))
            # A Ctrl-C that waited is raised before this line, and what is open is closed.
            self._stack = stack.pop_all()
        self.alone = not living
        return self

    def _open(self, stack: ExitStack) -> list[str]:
        """Open the file and hold this run's lock until `stack` is closed; gives the other runs that live."""
        from filelock import FileLock  # noqa: PLC0415 - only runs that write files pay for it

        own_lock = _lock_file(self._folder, self._run)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            name = display_name(self._folder)
            raise OutputError(f"{name}: the folder for the results cannot be made: {error.strerror}") from error
        try:
            # Unbuffered: what a full disk refuses is not kept to be tried again.
            self._stream = stack.enter_context(self._path.open("a+b", buffering=0))
            living = [run for run in _runs(self._folder) if _lives(self._folder, run)]
            stack.callback(_unlink, own_lock)
            with suppress(NotImplementedError):  # a file system without locks: other runs cannot see this one
                stack.enter_context(FileLock(own_lock))
        except OSError as error:
            raise unwritable(self._path, error) from error
        return living

    def __exit__(self, *_: object) -> None:
        if self._owner != os.getpid():  # a fork leaves the lock of this run alone
            return
        with interrupts_deferred():  # a lock that is let go of has a finalizer, and its file is removed after that
            self._stack.pop_all().close()

    def take(self, job: Job) -> str | None:
        """Take `job` before anything of it is written; if another run has it, tell which. `OutputError` if neither."""
        if lost := self.lost():
            raise lost
        key = self._keys[job.source] = job_key(job, self._settings)
        self._note(self._new_entries())
        if key not in self._taken:
            self._append(Entry("started", self._run, key, str(job.source)))
            self._note(self._new_entries(), key)
        other = self._taken.pop(key, None)
        return None if other is None else self._names.get(other, "one that has ended")

    def lost(self) -> OutputError | None:
        """Why no result can be relied on: somebody has removed the folder, or emptied it, since the run began."""
        if os.path.exists(self._path):
            return None
        name = display_name(self._folder)
        return OutputError(f"{name}: the folder for the results was removed or closed during the run: some may be lost")

    def done(self, job: Job, digests: Mapping[str, str]) -> None:
        """Note that all outputs of `job` are written, as it was when it was taken: its source may have changed since.

        `digests` are those of their content, by kind.
        `OutputError` if that cannot be; resuming does it again then.
        """
        lasting = lasting_key(job, self._settings)
        results = " ".join(result_key(lasting, kind, content) for kind, content in digests.items())
        self._append(Entry("done", self._run, self._keys.pop(job.source), str(job.source), results))

    def failed(self, job: Job) -> None:
        """Note that nothing of `job` is written, so that a file that has the name of an output is not this batch's."""
        with suppress(OutputError):
            self._append(Entry("failed", self._run, self._keys.pop(job.source), str(job.source)))

    def resume(self, jobs: Jobs) -> tuple[Jobs, Jobs]:
        """The jobs that are still to do, and those that are done already.

        A job that was taken but not finished may overwrite its outputs: they are this batch's own.
        """
        is_done: dict[str, bool] = {}
        """By key of the jobs that were taken."""
        for path in self._files():
            last: dict[str, bool] = {}
            for entry in entries_of(path):
                last[entry.key] = entry.state == "done"
                if entry.state == "failed":
                    del last[entry.key]
            is_done = last | {key: done or last.get(key, False) for key, done in is_done.items()}
        todo, done, own = array("q"), array("q"), {}
        for index, job in enumerate(jobs):
            state = is_done.get(job_key(job, self._settings))
            if state and all(os.path.isfile(absolute(path)) for path in job.outputs.values()):
                done.append(index)
            else:
                todo.append(index)
                if state is not None:
                    own[index] = replace(job, overwrite=True)
        return jobs.replaced(own).at(todo), jobs.at(done)

    def changed(self, jobs: Jobs, existing: Collection[Location]) -> Jobs:
        """`jobs`, of which those may overwrite that have changed since they were done, and their outputs have not.

        Not all of them if some of the `existing` outputs are not known by their content.
        """
        entries = chain.from_iterable(map(entries_of, self._files()))
        known = {key for entry in entries for key in entry.results.split()}
        changed: dict[int, Job] = {}
        for index, job in enumerate(jobs):
            there = {kind: path for kind, path in job.outputs.items() if path in existing}
            if there and not job.overwrite:
                if not all(self._result_key(job, kind, path) in known for kind, path in there.items()):
                    break
                changed[index] = replace(job, overwrite=True)
        return jobs.replaced(changed)

    def _result_key(self, job: Job, kind: str, path: Location) -> str:
        try:
            content = Path(absolute(path)).read_bytes()
        except OSError:
            return ""
        return result_key(lasting_key(job, self._settings), kind, digest(content))

    def _files(self) -> list[Path]:
        """The journals of all shards, and that of runs without."""
        try:
            shards = list(self._folder.glob(_SHARDS.format("*", "*")))
        except OSError as error:
            raise unwritable(self._path, error) from error
        return sorted({self._path, *shards, self._folder / NAME})

    def _append(self, entry: Entry) -> None:
        line = {"version": FORMAT_VERSION, **entry._asdict()}
        # It begins a line, so that what a crash or a full disk has cut short does not swallow it.
        content = f"\n{json.dumps(line)}\n".encode("ascii")
        try:
            written = self._stream.write(content)
        except OSError as error:
            raise unwritable(self._path, error) from error
        if written != len(content):
            raise unwritable(self._path, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))

    def _new_entries(self, end: float = math.inf) -> Iterator[Entry]:
        """What has been appended since the last time, up to the byte `end` of the file."""
        while True:
            self._stream.seek(self._read)
            content = self._stream.read(int(min(_CHUNK_BYTES, end - self._read)))
            complete = content[: content.rfind(b"\n") + 1]
            if not complete:
                return
            self._read += len(complete)
            yield from entries_in(self._path, complete.splitlines())

    def _note(self, entries: Iterable[Entry], own_key: str | None = None) -> None:
        """Note what other runs have taken; of `own_key`, only what stands before this run's own line."""
        own = False
        for entry in entries:
            if entry.run == self._run:
                own = own or entry.key == own_key
            elif own and entry.key == own_key:
                continue
            elif entry.state == "opened":
                self._names[entry.run] = entry.path
            elif entry.state == "done" or _lives(self._folder, entry.run):
                self._taken.setdefault(entry.key, entry.run)


def _runs(folder: Path) -> Iterator[str]:
    """The runs that have a lock in `folder`, held or not."""
    for file in folder.glob(f"{TEMPORARY_PREFIX}*{_LOCK_SUFFIX}"):
        yield file.name.removeprefix(TEMPORARY_PREFIX).removesuffix(_LOCK_SUFFIX)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _lock_file(folder: Path, run: str) -> Path:
    return folder / f"{TEMPORARY_PREFIX}{run}{_LOCK_SUFFIX}"


def _unlink(file: Path) -> None:
    with suppress(OSError):  # the folder is gone, or may no longer be written; nobody takes a free lock for a run
        file.unlink()


def _lives(folder: Path, run: str) -> bool:
    """Whether the run that holds a lock still does."""
    from filelock import FileLock, Timeout  # noqa: PLC0415 - as above

    file = _lock_file(folder, run)
    if not file.exists():
        return False
    try:
        with FileLock(file, blocking=False):
            pass
        file.unlink(missing_ok=True)  # its holder was killed
    except NotImplementedError:
        return False  # a file system without locks
    except (Timeout, OSError):
        return True
    return False
