"""The rule of a run, and what some pairs say by it: from log ratios to a verdict on one metric of one case."""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

from .estimate import Estimate

Verdict = Literal["regressed", "improved", "unchanged", "inconclusive"]

#: A change is suspicious from this share of the tolerance on, and no alarm below the second share.
SUSPICIOUS_SHARE, ALARM_SHARE = 1 / 4, 1 / 3
#: A loss is grave from this multiple of the tolerance on.
GRAVE_TIMES = 2
#: One-sided error of the bound that must lie below the tolerance before a case is called unchanged (at each look, of
#: which there is one after each pair), and of the bound that must lie below zero before pairs are spent on a gain.
CLEARING_ERROR, GAIN_ERROR = 0.01, 0.05


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
        """Estimates from here on, as log ratios in either direction, deserve more pairs."""
        return self.limit * SUSPICIOUS_SHARE

    @property
    def alarming(self) -> float:
        """Estimates below this are no alarm, however certain: so small a change may be the layout's."""
        return self.limit * ALARM_SHARE


def smallest_seen(estimate: Estimate) -> float:
    """The smallest loss, as a log ratio, that the pairs exclude.

    A lucky gain does not help: what would be excluded at a middle of zero is the least.
    """
    return max(estimate.middle, 0.0) + estimate.upper(CLEARING_ERROR) - estimate.middle


def is_clear(values: Sequence[float], rule: Rule) -> bool:
    """Whether these pairs show that there is no loss as large as the tolerance."""
    return smallest_seen(Estimate.of(values)) < rule.limit


def is_grave(values: Sequence[float], rule: Rule) -> bool:
    """Whether the middle of some values exceeds the tolerance twice over."""
    return Estimate.of(values).middle > GRAVE_TIMES * rule.limit


def looks_gained(values: Sequence[float], rule: Rule) -> bool:
    """Whether values suggest a gain so strongly that a proof is worth some pairs."""
    estimate = Estimate.of(values)
    return estimate.middle <= -rule.suspicious and estimate.upper(GAIN_ERROR) < 0


def decide(values: Sequence[float], proved: Collection[int], rule: Rule) -> Verdict:
    """The verdict on one metric; `proved` has 1 for a proven loss and -1 for a proven gain."""
    middle = Estimate.of(values).middle
    if 1 in proved and middle >= rule.alarming:
        return "regressed"
    if -1 in proved and middle <= -rule.alarming:
        return "improved"
    return "unchanged" if is_clear(values, rule) else "inconclusive"
