"""Does parallel pay? Interleaved rounds of the same work under several strategies, and what they show."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from bgremove.batch import Job
from bgremove.batch.run import estimate_s
from bgremove.batch.worker import Times
from bgremove.comparison.rounds import MeasuringWorker, Round, run_round
from bgremove.comparison.statistics import BreakEven, Costs, Interval, break_even, paired_ratio
from bgremove.cutout import Cutout
from bgremove.errors import BgremoveError, UsageError
from bgremove.machine import usable_cpus
from bgremove.preparation import Preparation
from bgremove.settings import Settings
from bgremove.strategies import BUILT_IN, STRATEGIES, Strategy, choose, make_strategy
from bgremove.url import Location

BASELINE = "sequential"
OPENCV_THREADS = "opencv_threads"
ONE_AT_A_TIME = (BASELINE, OPENCV_THREADS)
"""Names of contenders that are not parallel."""
CONTENDERS = (BASELINE, OPENCV_THREADS, *(name for name in STRATEGIES if name != BASELINE))
"""What `compare` can compare: every strategy, and the loop in which OpenCV uses threads of its own."""
DEFAULT_CONTENDERS = tuple(name for name in CONTENDERS if name in {OPENCV_THREADS, *BUILT_IN})
"""Those that need nothing else installed."""

MIN_ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Contender:
    """A name out of `CONTENDERS` with a number of workers."""

    name: str
    workers: int

    def strategy(self, settings: Settings) -> Strategy:
        """A new strategy, not yet started."""
        own_threads = self.name == OPENCV_THREADS
        preparation = Preparation(
            settings.engine, settings.model, threads=None if own_threads else 1, edge=settings.edge
        )
        name = BASELINE if own_threads else self.name
        return make_strategy(name, workers=None if name == BASELINE else self.workers, worker_context=preparation)


@dataclass(frozen=True, slots=True)
class StrategyResult:
    """All rounds of one contender, and the figures that come of them. Units are in the names.

    `cpu_utilisation` is CPU seconds / (wall seconds x usable CPUs). `speedup` is against `sequential`, pairwise by
    round, without start-up; `total_speedup` includes start-up. `efficiency` is speed-up per worker.
    """

    name: str
    workers: int
    startup_s: float
    wall_s: tuple[float, ...]
    cpu_utilisation: float
    peak_memory_bytes: int
    memory_metric: str
    images_per_s: float
    speedup: Interval
    total_speedup: Interval
    efficiency: float
    pays_from: BreakEven | None
    """With start-up; None of what runs one image at a time."""
    images: tuple[Times, ...]
    rounds: tuple[Round, ...]

    def totals_s(self) -> list[float]:
        """What each round took, start-up included."""
        return _totals(self.rounds)


@dataclass(frozen=True, slots=True)
class Comparison:
    """The workload, what differed, and a result for each contender, `sequential` first."""

    jobs: tuple[Job, ...]
    failed: tuple[tuple[Location, BgremoveError], ...]
    rounds: int
    settings: Settings
    differing: tuple[Location, ...]
    auto: str
    """The strategy that `auto` would have chosen for the workload."""
    results: tuple[StrategyResult, ...]


def contenders(names: Sequence[str], workers: Sequence[int]) -> list[Contender]:
    """The baseline first, then every other name, those that run in parallel once for each number of workers."""
    unknown = [name for name in names if name not in CONTENDERS]
    if unknown:
        raise UsageError(f"there is no strategy {', '.join(unknown)}; choose from {', '.join(CONTENDERS)}")
    if any(count < 1 for count in workers):
        raise UsageError("the number of workers must be at least 1")
    chosen = [Contender(BASELINE, 1)]
    for name in dict.fromkeys(names):
        if name == OPENCV_THREADS:
            chosen.append(Contender(name, usable_cpus()))
        elif name != BASELINE:
            chosen.extend(Contender(name, count) for count in dict.fromkeys(workers))
    return chosen


def compare(
    jobs: Sequence[Job],
    settings: Settings,
    chosen: Sequence[Contender],
    *,
    rounds: int = 5,
    on_image: Callable[[], None] = lambda: None,
    on_cutout: Callable[[Job, Cutout], None] | None = None,
) -> Comparison:
    """Run `jobs` `rounds` times under each contender, in random order within a round, and compare.

    An untimed pass comes first: it fills the file cache, and drops images that fail, which are named in the result.
    Every round starts its workers anew; start-up is timed apart. Outputs go to a temporary folder.
    `on_image` is called for each image that is completed, the first pass included; `on_cutout` with each job and
    its cutout, in the first pass alone.

    Raises `UsageError` with under three rounds or without any image that can be done, and the error of an image that
    fails after the first pass, at the end of that round.
    """
    if rounds < MIN_ROUNDS:
        raise UsageError(f"{rounds} rounds show no spread; take at least {MIN_ROUNDS}")
    worker = MeasuringWorker(settings)
    first = run_round(jobs, MeasuringWorker(settings, on_cutout), chosen[0].strategy(settings), on_image)
    failed = {outcome.index: outcome.error for outcome in first.outcomes if outcome.error is not None}
    kept = [job for index, job in enumerate(jobs) if index not in failed]
    if not kept:
        reasons = "; ".join(str(error) for error in list(failed.values())[:3])
        raise UsageError(f"there is no image to compare with. {reasons}".rstrip())
    order = random.Random(0)
    history: dict[Contender, list[Round]] = {contender: [] for contender in chosen}
    for _ in range(rounds):
        for contender in order.sample(list(chosen), len(chosen)):
            done = run_round(kept, worker, contender.strategy(settings), on_image)
            done.values()  # an image that fails now, because a worker was killed, leaves nothing to compare
            history[contender].append(done)
    return Comparison(
        jobs=tuple(kept),
        failed=tuple((jobs[index].source, error) for index, error in failed.items()),
        rounds=rounds,
        settings=settings,
        auto=choose([estimate_s(settings, job.pixels or 0) for job in kept], workers=usable_cpus()),
        differing=tuple(kept[index].source for index in _differing(history)),
        results=tuple(result_of(contender, own, history[chosen[0]]) for contender, own in history.items()),
    )


def _differing(history: dict[Contender, list[Round]]) -> list[int]:
    """Indices of the images whose mask was not the same in every round of every contender."""
    digests = [[value.digest for value in each.values()] for own in history.values() for each in own]
    return [index for index, of_image in enumerate(zip(*digests, strict=True)) if len(set(of_image)) > 1]


def result_of(contender: Contender, own: Sequence[Round], baseline: Sequence[Round]) -> StrategyResult:
    """The figures of one contender, from its rounds and those of the loop."""
    count = len(own[0].outcomes)
    walls, loop_walls = _walls(own), _walls(baseline)
    speedup = paired_ratio(loop_walls, walls)
    parallel = contender.name not in ONE_AT_A_TIME
    return StrategyResult(
        name=contender.name,
        workers=contender.workers,
        startup_s=median([each.startup_s for each in own]),
        wall_s=tuple(walls),
        cpu_utilisation=median([each.reading.cpu_utilisation for each in own]),
        peak_memory_bytes=max(each.reading.peak_bytes for each in own),
        memory_metric=own[0].reading.memory_metric,
        images_per_s=count / median(walls),
        speedup=speedup,
        total_speedup=paired_ratio(_totals(baseline), _totals(own)),
        efficiency=speedup.estimate / contender.workers,
        pays_from=break_even(_costs(own, baseline), contender.workers) if parallel else None,
        images=tuple(_median_times([each.values()[index].times for each in own]) for index in range(count)),
        rounds=tuple(own),
    )


def _costs(own: Sequence[Round], baseline: Sequence[Round]) -> list[Costs]:
    """Of each round, beside that of the loop."""
    return [
        Costs(
            loop_s=loop.reading.wall_s / len(loop.outcomes),
            worker_s=fmean(outcome.ended_s - outcome.started_s for outcome in each.outcomes)
            + median([outcome.received_s - outcome.ended_s for outcome in each.outcomes]),
            startup_s=each.startup_s - loop.startup_s,
        )
        for each, loop in zip(own, baseline, strict=True)
    ]


def _walls(rounds: Sequence[Round]) -> list[float]:
    return [each.reading.wall_s for each in rounds]


def _totals(rounds: Sequence[Round]) -> list[float]:
    return [each.startup_s + each.reading.wall_s for each in rounds]


def _median_times(times: Sequence[Times]) -> Times:
    return Times(
        median([each.read_s for each in times]),
        median([each.segment_s for each in times]),
        median([each.write_s for each in times]),
    )
