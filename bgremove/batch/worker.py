"""What runs inside a worker: the whole way of one file."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path

from bgremove.batch.job import Job
from bgremove.cutout import Cutout
from bgremove.errors import OutputError
from bgremove.formats import DEEP_FORMATS, NO_METADATA, read, write
from bgremove.paths import display_name
from bgremove.remove import cut_photo
from bgremove.settings import Settings
from bgremove.types import Rect


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds that one image took, by stage."""

    read_s: float
    segment_s: float
    write_s: float


@dataclass(frozen=True, slots=True)
class Done:
    """What a worker sends back of one file: small, whatever the size of the image."""

    times: Times
    warnings: tuple[str, ...]
    crop: Rect | None = None
    """The part of the image that was written, if that is not all."""


@dataclass(frozen=True, slots=True)
class FileWorker:
    """The function that a batch runs over its jobs."""

    settings: Settings

    def __call__(self, job: Job) -> Done:
        """Do one file; see `cut_file`."""
        cutout, times = cut_file(job, self.settings)
        return Done(times, cutout.warnings, cutout.box(self.settings.pad) if self.settings.crop else None)


def cut_file(job: Job, settings: Settings) -> tuple[Cutout, Times]:
    """Read, segment and write one file; every error that names a reason is a `BgremoveError`."""
    start = time.perf_counter()
    photo = read(job.source, max_pixels=settings.max_pixels)
    decoded = time.perf_counter()
    cutout = cut_photo(photo, settings if job.rect is None else replace(settings, rect=job.rect))
    segmented = time.perf_counter()
    for kind, path in job.outputs.items():
        _make_folder(path.parent)
        metadata = cutout.metadata if kind == "cutout" else NO_METADATA
        write(
            path, cutout.emitted(kind, settings), file_format=settings.format_of(kind), metadata=metadata,
            overwrite=job.overwrite,
        )  # fmt: skip
    written = time.perf_counter()
    if cutout.image.dtype.itemsize == 2 and "cutout" in settings.emit and settings.format not in DEEP_FORMATS:
        note = f"its 16 bits a sample were reduced to 8, as {settings.format} holds no more"
        cutout = replace(cutout, warnings=(*cutout.warnings, note))
    return cutout, Times(decoded - start, segmented - decoded, written - segmented)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{display_name(folder)}: the folder cannot be made ({error.strerror})") from error
