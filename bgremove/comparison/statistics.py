"""Pure functions from measured times to what may be said of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bgremove.errors import UsageError

_CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate and the ends of its confidence interval."""

    estimate: float
    low: float
    high: float


def paired_ratio(base: Sequence[float], other: Sequence[float], *, resamples: int = 9999, seed: int = 0) -> Interval:
    """How many times `base` is `other`, from values that were measured in pairs: geometric mean and its 95% interval.

    A bootstrap over the logarithms of the pairs' ratios, so that whatever slows both of a pair cancels. The
    percentile interval of so few pairs would be too narrow; its percentiles are widened such that it is as wide as
    Student's t for normal values: the expanded percentile interval of Hesterberg 2015
    (https://doi.org/10.1080/00031305.2015.1089789). It can never reach beyond the extreme pairs; under about five
    pairs it therefore still covers less than it says.

    >>> round(paired_ratio([2.0, 4.0, 2.0], [1.0, 2.0, 1.0]).estimate, 9)
    2.0
    """
    if len(base) != len(other) or len(base) < 2:
        raise UsageError(f"{len(base)} and {len(other)} values: an interval takes pairs, two at least")
    logs = np.log(np.divide(base, other))
    tail = _widened_tail(len(logs))
    draws = np.random.default_rng(seed).integers(0, len(logs), (resamples, len(logs)))
    low, high = np.quantile(logs[draws].mean(axis=1), [tail, 1 - tail])
    return Interval(*(math.exp(value) for value in (logs.mean(), low, high)))


def _widened_tail(n: int) -> float:
    """The share of a bootstrap of `n` values that is left out at either end: Hesterberg's, see `paired_ratio`."""
    from scipy import stats  # noqa: PLC0415 (half a second, for this alone)

    return float(stats.norm.cdf(math.sqrt(n / (n - 1)) * stats.t.ppf((1 - _CONFIDENCE) / 2, n - 1)))


class Costs(NamedTuple):
    """What one image, and one start, cost a loop and a parallel run. Units are in the names."""

    loop_s: float
    """An image in the loop."""
    worker_s: float
    """An image in a worker, until the result is back."""
    startup_s: float
    """By how much longer the parallel run takes to start."""


def pays_from(costs: Costs, workers: int) -> int | None:
    """Smallest number of images from which a parallel run, start-up included, always beats the loop.

    A model of measured figures: `n` images take the loop ``n * loop_s``; in parallel they take ``startup_s`` and
    then waves of `workers` images, each wave ``worker_s``. The last wave may be part empty, so a number that wins can
    be followed by one that loses; the answer is the number after the last loss. None if there is no such number.

    >>> pays_from(Costs(loop_s=1.0, worker_s=1.0, startup_s=0.5), workers=2)
    2
    >>> pays_from(Costs(loop_s=1.0, worker_s=2.0, startup_s=0.5), workers=2) is None
    True
    """
    loop_s, worker_s, startup_s = costs
    gain_s = workers * loop_s - worker_s  # of a full wave
    if gain_s <= 0:
        return None
    # Of a wave its first image alone is the likeliest to lose: the last wave in which that does has the last loss.
    wave = math.floor((startup_s + (workers - 1) * loop_s) / gain_s)
    if wave < 1:
        return 1
    return min(wave * workers, math.floor((startup_s + wave * worker_s) / loop_s)) + 1


@dataclass(frozen=True, slots=True)
class BreakEven:
    """From how many images on a strategy pays, and the ends of the 95% interval. None: from no number."""

    images: int | None
    low: int | None
    high: int | None

    def __str__(self) -> str:
        """As it is shown."""
        images, low, high = ("never" if count is None else str(count) for count in (self.images, self.low, self.high))
        return images if low == high else f"{images} ({low} to {high})"


def break_even(rounds: Sequence[Costs], workers: int, *, resamples: int = 999, seed: int = 0) -> BreakEven:
    """`pays_from` of the mean costs of all rounds, with its 95% interval.

    A bootstrap over the rounds, each with its loop, whose percentiles are widened as those of `paired_ratio`: the
    interval is as wide as the rounds scatter, and reaches to *never* where they leave open whether there is a gain.

    >>> str(break_even([Costs(1.0, 1.0, 0.5), Costs(1.1, 1.0, 0.5), Costs(0.9, 1.0, 0.5)], workers=2))
    '2'
    """
    costs = np.array(rounds)
    draws = np.random.default_rng(seed).integers(0, len(costs), (resamples, len(costs)))
    found = sorted(_count(each, workers) for each in costs[draws].mean(axis=1))
    tail = _widened_tail(len(costs))
    ends = found[math.floor(tail * (resamples - 1))], found[math.ceil((1 - tail) * (resamples - 1))]
    images = _count(costs.mean(axis=0), workers)
    return BreakEven(*(None if math.isinf(count) else int(count) for count in (images, *ends)))


def _count(costs: NDArray[np.float64], workers: int) -> float:
    """`pays_from` as a number that can be put in order."""
    count = pays_from(Costs(*costs.tolist()), workers)
    return math.inf if count is None else count


def serial_fraction(workers: Sequence[int], speedups: Sequence[float]) -> float | None:
    """The part of the work that does not get faster with more workers, by Amdahl's law, between 0 and 1.

    The law says ``1 / speedup = f + (1 - f) / workers``, in which `f` is linear: least squares over all points with
    more than one worker (Amdahl 1967, https://doi.org/10.1145/1465482.1465560). None if there is no such point.

    >>> serial_fraction([1, 2, 4], [1.0, 2.0, 4.0]), round(serial_fraction([2, 4], [1.6, 2.2857]), 3)
    (0.0, 0.25)
    """
    points = [(1 - 1 / n, 1 / s - 1 / n) for n, s in zip(workers, speedups, strict=True) if n > 1]
    if not points:
        return None
    fraction = sum(x * y for x, y in points) / sum(x * x for x, _ in points)
    return min(1.0, max(0.0, fraction))


def amdahl(fraction: float, workers: float) -> float:
    """Speed-up with `workers`, if the `fraction` of the work is serial.

    >>> amdahl(0.25, 2)
    1.6
    """
    return 1 / (fraction + (1 - fraction) / workers)
