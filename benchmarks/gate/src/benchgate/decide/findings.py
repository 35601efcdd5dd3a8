"""The verdicts of a run, case by case and metric by metric, and the exit status that follows."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ..measure.records import Gap, Trouble
from .estimate import Estimate
from .measured import Measured
from .metrics import Metric, absolute_of
from .needs import need_of
from .rule import Verdict, decide, smallest_seen
from .schedule import FEWEST_PAIRS

CaseVerdict = Verdict | Gap

#: Gravest first: a case's verdict is the gravest of its metrics'.
GRAVITY: tuple[CaseVerdict, ...] = (
    "regressed", "incomparable", "missing", "inconclusive", "new", "skipped", "improved", "unchanged",
)  # fmt: skip
#: Verdicts on cases that were compared and are not slower, and on those of which base has nothing to compare with.
PASSED, APART = frozenset({"unchanged", "improved"}), frozenset({"new", "skipped"})

#: The interval shown misses the true ratio on either side with this probability, from so many pairs on.
SHOWN_MISS, FEWEST_SHOWN = 0.025, 6


@dataclass(frozen=True)
class MetricFinding:
    """One metric of one case: ratios head/base, so 1.03 is a loss of 3%; `base` and `head` in seconds, or bytes.

    `lower` and `upper` are the ends of the interval, or of fewer than `FEWEST_SHOWN` pairs the lowest and the highest.
    `evidence` for a change in the direction of the ratio is a proof from 1/alpha on.
    """

    metric: Metric
    verdict: Verdict
    pairs: int
    ratio: float
    lower: float
    upper: float
    visible: float
    evidence: float
    base: float | None = None
    head: float | None = None

    @classmethod
    def of(
        cls,
        metric: Metric,
        verdict: Verdict,
        estimate: Estimate,
        evidence: float,
        absolute: tuple[float | None, float | None] = (None, None),
    ) -> "MetricFinding":
        """From an estimate in log ratios; `visible` is the smallest loss, as a share, that it could have seen."""
        ends = estimate.lower(SHOWN_MISS), estimate.upper(SHOWN_MISS)
        if 0 < estimate.pairs < FEWEST_SHOWN:
            ends = estimate.lowest, estimate.highest
        ratio, lower, upper = (_exp(value) for value in (estimate.middle, *ends))
        visible = _exp(smallest_seen(estimate)) - 1
        return cls(metric, verdict, estimate.pairs, ratio, lower, upper, visible, evidence, *absolute)


@dataclass(frozen=True)
class CaseFinding:
    """One case: its verdict, why if that needs words, its metrics, and how many blocks were repeated as disturbed.

    `tolerance` is the loss, as a share, that had to be seen; none if the case was not measured.
    """

    case: str
    verdict: CaseVerdict
    why: str
    metrics: tuple[MetricFinding, ...] = ()
    disturbed: int = 0
    tolerance: float | None = None


def find(measured: Measured, missing: list[Trouble]) -> list[CaseFinding]:
    """The verdict on every case that was measured, and on those that only base has."""
    found = [_find_case(measured, case) for case in measured.cases]
    return found + [CaseFinding(trouble.case, trouble.verdict, trouble.why) for trouble in missing]


def exit_status(findings: list[CaseFinding]) -> Literal[0, 1, 3]:
    """0: nothing regressed; 1: something did; 3: something was not decided, or nothing was compared at all."""
    verdicts = {finding.verdict for finding in findings}
    if "regressed" in verdicts:
        return 1
    return 0 if verdicts & PASSED and verdicts <= PASSED | APART else 3


def _find_case(measured: Measured, case: str) -> CaseFinding:
    evidence = measured.evidence
    disturbed, trouble = len(evidence.disturbed(case)), evidence.troubles.get(case)
    metrics = tuple(_find_metric(measured, case, metric) for metric in evidence.metrics(case))
    verdict: CaseVerdict = min((finding.verdict for finding in metrics), key=GRAVITY.index, default="inconclusive")
    if trouble and verdict != "regressed":
        return CaseFinding(case, trouble.verdict, trouble.why, disturbed=disturbed)
    why = f"measured no further: {trouble.why}" if trouble else ""  # what was proven before stays proven
    if verdict == "inconclusive":
        why = _open_still(measured, metrics, case)
    return CaseFinding(case, verdict, why, metrics, disturbed, measured.rule_of(case).tolerance)


def _find_metric(measured: Measured, case: str, metric: Metric) -> MetricFinding:
    values, proved = measured.evidence.values(case, metric), measured.proved((case, metric))
    verdict = decide(values, proved, measured.rule_of(case))
    if verdict == "unchanged" and len(values) < FEWEST_PAIRS:
        verdict = "inconclusive"
    absolute = absolute_of(measured.evidence.blocks(case), metric)
    estimate = Estimate.of(values)
    evidence = measured.evidence_of((case, metric), 1 if estimate.middle >= 0 else -1)
    return MetricFinding.of(metric, verdict, estimate, evidence, absolute)


def _open_still(measured: Measured, metrics: Sequence[MetricFinding], case: str) -> str:
    """Why a case is undecided."""
    clean, reasons = measured.evidence.clean(case), measured.evidence.disturbed(case)
    open_metrics = [finding.metric for finding in metrics if finding.verdict == "inconclusive"]
    if not metrics and not reasons:
        return "no time was left to measure it"
    said = need_of(measured, case, open_metrics) if metrics else "none of its pairs counts"
    if clean >= FEWEST_PAIRS or not reasons:
        return said
    times = "once" if len(reasons) == 1 else f"{len(reasons)} times, last"
    return f"{said}; it was disturbed {times} because {reasons[-1]}"


def _exp(value: float) -> float:
    return math.exp(min(value, 700.0))
