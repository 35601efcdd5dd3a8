"""The universal scalability law, fitted to speed-ups by workers.

``speedup(n) = one * n / (1 + contention * (n - 1) + coherency * n * (n - 1))``: `contention` is the share of the work
for which workers wait for one another, and with `coherency` 0 it is the serial part of Amdahl's law; `coherency` is
what each pair of workers costs, which makes the speed-up fall again (Gunther 2008, https://arxiv.org/abs/0808.1431).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass

import numpy as np
from numpy.typing import NDArray

from bgremove.comparison.statistics import Interval

_RESAMPLES = 300


@dataclass(frozen=True, slots=True)
class Law:
    """See the module; `one` is the speed-up of a single worker."""

    one: float
    contention: float
    coherency: float

    def speedup(self, workers: float) -> float:
        """With so many workers.

        >>> Law(1.0, 0.0, 0.0).speedup(8), Law(1.0, 0.25, 0.0).speedup(2)
        (8.0, 1.6)
        """
        return float(_speedup(workers, *astuple(self)))


def fitted(speedups: Mapping[int, Sequence[float]], start: Law | None = None) -> Law:
    """Least squares of relative errors over the speed-ups of all rounds by workers, of three counts at least.

    `start` is a law that is near, for the search to begin at.
    """
    from scipy.optimize import curve_fit  # noqa: PLC0415 - takes longer than all that imports this module besides

    workers = np.concatenate([np.full(len(rounds), float(count)) for count, rounds in speedups.items()])
    values = np.concatenate([np.asarray(rounds, float) for rounds in speedups.values()])
    start = start or Law(float(np.mean(speedups[min(speedups)])) / min(speedups), 0.05, 0.005)
    bounds = 0, [np.inf, 1, 1]
    found, _ = curve_fit(_speedup, workers, values, astuple(start), sigma=values, bounds=bounds, jac=_slopes)
    return Law(*map(float, found))


def fitted_intervals(speedups: Mapping[int, Sequence[float]], confidence: float = 0.95) -> dict[str, Interval]:
    """The law's three figures by name, with the percentiles of a bootstrap over the rounds of each count of workers."""
    generator = np.random.default_rng(0)
    law, tail = fitted(speedups), (1 - confidence) / 2
    draws = [
        fitted({count: list(generator.choice(rounds, len(rounds))) for count, rounds in speedups.items()}, law)
        for _ in range(_RESAMPLES)
    ]
    intervals = {}
    for name in ("one", "contention", "coherency"):
        low, high = np.quantile([getattr(draw, name) for draw in draws], [tail, 1 - tail])
        intervals[name] = Interval(getattr(law, name), float(low), float(high))
    return intervals


def _speedup(
    workers: float | NDArray[np.float64], one: float, contention: float, coherency: float
) -> NDArray[np.float64]:
    return np.asarray(one * workers / (1 + contention * (workers - 1) + coherency * workers * (workers - 1)))


def _slopes(workers: NDArray[np.float64], one: float, contention: float, coherency: float) -> NDArray[np.float64]:
    """Derivatives of `_speedup` by its three parameters, one column each."""
    speedup = _speedup(workers, one, contention, coherency)
    shrinks = speedup**2 / (one * workers)
    return np.stack([speedup / one, -shrinks * (workers - 1), -shrinks * workers * (workers - 1)], axis=1)
