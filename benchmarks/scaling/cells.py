"""So many images of one size under each strategy, with workers that are ready, beside the ideal."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from benchmarks.scaling.pinned import Pinned
from benchmarks.scaling.quiet import Taken, timed
from benchmarks.speed import scene
from benchmarks.workloads import cut_file, run, started, tasks
from bgremove.batch import Job
from bgremove.comparison.statistics import Interval, paired_ratio
from bgremove.engines import DEFAULT_ENGINE
from bgremove.formats import encode
from bgremove.machine import usable_cpus
from bgremove.preparation import Preparation
from bgremove.strategies import Strategy

IDEAL = "ideal"
LOOP = "sequential"
QUIET = 0.03
"""Share of the CPU time that others may take in a round; one in which they take more is run again."""

MOST_S = 10.0
"""How long rounds of a cell may be run again."""


@dataclass(frozen=True, slots=True)
class Cell:
    """What was measured in each round, by contender, which is `IDEAL` or a strategy."""

    images: int
    megapixels: float
    workers: int
    seconds: dict[str, list[float]]
    """Until all images were done."""
    cpu_seconds: dict[str, list[float]]
    """Of all processes."""
    others: list[float]
    """The largest share of the CPU time that others took in each round."""

    def speedup(self, contender: str, base: str) -> Interval:
        """How many times as fast as `base` a contender is, by their pairs of rounds, with a 95% interval."""
        return paired_ratio(self.seconds[base], self.seconds[contender])


def measure(
    images: Sequence[int], megapixels: float, contenders: Sequence[str], *, workers: int | None = None, rounds: int = 5
) -> Iterator[Cell]:
    """A cell for each number of images. In each round all contenders run once, in random order.

    The images are copies of one scene, as JPEG files, cut out to PNG files: so the shares of the ideal are equal.
    """
    workers = usable_cpus() if workers is None else workers
    order = random.Random(0)
    with _jobs(max(images), megapixels) as jobs, _ready(contenders, workers) as ready:
        for work in ready.values():
            work(jobs[: min(len(jobs), 2 * workers)])  # fills caches
        for count in images:
            calls = {name: partial(work, jobs[:count]) for name, work in ready.items()}
            yield Cell(count, megapixels, workers, *_rounds(calls, rounds, order))


def _rounds(
    calls: Mapping[str, Callable[[], None]], rounds: int, order: random.Random
) -> tuple[dict[str, list[float]], dict[str, list[float]], list[float]]:
    """The quietest of the rounds, which are more than were asked for if others were busy and there is time."""
    measured: list[tuple[float, dict[str, Taken]]] = []
    end_s = perf_counter() + MOST_S
    while len(measured) < rounds or (
        len(measured) < 3 * rounds
        and sum(others <= QUIET for others, _ in measured) < rounds
        and perf_counter() < end_s
    ):
        taken = {name: timed(calls[name]) for name in order.sample(sorted(calls), len(calls))}
        measured.append((max(each.others for each in taken.values()), taken))
    kept = sorted(measured, key=lambda each: each[0])[:rounds]
    walls = {name: [taken[name].wall_s for _, taken in kept] for name in calls}
    return walls, {name: [taken[name].cpu_s for _, taken in kept] for name in calls}, [others for others, _ in kept]


@contextmanager
def _jobs(count: int, megapixels: float) -> Iterator[list[Job]]:
    with TemporaryDirectory(prefix="bgremove-scaling-") as folder:
        image, rect, _ = scene(megapixels, 1)
        first = Path(folder, "0.jpg")
        first.write_bytes(encode(image, "jpg"))
        for index in range(1, count):
            os.link(first, Path(folder, f"{index}.jpg"))
        yield [
            Job(Path(folder, f"{index}.jpg"), {"cutout": Path(folder, f"{index}.png")}, rect, overwrite=True)
            for index in range(count)
        ]


@contextmanager
def _ready(contenders: Sequence[str], workers: int) -> Iterator[dict[str, Callable[[Sequence[Job]], None]]]:
    """What runs jobs under each contender, whose workers wait for them."""
    with ExitStack() as stack:
        ready: dict[str, Callable[[Sequence[Job]], None]] = {}
        for name in contenders:
            if name == IDEAL:
                pinned = stack.enter_context(Pinned(min(workers, usable_cpus()), Preparation(DEFAULT_ENGINE)))
                ready[name] = partial(pinned.run, cut_file)
            else:
                strategy = stack.enter_context(started(name, 1 if name == LOOP else workers))

                def run_all(jobs: Sequence[Job], strategy: Strategy = strategy) -> None:
                    run(strategy, cut_file, tasks(jobs))

                ready[name] = run_all
        yield ready
