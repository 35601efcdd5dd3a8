"""The middle of some numbers and how far the truth may be from it, without belief in a normal distribution.

Fresh processes of the same code agree within a percent and then, one in ten, differ by twenty: the mean of such numbers
is moved by the few, Student's interval is as wide as they are. The middle is therefore the median of all pairwise means
(Hodges and Lehmann 1963, doi:10.1214/aoms/1177704172), and its bounds are those pairwise means that the signed-rank
test does not reject (Wilcoxon 1945, doi:10.2307/3001968; Hollander, Wolfe and Chicken 2014, Nonparametric Statistical
Methods, section 3.2). They hold exactly for any distribution that is symmetric, as that of log(head/base) is where the
arms differ in a constant factor only. Normal numbers are used with 95% of the mean's efficiency.
"""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

#: Fewer numbers have no bounds that are missed with a probability of 1% only.
FEWEST_BOUNDED = 7


@dataclass(frozen=True)
class Estimate:
    """The middle of `pairs` log ratios, with what is known about its error. O(pairs^2) time and memory."""

    pairs: int
    middle: float
    _means: NDArray[np.float64]

    @classmethod
    def of(cls, values: Sequence[float]) -> "Estimate":
        """From one number a pair; of none, the middle is 0 and anything may be true.

        >>> Estimate.of([0.03, 0.05, 0.04, 9.0]).middle < 0.06
        True
        """
        means = _pairwise_means(tuple(values))
        half = len(means) // 2
        return cls(len(values), float(means[half] + means[-1 - half]) / 2 if len(means) else 0.0, means)

    @property
    def lowest(self) -> float:
        """The least of the numbers, of which there is one at least."""
        return float(self._means[0])

    @property
    def highest(self) -> float:
        """The largest of the numbers, of which there is one at least."""
        return float(self._means[-1])

    def upper(self, miss: float) -> float:
        """What the truth exceeds with probability `miss` at most; infinite with too few pairs to say."""
        outside = _ranks_outside(self.pairs, miss)
        return float(self._means[-outside]) if outside else math.inf

    def lower(self, miss: float) -> float:
        """What the truth falls below with probability `miss` at most; minus infinity with too few pairs to say."""
        outside = _ranks_outside(self.pairs, miss)
        return float(self._means[outside - 1]) if outside else -math.inf


@lru_cache(maxsize=512)  # the same numbers are asked for several things
def _pairwise_means(values: tuple[float, ...]) -> NDArray[np.float64]:
    """The mean of every number with itself and each later one, sorted."""
    numbers = np.asarray(values, np.float64)
    first, second = _all_pairs(len(numbers))
    return np.sort((numbers[first] + numbers[second]) / 2)


@lru_cache(maxsize=256)
def _all_pairs(numbers: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Indices of every number with itself and each later one."""
    return np.triu_indices(numbers)


@lru_cache(maxsize=1024)
def _ranks_outside(pairs: int, miss: float) -> int:
    """The largest k such that the signed-rank statistic of `pairs` numbers is below k with probability <= `miss`."""
    chances = np.ones(1)
    for rank in range(1, pairs + 1):
        with_rank = np.zeros(len(chances) + rank)
        with_rank[: len(chances)] = chances
        with_rank[rank:] += chances
        chances = with_rank / 2
    return int(np.searchsorted(np.cumsum(chances), miss, side="right"))


def spread(values: Sequence[float]) -> float:
    """The median distance from the median, made a standard deviation as of normal numbers."""
    middle = statistics.median(values)
    return 1.4826 * statistics.median(abs(value - middle) for value in values)


def interquartile_mean(values: Sequence[float]) -> float:
    """The mean of the middle half: hardly moved by a burst of load in some turns, less wasteful than the median."""
    ordered = sorted(values)
    cut = len(ordered) // 4
    return statistics.fmean(ordered[cut : len(ordered) - cut])
