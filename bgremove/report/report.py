"""`Report`: what a page, a Markdown text, plots and a trace are made from. It is read from the JSON of a command."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bgremove.batch.records import FORMAT_VERSION
from bgremove.comparison.statistics import BreakEven, Interval
from bgremove.errors import UsageError
from bgremove.meter import Sample
from bgremove.paths import display_name


@dataclass(frozen=True, slots=True)
class Span:
    """One image in one round: when, by which worker, and how long each stage took. Seconds since the round began.

    The stages are None for an image that failed.
    """

    image: int
    worker: int
    created_s: float
    started_s: float
    ended_s: float
    received_s: float
    stages_s: tuple[float, float, float] | None
    """Read, segment, write."""

    @property
    def work_s(self) -> float:
        """How long the worker had it."""
        return self.ended_s - self.started_s


@dataclass(frozen=True, slots=True)
class Round:
    """One run of the workload. `total_s` is with start-up; the work began `startup_s` after the round."""

    began_s: float
    startup_s: float
    wall_s: float
    cpu_utilisation: float
    peak_memory_bytes: int
    memory_metric: str
    spans: tuple[Span, ...]
    samples: tuple[Sample, ...]
    """Of the process tree, in seconds since the round began."""

    @property
    def total_s(self) -> float:
        """Start-up and work."""
        return self.startup_s + self.wall_s


@dataclass(frozen=True, slots=True)
class Contender:
    """A strategy with a number of workers, and its rounds. A run of one strategy has nothing to compare: None."""

    name: str
    workers: int
    rounds: tuple[Round, ...]
    speedup: Interval | None = None
    total_speedup: Interval | None = None
    pays_from: BreakEven | None = None

    @property
    def title(self) -> str:
        """How it is called beside others."""
        return self.name if self.workers == 1 else f"{self.name} x{self.workers}"


@dataclass(frozen=True, slots=True)
class ImageRow:
    """One image. `path` is as the file system has it; what is shown goes through `display_name`."""

    path: str
    pixels: int
    status: str = "ok"
    error: str | None = None
    """The reason, without the name that it may begin with."""
    warnings: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    """Why its mask is probably bad."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a command has done. `images` is indexed by the spans' `image`; those that failed in `compare` come last."""

    kind: str
    answer: str
    choice: str
    """What `auto` would have chosen, in a sentence; empty where nothing was compared."""
    images: tuple[ImageRow, ...]
    contenders: tuple[Contender, ...]
    command: tuple[str, ...]
    environment: Mapping[str, Any]
    settings: Mapping[str, Any]

    @property
    def done(self) -> int:
        """How many images were done."""
        return sum(row.status == "ok" for row in self.images)


def load_json(file: Path) -> dict[str, Any]:
    """What `compare --json` or `remove --json` wrote into a file.

    Raises `UsageError` that names the file if it is something else, or of a format that is not understood here.
    """
    try:
        content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{display_name(file)}: it cannot be read as JSON ({error})") from error
    try:
        report_from_json(content)
    except UsageError as error:
        raise UsageError(f"{display_name(file)}: {error}") from error
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise UsageError(f"{display_name(file)}: it is not what --json writes ({reason}); write it anew") from error
    return content


def report_from_json(content: Mapping[str, Any]) -> Report:
    """The report in what `comparison_json` or `records_json` gave. Raises `UsageError` for another format."""
    version = content.get("format_version") if isinstance(content, Mapping) else None
    if version != FORMAT_VERSION:
        advice = (
            "a newer bgremove is needed" if isinstance(version, int) and version > FORMAT_VERSION else "run it anew"
        )
        raise UsageError(f"its format_version is {version}, and {FORMAT_VERSION} is understood here: {advice}")
    if content.get("kind") == "compare":
        return _of_comparison(content)
    if content.get("kind") == "remove":
        return _of_batch(content)
    raise UsageError(f"its kind is {content.get('kind')!r}; it must be compare or remove")


def _of_comparison(content: Mapping[str, Any]) -> Report:
    failed = [ImageRow(each["path"], 0, "failed", _reason(each)) for each in content["workload"]["failed"]]
    return Report(
        kind="compare",
        answer=content["answer"],
        choice=content["auto"]["told"],
        images=(*(ImageRow(each["path"], each["pixels"]) for each in content["images"]), *failed),
        contenders=tuple(map(_contender, content["strategies"])),
        **_circumstances(content),
    )


def _reason(image: Mapping[str, Any]) -> str | None:
    error: str | None = image["error"]
    return None if error is None else error.removeprefix(f"{display_name(image['path'])}: ")


def _contender(content: Mapping[str, Any]) -> Contender:
    return Contender(
        name=content["name"],
        workers=content["workers"],
        rounds=tuple(
            _round(each, each["outcomes"], each["began_s"], each["startup_s"], each["wall_s"])
            for each in content["rounds"]
        ),
        speedup=Interval(**content["speedup"]),
        total_speedup=Interval(**content["total_speedup"]),
        pays_from=BreakEven(**content["pays_from"]) if content["pays_from"] else None,
    )


def _of_batch(content: Mapping[str, Any]) -> Report:
    started = [{**each, "image": index} for index, each in enumerate(content["images"]) if each["worker"]]
    # The reading includes the start-up, of which only the end is known: the first image was started.
    startup_s = min((each["started_s"] for each in started), default=0.0)
    whole = _round(content, started, 0.0, startup_s, content["wall_s"] - startup_s)
    workers = len({each["worker"] for each in started}) or 1
    images = tuple(
        ImageRow(
            each["path"],
            each["pixels"],
            each["status"],
            _reason(each),
            tuple(each["warnings"]),
            tuple(each["doubtful"]),
        )
        for each in content["images"]
    )
    return Report(
        kind="remove",
        answer=_batch_answer(images, content, workers),
        choice="",
        images=images,
        contenders=(Contender(content["strategy"], workers, (whole,)),) if started else (),
        **_circumstances(content),
    )


def _batch_answer(images: Sequence[ImageRow], content: Mapping[str, Any], workers: int) -> str:
    count = {status: sum(row.status == status for row in images) for status in ("ok", "skipped", "failed")}
    done = f"{count['ok']} of {len(images)} images were cut out in {content['wall_s']:.2f} s"
    how = f"`{content['strategy']}`, {workers} {'worker' if workers == 1 else 'workers'}"
    speed = f"{count['ok'] / content['wall_s']:.2f} images a second, {content['cpu_utilisation']:.0%} of the CPUs used"
    doubtful = sum(bool(row.doubts) for row in images)
    rest = f"{doubtful} doubtful, {count['skipped']} skipped, {count['failed']} failed"
    return f"{done} under {how} ({speed}; {rest})."


def _circumstances(content: Mapping[str, Any]) -> dict[str, Any]:
    return {name: content[name] for name in ("environment", "settings")} | {"command": tuple(content["command"])}


def _round(
    reading: Mapping[str, Any],
    outcomes: Sequence[Mapping[str, Any]],
    began_s: float,
    startup_s: float,
    wall_s: float,
) -> Round:
    return Round(
        began_s=began_s,
        startup_s=startup_s,
        wall_s=wall_s,
        cpu_utilisation=reading["cpu_utilisation"],
        peak_memory_bytes=reading["peak_memory_bytes"],
        memory_metric=reading["memory_metric"],
        spans=tuple(map(_span, outcomes)),
        samples=tuple(Sample(**each) for each in reading["samples"]),
    )


def _span(content: Mapping[str, Any]) -> Span:
    done = content["segment_s"] is not None
    return Span(
        image=content["image"],
        worker=content["worker"],
        created_s=content["created_s"],
        started_s=content["started_s"],
        ended_s=content["ended_s"],
        received_s=content["received_s"],
        stages_s=(content["read_s"], content["segment_s"], content["write_s"]) if done else None,
    )
