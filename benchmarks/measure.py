"""How one case is measured: pytest-benchmark times it, and what it does not know of is recorded beside.

A case that has a reference takes turns with it: in every round both run, in random order, so that a machine that grows
slower or faster meanwhile does so for both, and the speed-up comes from pairs of neighbours.
"""

from __future__ import annotations

import gc
import math
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from statistics import median
from time import perf_counter
from typing import Any

from pytest_benchmark.fixture import BenchmarkFixture

from bgremove.comparison.statistics import paired_ratio
from bgremove.meter import Meter, Reading

Work = Callable[[], object]

MIN_ROUNDS, MAX_ROUNDS = 6, 40
"""Under six pairs an interval says little; what is so fast that it needs more than 40 is better looped."""
ROUNDS_S = 3.0
"""About how long the rounds of a case take together, its reference included, unless it is too slow for that."""
METERED_S = 0.4
"""For how long CPU time and memory are watched: CPU time comes in steps of 10 ms a process."""


@dataclass(frozen=True, slots=True)
class Reference:
    """What the work is compared with: the same task done by the case called `name` of the same group."""

    name: str
    work: Work


class Measure:
    """The fixture `measure`: see `__call__`. One use in a case, as with `benchmark`."""

    def __init__(self, benchmark: Any) -> None:
        self._benchmark = benchmark  # a BenchmarkFixture, which has no types

    def __call__(
        self,
        work: Work,
        *,
        group: str,
        images: int | None = None,
        reference: Reference | None = None,
        setup: Work | None = None,
        teardown: Work | None = None,
    ) -> Any:
        """Time `work`; returns what it returned last.

        Parameters
        ----------
        work
            May be called any number of times. What it raises fails the case.
        group
            Title of the table in which the case stands.
        images
            How many images, or other tasks, one call does.
        setup, teardown
            Called before and after each call of `work`, and not timed.

        Besides the times, `extra_info` then has ``images``, ``images_per_s``, ``cpu_s`` (of the process tree, for one
        call), ``cpu_utilisation``, ``peak_pss_bytes`` (``peak_rss_bytes`` where there is no PSS) and, with a reference,
        ``speedup`` with ``speedup_low`` and ``speedup_high`` (95%), ``speedup_against`` and ``baseline_wall_s``.

        Where somebody else has taken the rounds over, as the regression gate does to compare two revisions, there is
        nothing but the work: no reference, and no meter.
        """
        benchmark = self._benchmark
        benchmark.group = group
        if benchmark.disabled or not _rounds_are_ours():
            # of a single round, the gate would think that the work may be done only once
            return benchmark.pedantic(work, setup=_nothing_returned(setup), teardown=teardown, rounds=MIN_ROUNDS)
        reading = _metered(work, setup, teardown)
        info = benchmark.extra_info
        info.update(cpu_s=reading.cpu_s, cpu_utilisation=reading.cpu_utilisation)
        info[f"peak_{reading.memory_metric}_bytes"] = reading.peak_bytes
        if reference is None:
            rounds = _rounds_for(reading.wall_s)
            result = benchmark.pedantic(work, setup=_nothing_returned(setup), teardown=teardown, rounds=rounds)
        else:
            result = self._alternate(work, reference, reading.wall_s, setup, teardown)
        if images is not None:
            info.update(images=images, images_per_s=images / median(_walls(benchmark)))
        return result

    def _alternate(
        self, work: Work, reference: Reference, wall_s: float, setup: Work | None, teardown: Work | None
    ) -> Any:
        first_s = _seconds(reference.work)  # fills caches, as the metered call did for the work
        rounds = _rounds_for(wall_s + (first_s if first_s > 1 else _seconds(reference.work)))
        turns = _Alternation(reference.work, rounds, setup, teardown)
        result = self._benchmark.pedantic(work, setup=turns.before, teardown=turns.after, rounds=rounds)
        speedup = paired_ratio(turns.walls_s, _walls(self._benchmark))
        self._benchmark.extra_info.update(
            speedup=speedup.estimate,
            speedup_low=speedup.low,
            speedup_high=speedup.high,
            speedup_against=reference.name,
            baseline_wall_s=turns.walls_s,
        )
        return result


class _Alternation:
    """Runs the reference once a round, before the work in one half of the rounds and after it in the other."""

    def __init__(self, reference: Work, rounds: int, setup: Work | None, teardown: Work | None) -> None:
        self._reference, self._setup, self._teardown = reference, setup, teardown
        orders = [index % 2 == 0 for index in range(rounds)]
        self._reference_first = random.Random(rounds).sample(orders, rounds)
        self.walls_s: list[float] = []

    def before(self) -> None:
        if self._reference_first[len(self.walls_s)]:
            self.walls_s.append(_seconds(self._reference))
            self._pending = False
        else:
            self._pending = True
        if self._setup is not None:
            self._setup()
        gc.collect()  # what one leaves behind is not paid for by the other

    def after(self) -> None:
        if self._teardown is not None:
            self._teardown()
        if self._pending:
            gc.collect()
            self.walls_s.append(_seconds(self._reference))


def _metered(work: Work, setup: Work | None, teardown: Work | None) -> Reading:
    """What one call takes, as a mean of several if it is short, after one that fills the caches."""
    seconds = _once(work, setup, teardown)
    calls = 1 if setup or teardown else max(1, math.ceil(METERED_S / seconds))
    if setup is not None:
        setup()
    with Meter() as meter:
        for _ in range(calls):
            work()
    if teardown is not None:
        teardown()
    whole = meter.reading
    return replace(whole, wall_s=whole.wall_s / calls, cpu_s=whole.cpu_s / calls)


def _once(work: Work, setup: Work | None, teardown: Work | None) -> float:
    if setup is not None:
        setup()
    try:
        return _seconds(work)
    finally:
        if teardown is not None:
            teardown()


def _seconds(work: Work) -> float:
    start = perf_counter()
    work()
    return perf_counter() - start


def _rounds_for(round_s: float) -> int:
    return max(MIN_ROUNDS, min(MAX_ROUNDS, math.ceil(ROUNDS_S / round_s)))


def _walls(benchmark: Any) -> list[float]:
    walls: list[float] = benchmark.stats.stats.data
    return walls


def _rounds_are_ours() -> bool:
    return BenchmarkFixture.pedantic.__module__.partition(".")[0] == "pytest_benchmark"


def _nothing_returned(setup: Work | None) -> Callable[[], None] | None:
    """`setup`, without a result: pytest-benchmark would take one for the arguments of the work."""

    def call() -> None:
        if setup is not None:
            setup()

    return None if setup is None else call
