"""What a schedule has measured, for the judge to read: evidence, and the hypotheses that it was gathered for."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from .evidence import Evidence
from .metrics import Metric
from .rule import Rule, scale_of, wealth


class Hypothesis(NamedTuple):
    """That one metric of one case does not change in one direction (1: grow, -1: shrink)."""

    case: str
    metric: Metric
    direction: Literal[1, -1]


@dataclass(frozen=True)
class Measured:
    """The cases, the rule, the evidence so far, and the hypotheses that the screen chose.

    `tolerances` has those of cases that differ from the rule's.
    """

    cases: Sequence[str]
    rule: Rule
    tolerances: Mapping[str, float]
    evidence: Evidence
    hypotheses: tuple[Hypothesis, ...] = ()

    def rule_of(self, case: str) -> Rule:
        """The rule with the case's own tolerance."""
        return replace(self.rule, tolerance=self.tolerances.get(case, self.rule.tolerance))

    def suspects(self, case: str) -> list[Hypothesis]:
        """The hypotheses about a case; while there are none, its screen goes on or has cleared it."""
        return [hypothesis for hypothesis in self.hypotheses if hypothesis.case == case]

    def wealth_of(self, hypothesis: Hypothesis) -> float:
        """The evidence against a hypothesis: wealth won on confirming pairs with stakes scaled by the screen."""
        case, metric, direction = hypothesis
        scale = scale_of(self.evidence.values(case, metric, "screen"), self.rule_of(case))
        return wealth([direction * value for value in self.evidence.values(case, metric, "confirm")], scale)

    def pairs_to_prove(self, hypothesis: Hypothesis) -> float:
        """How many more confirming pairs the wealth needs, at the rate at which it grew so far."""
        case, metric, direction = hypothesis
        screened = self.evidence.values(case, metric, "screen")
        like = self.evidence.values(case, metric, "confirm") or screened
        won = wealth([direction * value for value in like], scale_of(screened, self.rule_of(case)))
        left = math.log(max(len(self.hypotheses), 1) / self.rule.alpha) - math.log(self.wealth_of(hypothesis))
        return max(math.ceil(left * len(like) / math.log(won)), 1) if won > 1 else math.inf
