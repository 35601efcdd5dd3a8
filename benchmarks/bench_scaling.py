"""How the speed-up grows with images and workers, and from how many images on a pool has repaid its start."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pytest

from benchmarks.measure import Measure, Reference
from benchmarks.workloads import cut, pictures, run, started, tasks
from bgremove.machine import usable_cpus
from bgremove.strategies import Strategy

LOOP = "sequential"
IMAGES = (1, 2, 4, 8, 16)
IMAGES_WITH_START = (16, 32, 64)
WORKERS = tuple(dict.fromkeys((1, usable_cpus(), 2 * usable_cpus())))
"""One shows what the strategy costs; as many as there are cores, what it gains; more, what that spoils."""


@contextmanager
def beside_loop(name: str, workers: int) -> Iterator[tuple[Strategy, Strategy]]:
    """The loop and a strategy, both started."""
    with started(LOOP) as loop, started(name, workers) as chosen:
        yield loop, chosen


@pytest.mark.parametrize("images", IMAGES)
def test_images(measure: Measure, images: int) -> None:
    """More and more images, with workers that are ready: a part-empty last wave costs less and less."""
    work = tasks(pictures("generated", images))
    with beside_loop("processes", usable_cpus()) as (loop, chosen):
        measure(
            partial(run, chosen, cut, work),
            group="scaling: images",
            images=images,
            reference=Reference(LOOP, partial(run, loop, cut, work)),
        )


@pytest.mark.parametrize("images", IMAGES_WITH_START)
def test_images_with_start(measure: Measure, images: int) -> None:
    """The same with the start of the workers, and their end, in the time: where the speed-up passes 1, they pay."""
    work = tasks(pictures("generated", images))

    def start_and_run() -> int:
        with started("processes", usable_cpus()) as chosen:
            return run(chosen, cut, work)

    with started(LOOP) as loop:
        measure(
            start_and_run,
            group="scaling: images, start included",
            images=images,
            reference=Reference(LOOP, partial(run, loop, cut, work)),
        )


@pytest.mark.parametrize("workers", WORKERS)
@pytest.mark.parametrize("strategy", ["threads", "processes"])
def test_workers(measure: Measure, strategy: str, workers: int) -> None:
    """More and more workers."""
    work = tasks(pictures("generated"))
    with beside_loop(strategy, workers) as (loop, chosen):
        measure(
            partial(run, chosen, cut, work),
            group=f"scaling: workers of {strategy}",
            images=len(work),
            reference=Reference(LOOP, partial(run, loop, cut, work)),
        )
