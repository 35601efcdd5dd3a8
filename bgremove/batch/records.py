"""What became of each image, as a value, a line, and JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, astuple, dataclass
from typing import Any

from bgremove.batch.job import Job
from bgremove.batch.plan import Plan
from bgremove.batch.worker import Done, Times
from bgremove.errors import BgremoveError
from bgremove.meter import Reading
from bgremove.paths import display_name
from bgremove.strategies import Outcome
from bgremove.types import Rect
from bgremove.url import Location

FORMAT_VERSION = 3
"""Of what ``--json`` writes, that of a comparison too. 2 had no interval of the number of images that pays."""


@dataclass(frozen=True, slots=True)
class Span:
    """When and where an image was done; see `bgremove.strategies.Outcome`."""

    created_s: float
    started_s: float
    ended_s: float
    received_s: float
    worker: int
    attempts: int


def span_of(outcome: Outcome[Any]) -> Span:
    """When and where the task of an outcome was done."""
    return Span(
        outcome.created_s, outcome.started_s, outcome.ended_s, outcome.received_s, outcome.worker, outcome.attempts
    )


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """What became of one image: `status` is ``ok``, ``skipped`` or ``failed``, the last with its `error`."""

    path: Location
    outputs: tuple[Location, ...]
    status: str
    error: BgremoveError | None = None
    times: Times | None = None
    warnings: tuple[str, ...] = ()
    crop: Rect | None = None
    """The part of the image that was written, if it was cropped."""
    preview: bytes | None = None
    """For a contact sheet."""
    span: Span | None = None
    """None if it was never handed to a strategy."""
    pixels: int = 0
    """As the header says; 0 if it was not read."""
    doubts: tuple[str, ...] = ()
    """Reasons why its mask is probably bad."""

    @property
    def took_s(self) -> float:
        """How long its worker had it, which is long before there are `times` if it failed; 0 if none had it."""
        return 0.0 if self.span is None else self.span.ended_s - self.span.started_s

    def line(self) -> str:
        """For a log: status, seconds and name."""
        seconds = "" if self.times is None else f" {sum(astuple(self.times)):.2f} s"
        return f"{self.status:>7}{seconds} {display_name(self.path)}"


def finished_record(job: Job, outcome: Outcome[Done]) -> ImageRecord:
    """Record of a job that a strategy has run, or could not."""
    outputs, span = tuple(job.outputs.values()), span_of(outcome)
    if outcome.value is None:
        return ImageRecord(job.source, outputs, "failed", error=outcome.error, span=span, pixels=job.pixels or 0)
    done = outcome.value
    return ImageRecord(
        job.source,
        outputs,
        "ok",
        times=done.times,
        warnings=done.warnings,
        crop=done.crop,
        preview=done.preview,
        span=span,
        pixels=job.pixels or 0,
        doubts=done.doubts,
    )


def unstarted_record(job: Job, error: BgremoveError) -> ImageRecord:
    """Record of a job that could not be handed to a strategy."""
    return ImageRecord(job.source, tuple(job.outputs.values()), "failed", error=error)


def skipped_record(job: Job, *warnings: str) -> ImageRecord:
    """Record of a job that another run has done, or is doing."""
    return ImageRecord(job.source, tuple(job.outputs.values()), "skipped", warnings=warnings)


def unusable_records(plan: Plan) -> list[ImageRecord]:
    """Records of inputs that cannot be used."""
    return [ImageRecord(each.path, (), "failed", error=each.error) for each in plan.unusable]


def settled_records(plan: Plan) -> list[ImageRecord]:
    """Records of what a plan leaves nothing to do for: unusable inputs, and images that an earlier run has done."""
    return unusable_records(plan) + [skipped_record(job) for job in plan.done]


def records_json(
    records: Sequence[ImageRecord], left_out: Mapping[str, int], reading: Reading, facts: dict[str, Any]
) -> dict[str, Any]:
    """What became of each image, for `remove --json`, and how many files were left out, by suffix.

    Times are seconds since the `reading` of the run began; `facts` are the command, the environment, the settings, the
    strategy.
    """
    return {
        "format_version": FORMAT_VERSION,
        "kind": "remove",
        **facts,
        **reading_json(reading, reading.began_s),
        "images": [_record_json(record, reading.began_s) for record in records],
        "left_out": dict(left_out),
    }


def reading_json(reading: Reading, origin_s: float) -> dict[str, Any]:
    """What a meter has read, its samples in seconds since `origin_s`."""
    offset_s = reading.began_s - origin_s
    return {
        "wall_s": reading.wall_s,
        "cpu_s": reading.cpu_s,
        "cpu_utilisation": reading.cpu_utilisation,
        "peak_memory_bytes": reading.peak_bytes,
        "memory_metric": reading.memory_metric,
        "samples": [
            {"at_s": round(each.at_s + offset_s, 3), "cpu_s": round(each.cpu_s, 3), "rss_bytes": each.rss_bytes}
            for each in reading.samples
        ],
    }


def span_json(span: Span | Outcome[Any], origin_s: float) -> dict[str, Any]:
    """Its moments, in seconds since `origin_s`, its worker, and how often one had it."""
    moments = ("created_s", "started_s", "ended_s", "received_s")
    return {name: round(getattr(span, name) - origin_s, 6) for name in moments} | {
        "worker": span.worker,
        "attempts": span.attempts,
    }


def _record_json(record: ImageRecord, began_s: float) -> dict[str, Any]:
    times = asdict(record.times) if record.times else dict.fromkeys(Times.__dataclass_fields__)
    span = span_json(record.span, began_s) if record.span else dict.fromkeys(Span.__dataclass_fields__)
    return {
        "path": str(record.path),
        "output": str(record.outputs[0]) if record.outputs else None,
        "outputs": [str(path) for path in record.outputs],
        "pixels": record.pixels,
        "status": record.status,
        "error": None if record.error is None else str(record.error),
        "warnings": list(record.warnings),
        "doubtful": list(record.doubts),
        "crop": record.crop,
        **times,
        **span,
    }
