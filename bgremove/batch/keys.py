"""What a job is known by: equal keys for jobs that make the same of the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict

from bgremove.batch.job import Job
from bgremove.files import version_of
from bgremove.paths import absolute
from bgremove.settings import Settings
from bgremove.url import Location

_canonical = json.JSONEncoder(sort_keys=True).encode


def settings_key(settings: Settings) -> str:
    """The part of `job_key` that all jobs of a run have in common: the settings that decide what is written.

    A model is known by its digest, wherever it is; a limit of pixels decides only whether there is an output.
    """
    parts = asdict(settings)
    del parts["max_pixels"]
    if settings.model is not None:
        del parts["model"]["path"]
    return json.dumps(parts, sort_keys=True)


def job_key(job: Job, settings: str) -> str:
    """Equal for two jobs that make the same of the same; `settings` is what `settings_key` gives."""
    return _key(job, _rest(job, settings), _version)


def lasting_key(job: Job, settings: str) -> str:
    """As `job_key`, but the same after the photograph or its hints have changed."""
    return _key(job, _rest(job, settings), _name)


def job_mark(job: Job, settings: str) -> str:
    """`job_key` and `lasting_key`, with a dash between them."""
    rest = _rest(job, settings)
    return f"{_key(job, rest, _version)}-{_key(job, rest, _name)}"


def result_key(lasting: str, kind: str, content: str) -> str:
    """What an output is known by, whatever its photograph is now: `content` is its `digest`."""
    return digest(f"{lasting} {kind} {content}".encode())


def digest(content: bytes) -> str:
    """Equal for equal content."""
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def _rest(job: Job, settings: str) -> str:
    """What stands in the text of a key behind the files, which are what the keys of a job differ in."""
    return _canonical([job.rect, {kind: path.name for kind, path in job.outputs.items()}, settings])[1:]


def _key(job: Job, rest: str, known_by: Callable[[Location], list[str | int]]) -> str:
    files = [known_by(file) for file in (job.source, job.hints) if file is not None]
    return digest(f"[{_canonical(files)}, {rest}".encode("ascii"))


def _name(file: Location) -> list[str | int]:
    return [absolute(file)]


def _version(file: Location) -> list[str | int]:
    """Name and version of a file; only the name, if it cannot be looked at: it will fail in its turn."""
    version: tuple[str | int, ...] = ()
    with suppress(OSError):
        version = version_of(file)
    return [absolute(file), *version]
