"""What has been done to an output folder, line by line, so that an interrupted batch can be resumed."""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import asdict, replace
from pathlib import Path
from types import TracebackType
from typing import Self

from bgremove.errors import OutputError
from bgremove.paths import display_name
from bgremove.worker import Job, Recipe

NAME = ".bgremove-journal.jsonl"
_FORMAT_VERSION = 1


class Journal:
    """The file `NAME` in the output folder: a line when a job is handed to a worker, another when it is done.

    A job is known by its source's path, size and time of change, its rect, its outputs and the recipe. What was
    started under that key and not finished may be written again; what is finished, and still there, is skipped.
    """

    def __init__(self, folder: Path, recipe: Recipe) -> None:
        self._path = folder / NAME
        self._recipe = json.dumps(asdict(recipe), sort_keys=True)

    def __enter__(self) -> Self:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._stream = self._path.open("ab", buffering=0)  # what a full disk refuses is not kept to be tried again
        except OSError as error:
            raise _unwritable(self._path, error) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.close()

    def started(self, job: Job) -> None:
        """Note that `job` is handed to a worker, before it can write anything. `OutputError` if that cannot be."""
        self._append("started", job)

    def done(self, job: Job) -> None:
        """Note that all outputs of `job` are written. `OutputError` if that cannot be; resuming does it again then."""
        self._append("done", job)

    def resume(self, jobs: Iterable[Job]) -> tuple[list[Job], list[Job]]:
        """The jobs that are still to do, and those that are done already.

        A job that was started but not finished may overwrite its outputs: they are this batch's own.
        """
        states = self._states()
        todo: list[Job] = []
        done: list[Job] = []
        for job in jobs:
            state = states.get(self._key(job))
            if state == "done" and all(path.exists() for path in job.outputs.values()):
                done.append(job)
            else:
                todo.append(job if state is None else replace(job, overwrite=True))
        return todo, done

    def _append(self, state: str, job: Job) -> None:
        line = {"version": _FORMAT_VERSION, "state": state, "key": self._key(job), "path": os.fspath(job.source)}
        # It begins a line, so that what a crash or a full disk has cut short does not swallow it.
        content = f"\n{json.dumps(line)}".encode("ascii")
        try:
            written = self._stream.write(content)
        except OSError as error:
            raise _unwritable(self._path, error) from error
        if written != len(content):
            raise _unwritable(self._path, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))

    def _states(self) -> dict[str, str]:
        states: dict[str, str] = {}
        try:
            lines = self._path.read_text(encoding="ascii", errors="replace").splitlines()
        except FileNotFoundError:
            return states
        except OSError as error:
            raise _unwritable(self._path, error) from error
        for line in lines:
            try:
                entry = json.loads(line)
                states[entry["key"]] = entry["state"]
            except (ValueError, KeyError, TypeError):
                continue  # cut short by a crash: that job counts as not done
        return states

    def _key(self, job: Job) -> str:
        try:
            stat = job.source.stat()
            version = [stat.st_size, stat.st_mtime_ns]
        except OSError:
            version = []  # it will fail in its turn, with its reason
        outputs = {kind: path.name for kind, path in job.outputs.items()}
        source = os.path.abspath(job.source)
        parts = json.dumps([source, version, job.rect, outputs, self._recipe], sort_keys=True)
        return hashlib.blake2b(parts.encode("ascii"), digest_size=16).hexdigest()


def _unwritable(path: Path, error: OSError) -> OutputError:
    return OutputError(f"{display_name(path)}: the journal cannot be kept: {error.strerror}")
