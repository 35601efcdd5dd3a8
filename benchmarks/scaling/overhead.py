"""What a strategy costs beside the images: for each task, by what it carries and how, and for its start."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.workloads import run, started, tasks
from bgremove.strategies import Strategy, strategy_class
from bgremove.strategies.transports import TRANSPORTS, make_transport

PATH = "path"
TASKS = {0.0: 400, 0.1: 100, 1.0: 24, 12.0: 4}
"""How many at a time, by the megapixels of the array that each carries; none where that is 0."""
ROUNDS = 7
START_ROUNDS = 5


def task_costs(strategies: Sequence[str], counts: dict[float, int] = TASKS) -> Iterator[dict[str, Any]]:
    """Seconds a task in each round, for tasks that do nothing but take an image and return a cutout's worth of bytes.

    The loop's and the threads' are those of making the answer; they carry nothing anywhere.
    """
    order = random.Random(0)
    with ExitStack() as stack:
        ready = {name: stack.enter_context(started(name)) for name in strategies}
        for megapixels, count in counts.items():
            calls = dict(_calls(ready, megapixels, count))
            rounds: dict[str, list[float]] = {name: [] for name in calls}
            for number in range(ROUNDS + 1):
                for name in order.sample(sorted(calls), len(calls)):
                    began_s = perf_counter()
                    calls[name]()
                    if number:  # the first fills caches
                        rounds[name].append((perf_counter() - began_s) / count)
            for name, seconds in rounds.items():
                strategy, _, way = name.partition(" ")
                yield {"strategy": strategy, "transport": way, "megapixels": megapixels, "seconds": seconds}


def _calls(ready: dict[str, Strategy], megapixels: float, count: int) -> Iterator[tuple[str, Callable[[], object]]]:
    rows = round((megapixels * 1e6 * 3 / 4) ** 0.5)
    for name, strategy in ready.items():
        if not megapixels:
            yield f"{name} {PATH}", partial(run, strategy, _nothing, tasks(["photograph.jpg"] * count))
            continue
        work = tasks([np.zeros((rows, rows * 4 // 3, 3), np.uint8)] * count)
        if strategy_class(name).in_this_process:
            yield f"{name} {PATH}", partial(run, strategy, _cutout_of, work)
        else:
            for way in TRANSPORTS:
                yield f"{name} {way}", partial(run, strategy, _cutout_of, work, make_transport(way))


def _nothing(_: object) -> None:
    pass


def _cutout_of(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.zeros((*image.shape[:2], 4), np.uint8)


def start_costs(strategies: Sequence[str], rounds: int = START_ROUNDS) -> Iterator[dict[str, Any]]:
    """Seconds from a strategy's name to its workers being ready, and until they have ended, in each round."""
    order = random.Random(0)
    seconds: dict[str, list[float]] = {name: [] for name in strategies}
    for _ in range(rounds):
        for name in order.sample(list(strategies), len(strategies)):
            began_s = perf_counter()
            with started(name):
                pass
            seconds[name].append(perf_counter() - began_s)
    yield from ({"strategy": name, "seconds": each} for name, each in seconds.items())
