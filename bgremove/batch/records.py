"""What became of each image, as a value, a line, and JSON."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, astuple, dataclass
from pathlib import Path
from typing import Any

from bgremove.batch.job import Job
from bgremove.batch.plan import Plan
from bgremove.batch.worker import Done, Times
from bgremove.errors import BgremoveError
from bgremove.paths import display_name
from bgremove.types import Rect

FORMAT_VERSION = 1


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """What became of one image: `status` is ``ok``, ``skipped`` or ``failed``, the last with its `error`."""

    path: Path
    outputs: tuple[Path, ...]
    status: str
    error: BgremoveError | None = None
    times: Times | None = None
    warnings: tuple[str, ...] = ()
    crop: Rect | None = None
    """The part of the image that was written, if it was cropped."""
    preview: bytes | None = None
    """For a contact sheet."""

    def line(self) -> str:
        """For a log: status, seconds and name."""
        seconds = "" if self.times is None else f" {sum(astuple(self.times)):.2f} s"
        return f"{self.status:>7}{seconds} {display_name(self.path)}"


def finished_record(job: Job, done: Done | None, error: BgremoveError | None) -> ImageRecord:
    """Record of a job that has run, or could not."""
    outputs = tuple(job.outputs.values())
    if done is None:
        return ImageRecord(job.source, outputs, "failed", error=error)
    return ImageRecord(
        job.source, outputs, "ok", times=done.times, warnings=done.warnings, crop=done.crop, preview=done.preview
    )


def skipped_record(job: Job, *warnings: str) -> ImageRecord:
    """Record of a job that another run has done, or is doing."""
    return ImageRecord(job.source, tuple(job.outputs.values()), "skipped", warnings=warnings)


def settled_records(plan: Plan) -> list[ImageRecord]:
    """Records of what a plan leaves nothing to do for: unusable inputs, and images that an earlier run has done."""
    unusable = [ImageRecord(each.path, (), "failed", error=each.error) for each in plan.unusable]
    return unusable + [skipped_record(job) for job in plan.done]


def failures_text(records: Sequence[ImageRecord]) -> list[str]:
    """A line for each failed image: its name and the reason."""
    return [
        text if text.startswith(name) else f"{name}: {text}"
        for name, text in ((display_name(r.path), str(r.error)) for r in records if r.status == "failed")
    ]


def records_json(records: Sequence[ImageRecord], left_out: Mapping[str, int]) -> dict[str, Any]:
    """What became of each image, for `remove --json`, and how many files were left out, by suffix."""
    images = [_record_json(record) for record in records]
    return {"format_version": FORMAT_VERSION, "images": images, "left_out": dict(left_out)}


def _record_json(record: ImageRecord) -> dict[str, Any]:
    times = asdict(record.times) if record.times else dict.fromkeys(Times.__dataclass_fields__)
    return {
        "path": os.fspath(record.path),
        "output": os.fspath(record.outputs[0]) if record.outputs else None,
        "outputs": [os.fspath(path) for path in record.outputs],
        "status": record.status,
        "error": None if record.error is None else str(record.error),
        "warnings": list(record.warnings),
        "crop": record.crop,
        **times,
    }
