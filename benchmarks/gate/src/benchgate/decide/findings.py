"""The verdicts of a run, case by case and metric by metric, and the exit status that follows."""

import math
from dataclasses import dataclass
from typing import Literal

from ..measure.records import Gap, Stage, Trouble
from .estimate import Estimate
from .measured import Hypothesis, Measured
from .metrics import Metric, absolute_of
from .needs import need_of
from .rule import Verdict, decide, holm, smallest_seen
from .schedule import SCREEN_PAIRS

CaseVerdict = Verdict | Gap

#: Gravest first: a case's verdict is the gravest of its metrics'.
GRAVITY: tuple[CaseVerdict, ...] = (
    "regressed", "incomparable", "missing", "new", "inconclusive", "improved", "unchanged",
)  # fmt: skip

#: The interval shown misses the true ratio on either side with this probability.
SHOWN_MISS = 0.025


@dataclass(frozen=True)
class MetricFinding:
    """One metric of one case: ratios head/base, so 1.03 is a loss of 3%; `base` and `head` in seconds, or bytes."""

    metric: Metric
    verdict: Verdict
    stage: Stage
    pairs: int
    ratio: float
    lower: float
    upper: float
    visible: float
    wealth: float
    base: float | None = None
    head: float | None = None

    @classmethod
    def of(
        cls,
        metric: Metric,
        verdict: Verdict,
        stage: Stage,
        estimate: Estimate,
        wealth: float,
        absolute: tuple[float | None, float | None] = (None, None),
    ) -> "MetricFinding":
        """From an estimate in log ratios; `visible` is the smallest loss, as a share, that it could have seen."""
        bounds = (estimate.middle, estimate.lower(SHOWN_MISS), estimate.upper(SHOWN_MISS))
        ratio, lower, upper = (_exp(value) for value in bounds)
        visible = _exp(smallest_seen(estimate)) - 1
        return cls(metric, verdict, stage, estimate.pairs, ratio, lower, upper, visible, wealth, *absolute)


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
    wealths = {hypothesis: measured.wealth_of(hypothesis) for hypothesis in measured.hypotheses}
    proved = holm(wealths, measured.rule.alpha)
    found = [_find_case(measured, case, proved) for case in measured.cases]
    return found + [CaseFinding(trouble.case, trouble.verdict, trouble.why) for trouble in missing]


def exit_status(findings: list[CaseFinding]) -> Literal[0, 1, 3]:
    """0: nothing regressed; 1: something did; 3: something was not decided, or there is nothing at all."""
    verdicts = {finding.verdict for finding in findings}
    if "regressed" in verdicts:
        return 1
    return 0 if verdicts and verdicts <= {"unchanged", "improved"} else 3


def _find_case(measured: Measured, case: str, proved: set[Hypothesis]) -> CaseFinding:
    evidence = measured.evidence
    disturbed = len(evidence.disturbed(case))
    if trouble := evidence.troubles.get(case):
        return CaseFinding(case, trouble.verdict, trouble.why, disturbed=disturbed)
    tolerance = measured.rule_of(case).tolerance
    if (clean := evidence.clean(case, "screen")) < SCREEN_PAIRS and not measured.suspects(case):
        seen = tuple(_find_metric(measured, case, metric, set(), decided=False) for metric in evidence.metrics(case))
        return CaseFinding(case, "inconclusive", _too_few(measured, case, clean), seen, disturbed, tolerance)
    metrics = tuple(_find_metric(measured, case, metric, proved) for metric in evidence.metrics(case))
    verdict = min((finding.verdict for finding in metrics), key=GRAVITY.index)
    undecided = [finding.metric for finding in metrics if finding.verdict == "inconclusive"]
    why = need_of(measured, case, undecided) if verdict == "inconclusive" else ""
    return CaseFinding(case, verdict, why, metrics, disturbed, tolerance)


def _find_metric(
    measured: Measured, case: str, metric: Metric, proved: set[Hypothesis], *, decided: bool = True
) -> MetricFinding:
    suspect = next((h for h in measured.hypotheses if (h.case, h.metric) == (case, metric)), None)
    confirmed = suspect is not None and measured.evidence.clean(case, "confirm") > 0
    stage: Stage = "confirm" if confirmed else "screen"
    values = measured.evidence.values(case, metric, stage)
    direction = suspect.direction if suspect and suspect in proved else 0
    won = measured.wealth_of(suspect) if suspect else 1.0
    # what the screen has made suspicious is never decided by the screen
    open_still = not decided or (suspect is not None and not confirmed)
    verdict = "inconclusive" if open_still else decide(values, direction, measured.rule_of(case))
    absolute = absolute_of(measured.evidence.blocks(case, stage), metric)
    return MetricFinding.of(metric, verdict, stage, Estimate.of(values), won, absolute)


def _too_few(measured: Measured, case: str, clean: int) -> str:
    reasons = measured.evidence.disturbed(case)
    if reasons:
        last = f"the last because {reasons[-1]}"
        return f"only {clean} of {SCREEN_PAIRS} pairs were undisturbed, {len(reasons)} were not, {last}"
    if not clean:
        return "no time was left to measure it"
    return need_of(measured, case, measured.evidence.metrics(case))


def _exp(value: float) -> float:
    return math.exp(min(value, 700.0))
