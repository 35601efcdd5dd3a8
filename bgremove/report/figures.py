"""From the times of a report to the figures that are shown. Pure functions; units are in the names."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median

from bgremove.comparison.compare import BASELINE, ONE_AT_A_TIME
from bgremove.comparison.statistics import serial_fraction
from bgremove.report.report import Contender, Report, Round, Span

STAGES = ("read", "segment", "write")


@dataclass(frozen=True, slots=True)
class Summary:
    """A row of the first table: what the project's question asks of one strategy."""

    image_s: float
    """Time an image takes its worker, from start to end: median over images and rounds."""
    image_wall_s: float
    """Wall time divided by the number of images, start-up left out: median round."""
    startup_s: float
    total_s: float
    cpu_utilisation: float
    peak_memory_bytes: int
    memory_metric: str


@dataclass(frozen=True, slots=True)
class WorkerShare:
    """What one worker did in a round, in seconds that add up to the round's total."""

    images: int
    startup_s: float
    work_s: float
    wait_s: float
    """Between the end of start-up and its last image, while it had none."""
    tail_s: float
    """After its last image, while others worked."""


@dataclass(frozen=True, slots=True)
class Crossover:
    """Total time against the number of images, as `pays_from` models it: waves of `workers` images after start-up."""

    contender: Contender
    startup_s: float
    wave_s: float

    def total_s(self, images: int) -> float:
        """Start-up and as many waves as that takes."""
        return self.startup_s + math.ceil(images / self.contender.workers) * self.wave_s


@dataclass(frozen=True, slots=True)
class Scaling:
    """Speed-ups of one strategy by number of workers, and the serial part that Amdahl's law fits to them."""

    name: str
    workers: tuple[int, ...]
    speedups: tuple[float, ...]
    serial: float


def is_parallel(contender: Contender) -> bool:
    """Whether it runs several images at a time."""
    return contender.name not in ONE_AT_A_TIME


def loop_of(report: Report) -> Contender | None:
    """The plain loop that all else is compared with."""
    return next((each for each in report.contenders if each.name == BASELINE), None)


def best_of(report: Report) -> Contender | None:
    """The parallel strategy that was fastest against the loop."""
    compared = [each for each in report.contenders if is_parallel(each) and each.speedup is not None]
    return max(compared, key=lambda each: each.speedup.estimate if each.speedup else 0.0, default=None)


def typical(contender: Contender) -> Round:
    """The round of median wall time, the lower one of two."""
    by_wall = sorted(contender.rounds, key=lambda each: each.wall_s)
    return by_wall[(len(by_wall) - 1) // 2]


def summary(contender: Contender) -> Summary:
    """The figures of one strategy."""
    rounds = contender.rounds
    return Summary(
        image_s=median([span.work_s for each in rounds for span in each.spans]),
        image_wall_s=median([each.wall_s / len(each.spans) for each in rounds]),
        startup_s=median([each.startup_s for each in rounds]),
        total_s=median([each.total_s for each in rounds]),
        cpu_utilisation=median([each.cpu_utilisation for each in rounds]),
        peak_memory_bytes=max(each.peak_memory_bytes for each in rounds),
        memory_metric=rounds[0].memory_metric,
    )


def stage_means_s(contender: Contender) -> dict[str, float]:
    """Mean seconds an image spends in each stage, and before and after them in the queue and on the way back."""
    spans = [span for each in contender.rounds for span in each.spans if span.stages_s is not None]
    if not spans:
        return {}
    means = {
        stage: fmean(span.stages_s[index] for span in spans if span.stages_s is not None)
        for index, stage in enumerate(STAGES)
    }
    means["other"] = max(0.0, fmean(span.work_s for span in spans) - sum(means.values()))
    means["queue"] = fmean(span.started_s - span.created_s for span in spans)
    means["return"] = fmean(span.received_s - span.ended_s for span in spans)
    return means


def lanes(round_: Round) -> dict[int, list[Span]]:
    """Spans by worker, each worker's in order, the worker that started first before the others."""
    found: dict[int, list[Span]] = {}
    for span in sorted(round_.spans, key=lambda span: span.started_s):
        if span.worker:
            found.setdefault(span.worker, []).append(span)
    return found


def worker_shares(round_: Round) -> list[WorkerShare]:
    """Where the time of each worker went."""
    shares = []
    for spans in lanes(round_).values():
        work_s = sum(span.work_s for span in spans)
        last_s = max(span.ended_s for span in spans)
        shares.append(
            WorkerShare(
                images=len(spans),
                startup_s=round_.startup_s,
                work_s=work_s,
                wait_s=max(0.0, last_s - round_.startup_s - work_s),
                tail_s=max(0.0, round_.total_s - last_s),
            )
        )
    return shares


def cpu_over_time(round_: Round, cpus: int) -> tuple[list[float], list[float]]:
    """Moments, and CPU utilisation from 0 to 1 up to each: of the whole round, if it is too short for more.

    Linux counts in ticks of 10 ms, so that less than 0.2 s gives no figure.
    """
    moments_s, used = [], []
    before = round_.samples[0] if round_.samples else None
    for sample in round_.samples[1:]:
        if before is None or sample.at_s - before.at_s < 0.2:
            continue
        moments_s.append(sample.at_s)
        used.append(min(1.0, (sample.cpu_s - before.cpu_s) / ((sample.at_s - before.at_s) * cpus)))
        before = sample
    return (moments_s, used) if used else ([round_.total_s], [round_.cpu_utilisation])


def crossovers(report: Report) -> list[Crossover]:
    """The loop first, then what is compared with it; empty where there is no loop."""
    loop = loop_of(report)
    if loop is None:
        return []
    return [_crossover(loop), *(_crossover(contender) for contender in report.contenders if is_parallel(contender))]


def _crossover(contender: Contender) -> Crossover:
    """By means over the rounds, as `bgremove.comparison.compare` reckons."""
    rounds = contender.rounds
    if contender.name == BASELINE:
        wave_s = fmean(each.wall_s / len(each.spans) for each in rounds)
    else:
        wave_s = fmean(
            fmean(span.work_s for span in each.spans) + median([s.received_s - s.ended_s for s in each.spans])
            for each in rounds
        )
    return Crossover(contender, fmean(each.startup_s for each in rounds), wave_s)


def scalings(report: Report) -> list[Scaling]:
    """Of each parallel strategy, by number of workers."""
    found: dict[str, list[tuple[int, float]]] = {}
    for contender in report.contenders:
        if is_parallel(contender) and contender.speedup is not None:
            found.setdefault(contender.name, []).append((contender.workers, contender.speedup.estimate))
    result = []
    for name, points in found.items():
        workers, speedups = zip(*sorted(points), strict=True)
        serial = serial_fraction(workers, speedups)
        if serial is not None:
            result.append(Scaling(name, workers, speedups, serial))
    return result


def image_times_s(contender: Contender, images: int) -> list[tuple[float, ...] | None]:
    """For each image its median read, segment and write; None where it never was done."""
    stages: list[list[tuple[float, float, float]]] = [[] for _ in range(images)]
    for each in contender.rounds:
        for span in each.spans:
            if span.stages_s is not None:
                stages[span.image].append(span.stages_s)
    return [tuple(map(median, zip(*each, strict=True))) if each else None for each in stages]


def histogram_words(values_s: Sequence[float]) -> str:
    """A distribution in words: median, middle half, and extremes, in milliseconds."""
    ordered = sorted(values_s)
    at = [ordered[round(share * (len(ordered) - 1))] * 1e3 for share in (0, 0.25, 0.5, 0.75, 1)]
    return f"median {at[2]:.0f} ms, half of them {at[1]:.0f} to {at[3]:.0f} ms, all {at[0]:.0f} to {at[4]:.0f} ms"
