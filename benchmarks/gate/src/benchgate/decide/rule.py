"""Pure statistics: from log ratios of pairs to a verdict on one metric of one case.

A pair gives one number x = log(head/base). If head costs what base costs, x is as likely positive as negative at each
size, because the arms differ in nothing and the order of turns was drawn by coin. A player who stakes a share
c tanh(x/s) of the present wealth on x > 0 then has wealth W = prod(1 + c tanh(x_i/s)) with expectation 1, whatever the
distribution of x is and for any c up to 1: W is a test martingale, and the chance that it *ever* reaches 1/a is at
most a (Ville 1939, Étude critique de la notion de collectif; Ramdas et al. 2023, doi:10.1214/23-STS894). So one may
look after each pair and stop at will. If head is faster the expectation is only smaller. No normal distribution is
needed, which matters where few pairs meet a tiny error rate; a t-test would need it.

Over the hypotheses that are confirmed, 1/max(W) is a p-value, and Holm's step-down procedure keeps the chance of any
false alarm in the suite below alpha, however the cases depend on each other (Holm 1979, Scand. J. Statist. 6, 65-70).
Which hypotheses are confirmed was chosen with other data (Cox 1975, doi:10.1093/biomet/62.2.441).
"""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

from .estimate import Estimate, spread

Verdict = Literal["regressed", "improved", "unchanged", "inconclusive"]
Key = TypeVar("Key")

#: A change is suspicious in the screen from this share of the tolerance on, and no alarm below the second share.
SUSPICIOUS_SHARE, ALARM_SHARE = 1 / 4, 1 / 3
#: A loss is grave from this multiple of the tolerance on.
GRAVE_TIMES = 3
#: One-sided error of the bound that must lie below the tolerance before a case is called unchanged (at each look, of
#: which there is one after each confirming pair), and of the bound that must lie below zero before a gain is looked for
#: instead of a loss.
CLEARING_ERROR, GAIN_ERROR = 0.01, 0.05
#: Stakes: the most that is risked on a pair, and a multiple of 1/scale. Who risks all is the quickest, and ruined by
#: the first pair whose processes happen to run in different modes. Wealth is the mean over them, so that none has to
#: be chosen by looking at the result.
_STAKES = ((1.0, 0.5), (1.0, 1.0), (1.0, 2.0), (0.5, 1.0), (0.5, 4.0))


@dataclass(frozen=True)
class Rule:
    """How large a loss must not go unnoticed (`tolerance`, a share) and how often a suite may raise a false alarm."""

    tolerance: float = 0.03
    alpha: float = 0.01

    @property
    def limit(self) -> float:
        """The tolerance as a log ratio."""
        return math.log1p(self.tolerance)

    @property
    def suspicious(self) -> float:
        """Screening estimates from here on, as log ratios in either direction, are measured again."""
        return self.limit * SUSPICIOUS_SHARE

    @property
    def alarming(self) -> float:
        """Confirmed estimates below this are no alarm, however certain: so small a change may be the layout's."""
        return self.limit * ALARM_SHARE


def scale_of(screened: Sequence[float], rule: Rule) -> float:
    """The spread of screening values, for stakes."""
    return max(spread(screened), rule.limit / 10)


def wealth(values: Sequence[float], scale: float) -> float:
    """The largest wealth on the way of a player who bets that values are positive, starting from 1.

    >>> wealth([0.03] * 10, 0.01) > 500
    True
    >>> wealth([0.03, -0.03] * 5, 0.01) < 2
    True

    A process that happens to run in a fast mode does not hide what all others show:

    >>> wealth([0.03] * 7 + [-0.3] + [0.03] * 15, 0.01) > 500
    True
    """
    purses = [1.0] * len(_STAKES)
    largest = 1.0
    for value in values:
        for place, (most, multiple) in enumerate(_STAKES):
            purses[place] *= 1 + most * math.tanh(multiple * value / scale)
        largest = max(largest, statistics.fmean(purses))
    return largest


def holm(wealths: Mapping[Key, float], alpha: float) -> set[Key]:
    """Which of all hypotheses are rejected, with at most `alpha` chance of any wrong one.

    >>> sorted(holm({"a": 1000.0, "b": 150.0, "c": 20.0}, 0.01))
    ['a']
    >>> sorted(holm({"a": 1000.0, "b": 250.0, "c": 20.0}, 0.01))
    ['a', 'b']
    """
    rejected: set[Key] = set()
    for key in sorted(wealths, key=lambda key: -wealths[key]):
        if wealths[key] * alpha < len(wealths) - len(rejected):
            break
        rejected.add(key)
    return rejected


def smallest_seen(estimate: Estimate) -> float:
    """The smallest loss, as a log ratio, that the pairs exclude.

    A lucky gain does not help: what would be excluded at a middle of zero is the least.
    """
    return max(estimate.middle, 0.0) + estimate.upper(CLEARING_ERROR) - estimate.middle


def is_clear(values: Sequence[float], rule: Rule) -> bool:
    """Whether these pairs show that there is no loss as large as the tolerance."""
    return smallest_seen(Estimate.of(values)) < rule.limit


def is_suspicious(values: Sequence[float], rule: Rule) -> bool:
    """Whether a screened metric deserves to be measured again, in either direction."""
    return abs(Estimate.of(values).middle) >= rule.suspicious


def is_grave(values: Sequence[float], rule: Rule) -> bool:
    """Whether each of a few values exceeds the tolerance, and their middle does so several times over."""
    return min(values) > rule.limit and Estimate.of(values).middle > GRAVE_TIMES * rule.limit


def looks_gained(values: Sequence[float], rule: Rule) -> bool:
    """Whether screened values suggest a gain so strongly that none but a gain is looked for."""
    estimate = Estimate.of(values)
    return estimate.middle <= -rule.suspicious and estimate.upper(GAIN_ERROR) < 0


def decide(values: Sequence[float], proved: int, rule: Rule) -> Verdict:
    """The verdict on one metric; `proved` is 1 for a proven loss, -1 for a proven gain, else 0."""
    middle = Estimate.of(values).middle
    if proved > 0 and middle >= rule.alarming:
        return "regressed"
    if proved < 0 and middle <= -rule.alarming:
        return "improved"
    return "unchanged" if is_clear(values, rule) else "inconclusive"
