"""What a schedule has measured, for the judge to read: evidence, and the hypotheses that it was gathered for."""

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

    def wealth_of(self, hypothesis: Hypothesis) -> float:
        """The evidence against a hypothesis: wealth won on confirming pairs with stakes scaled by the screen."""
        case, metric, direction = hypothesis
        scale = scale_of(self.evidence.values(case, metric, "screen"), self.rule_of(case))
        return wealth([direction * value for value in self.evidence.values(case, metric, "confirm")], scale)
