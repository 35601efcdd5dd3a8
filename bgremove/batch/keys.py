"""What a job is known by: equal keys for jobs that make the same of the same."""

from __future__ import annotations

import hashlib
import json
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
    outputs = {kind: path.name for kind, path in job.outputs.items()}
    files = [_version(file) for file in (job.source, job.hints) if file is not None]
    parts = _canonical([files, job.rect, outputs, settings])
    return hashlib.blake2b(parts.encode("ascii"), digest_size=16).hexdigest()


def _version(file: Location) -> list[str | int]:
    """Name and version of a file; only the name, if it cannot be looked at: it will fail in its turn."""
    version: tuple[str | int, ...] = ()
    with suppress(OSError):
        version = version_of(file)
    return [absolute(file), *version]
