"""What an undecided case still needs, in words: pairs, or a wider tolerance."""

import math
from collections.abc import Sequence

from .estimate import FEWEST_BOUNDED, Estimate, spread
from .measured import Measured
from .metrics import Metric
from .rule import Rule, smallest_seen
from .schedule import FEWEST_PAIRS, FEWEST_SUSPICIOUS_PAIRS, MOST_PAIRS

#: The interval by which a change "looks" slower misses the truth on either side with this probability.
_MISS = 0.025
_LOOKS = "looks"
#: Of fewer pairs, nothing is said to look slower.
_FEWEST_LOOKING = 3
_NAMES: dict[Metric, str] = {"wall": "slower", "cpu": "to take more CPU time", "memory": "to take more memory"}


def need_of(measured: Measured, case: str, metrics: Sequence[Metric]) -> str:
    """Why a case that has evidence is undecided in these metrics, and what would decide it."""
    said = [_need_of_metric(measured, case, metric) for metric in metrics]
    slower = [need for need in said if need[1].startswith(_LOOKS)]  # says more than what another metric lacks
    pairs, words = max(slower or said, key=lambda need: need[0])
    if not 0 < pairs < math.inf:
        return words
    budget = f"give --budget-s {_budget_s(measured, case, pairs):.0f}"
    return f"{words}; about {pairs} more {'pairs' if pairs != 1 else 'pair'} would decide it: {budget}"


def _need_of_metric(measured: Measured, case: str, metric: Metric) -> tuple[float, str]:
    """How many more pairs, and the words before that number; infinite where pairs would not help."""
    rule, values = measured.rule_of(case), measured.evidence.values(case, metric)
    looks = _looks(values, metric, rule)
    if len(values) < FEWEST_PAIRS:
        return FEWEST_SUSPICIOUS_PAIRS - len(values), looks or f"only {_pairs(len(values))} measured"
    estimate = Estimate.of(values)
    if looks and estimate.middle >= rule.alarming:
        return measured.pairs_to_prove((case, metric)), looks
    missing = _pairs_to_clear(values, rule) - len(values)
    if missing <= MOST_PAIRS:
        return max(math.ceil(missing), 1), "too few pairs to be sure"
    spread_share = math.expm1(spread(values))
    return math.inf, (
        f"too noisy for a tolerance of {100 * rule.tolerance:g}%: {metric} of its pairs spreads by {spread_share:.1%}, "
        f"so that only a loss of {math.expm1(min(smallest_seen(estimate), 50.0)):.1%} or more would be seen"
    )


def _pairs(count: int) -> str:
    return f"{count} pairs were" if count != 1 else "1 pair was"


def _looks(values: Sequence[float], metric: Metric, rule: Rule) -> str:
    """By how much a metric looks worse; nothing where that is not worth a suspicion, or where it may be nothing."""
    estimate = Estimate.of(values)
    lower, upper = estimate.lower(_MISS), estimate.upper(_MISS)
    if (
        len(values) < _FEWEST_LOOKING
        or estimate.middle < rule.suspicious
        or (lower <= 0 if len(values) >= FEWEST_BOUNDED else min(values) <= 0)
    ):
        return ""
    bounds = f" ({math.expm1(lower):.1%} to {math.expm1(upper):.1%})" if len(values) >= FEWEST_BOUNDED else ""
    return f"{_LOOKS} {_NAMES[metric]} by {math.expm1(estimate.middle):.1%}{bounds}"


def _pairs_to_clear(values: Sequence[float], rule: Rule) -> float:
    """How many pairs would exclude a loss as large as the tolerance, as far as these tell."""
    estimate = Estimate.of(values)
    width, allowed = smallest_seen(estimate) - max(estimate.middle, 0.0), rule.limit - max(estimate.middle, 0.0)
    return len(values) * (width / allowed) ** 2 if allowed > 0 and math.isfinite(width) else math.inf


def _budget_s(measured: Measured, case: str, pairs: float) -> float:
    """Seconds for what was measured and so many more pairs like the last ones that had the case."""
    taken = [pair.seconds for pair in measured.evidence.pairs]
    like = [pair.seconds for pair in measured.evidence.pairs if any(block.case == case for block in pair.blocks)]
    return math.ceil((sum(taken) + pairs * (like or taken or [0.0])[-1]) / 10) * 10
