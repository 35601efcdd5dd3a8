"""Pure functions from measured times to what may be said of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

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
    from scipy import stats  # noqa: PLC0415 (half a second, for this alone)

    if len(base) != len(other) or len(base) < 2:
        raise UsageError(f"{len(base)} and {len(other)} values: an interval takes pairs, two at least")
    logs = np.log(np.divide(base, other))
    n = len(logs)
    tail = float(stats.norm.cdf(math.sqrt(n / (n - 1)) * stats.t.ppf((1 - _CONFIDENCE) / 2, n - 1)))
    draws = np.random.default_rng(seed).integers(0, n, (resamples, n))
    low, high = np.quantile(logs[draws].mean(axis=1), [tail, 1 - tail])
    return Interval(*(math.exp(value) for value in (logs.mean(), low, high)))


def pays_from(*, loop_s: float, worker_s: float, startup_s: float, dispatch_s: float, workers: int) -> int | None:
    """Smallest number of images from which a parallel run, start-up included, always beats the loop.

    A model of measured figures: `n` images take the loop ``n * loop_s``; in parallel they take ``startup_s`` and
    then waves of `workers` images, each wave ``worker_s + dispatch_s``. The last wave may be part empty, so a
    number that wins can be followed by one that loses; the answer is the number after the last loss. None if
    there is no such number.

    >>> pays_from(loop_s=1.0, worker_s=1.0, startup_s=0.5, dispatch_s=0.0, workers=2)
    2
    >>> pays_from(loop_s=1.0, worker_s=2.0, startup_s=0.5, dispatch_s=0.0, workers=2) is None
    True
    """
    wave_s = worker_s + dispatch_s
    gain_s = loop_s - wave_s / workers
    if gain_s <= 0:
        return None
    # Each wave costs at most one more than n / workers of them: past this number no loss is possible.
    losable = math.ceil((startup_s + wave_s) / gain_s)
    for n in range(losable, 0, -1):
        if startup_s + math.ceil(n / workers) * wave_s >= n * loop_s:
            return n + 1
    return 1


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
