"""What runs inside a worker: the whole way of one file."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from bgremove.batch.job import Job
from bgremove.batch.keys import digest
from bgremove.cutout import Cutout
from bgremove.errors import OutputError
from bgremove.files import make_folder, read_standard_input, store_bytes, write_bytes, write_standard_output
from bgremove.formats import DEEP_FORMATS, NO_METADATA, Photo, decode, encode, read
from bgremove.hints import read_hints
from bgremove.paths import STANDARD
from bgremove.remove import cut_photo
from bgremove.settings import Settings
from bgremove.types import DrawnRect, Rect
from bgremove.url import Url


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
    digests: dict[str, str]
    """Of the content of each output, by kind; of one in a store, its version there."""
    crop: Rect | None = None
    """The part of the image that was written, if that is not all."""
    doubts: tuple[str, ...] = ()
    preview: bytes | None = None
    """For a contact sheet, if the job wants one."""


@dataclass(frozen=True, slots=True)
class FileWorker:
    """The function that a batch runs over its jobs."""

    settings: Settings

    def __call__(self, job: Job) -> Done:
        """Do one file; see `cut_file`."""
        photo, cutout, times, digests = cut_file(job, self.settings)
        crop = cutout.box(self.settings.pad) if self.settings.crop else None
        shown = _preview(photo, cutout) if job.preview else None
        return Done(times, cutout.warnings, digests, crop=crop, preview=shown, doubts=cutout.doubts)

    def again(self, job: Job) -> Done:
        """Do a file that a worker may have written before it was lost; see `Strategy.run`."""
        return self(replace(job, overwrite=True))


def cut_file(job: Job, settings: Settings) -> tuple[Photo, Cutout, Times, dict[str, str]]:
    """Read, segment and write one file; every error that names a reason is a `BgremoveError`."""
    start = time.perf_counter()
    limit = settings.max_pixels
    piped = job.source == STANDARD
    photo = decode(read_standard_input(), max_pixels=limit) if piped else read(job.source, max_pixels=limit)
    if isinstance(job.rect, DrawnRect):
        job.rect.check(*photo.image.shape[:2])
    decoded = time.perf_counter()
    hints = None if job.hints is None else read_hints(job.hints, *photo.image.shape[:2])
    cutout = cut_photo(photo, settings if job.rect is None else replace(settings, rect=job.rect), hints)
    segmented = time.perf_counter()
    contents = {kind: _encoded(cutout, kind, settings) for kind in job.outputs}
    digests = _write(job, contents)
    written = time.perf_counter()
    if cutout.image.dtype.itemsize == 2 and "cutout" in settings.emit and settings.format not in DEEP_FORMATS:
        note = f"its 16 bits a sample were reduced to 8, as {settings.format} holds no more"
        cutout = replace(cutout, warnings=(*cutout.warnings, note))
    return photo, cutout, Times(decoded - start, segmented - decoded, written - segmented), digests


def _encoded(cutout: Cutout, kind: str, settings: Settings) -> bytes:
    metadata = cutout.metadata if kind == "cutout" else NO_METADATA
    return encode(cutout.emitted(kind, settings), settings.format_of(kind), metadata)


def _write(job: Job, contents: Mapping[str, bytes]) -> dict[str, str]:
    """Write all outputs; or none here, if one cannot be written and they may not replace what is there.

    Gives the digests for `Done`.
    """
    digests: dict[str, str] = {}
    written: list[Path] = []
    try:
        for kind, path in job.outputs.items():
            if isinstance(path, Url):
                digests[kind] = store_bytes(path, contents[kind], mark=job.mark, overwrite=job.overwrite)
                continue
            digests[kind] = digest(contents[kind])
            if path == STANDARD:
                write_standard_output(contents[kind])
            else:
                make_folder(path.parent)
                write_bytes(path, contents[kind], overwrite=job.overwrite)
                written.append(path)
    except OutputError:
        for path in () if job.overwrite else written:
            with suppress(OSError):
                path.unlink()
        raise
    return digests


def _preview(photo: Photo, cutout: Cutout) -> bytes:
    from bgremove.contact_sheet import preview  # noqa: PLC0415 - few runs draw a sheet, whose library takes a while

    return preview(photo, cutout)
