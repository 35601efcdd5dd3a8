"""Before measuring: how long one pair of the selected cases takes, and what the budget will therefore decide."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from ..measure.turns import least_s
from .schedule import SCREEN_PAIRS, planned_block_s

#: Pairs after the screen in which most losses are proven and most cases cleared: those of the study needed so many.
CONFIRM_PAIRS = 16


@dataclass(frozen=True)
class Forecast:
    """Seconds that each case takes in one pair, beside the `start_s` of its processes, and the budget."""

    case_s: Mapping[str, float]
    start_s: float
    budget_s: float

    @classmethod
    def of(cls, call_s: Mapping[str, float], start_s: float, budget_s: float) -> "Forecast":
        """From the seconds that one call of each case takes."""
        block_s = planned_block_s(budget_s, len(call_s))
        return cls({case: max(block_s, least_s(seconds)) for case, seconds in call_s.items()}, start_s, budget_s)

    @property
    def pair_s(self) -> float:
        """Seconds of one pair of all cases."""
        return self.start_s + sum(self.case_s.values())

    @property
    def held(self) -> int:
        """How many pairs of all cases the budget holds."""
        return int(self.budget_s / self.pair_s) if self.case_s else 0

    @property
    def may_overestimate(self) -> bool:
        """Whether the trial, which was cold, says too little time, and a first pair can be afforded to see."""
        return self.held < SCREEN_PAIRS and self.budget_s > 2 * self.pair_s

    def corrected(self, seconds: float) -> "Forecast":
        """The same from what a pair of all cases really took, and the rest of the budget."""
        share = seconds / self.pair_s
        cases = {case: case_s * share for case, case_s in self.case_s.items()}
        return Forecast(cases, self.start_s * share, self.budget_s - seconds)

    def affordable(self) -> list[str]:
        """All cases, or as many of the quickest as the budget can decide, or at least look at."""
        if self.held >= SCREEN_PAIRS:
            return list(self.case_s)
        chosen = self._fitting(SCREEN_PAIRS + CONFIRM_PAIRS) or self._fitting(SCREEN_PAIRS) or self._fitting(1)
        return [case for case in self.case_s if case in chosen]

    def _fitting(self, pairs: int) -> set[str]:
        """The quickest cases, as many as the budget holds so many pairs of."""
        left = self.budget_s / pairs - self.start_s
        chosen: set[str] = set()
        for case in sorted(self.case_s, key=lambda case: self.case_s[case]):
            left -= self.case_s[case]
            if left < 0:
                break
            chosen.add(case)
        return chosen

    def lines(self) -> list[str]:
        """What to expect, in words."""
        count, wanted_s = len(self.case_s), self.pair_s * (SCREEN_PAIRS + CONFIRM_PAIRS)
        if not count:
            return []
        pairs = f"{self.held} pairs" if self.held != 1 else "1 pair"
        said = [
            f"one pair of {_cases(count)} takes about {self.pair_s:.0f} s, "
            f"and the budget of {self.budget_s:.0f} s holds {pairs}"
        ]
        chosen = self.affordable()
        if len(chosen) == count:
            if self.held < SCREEN_PAIRS + CONFIRM_PAIRS:
                said.append(
                    f"verdicts on all take about {SCREEN_PAIRS + CONFIRM_PAIRS} pairs: --budget-s {_rounded(wanted_s)}"
                )
            return said
        said.append(
            f"too few to decide anything about all of them, which takes {SCREEN_PAIRS} pairs at least and about "
            f"{SCREEN_PAIRS + CONFIRM_PAIRS} as a rule: --budget-s {_rounded(wanted_s)}, or choose fewer cases"
        )
        said.append(
            f"measured first: the quickest {_cases(len(chosen))}, which fit; what else there is stays undecided"
            if chosen
            else "not even the quickest case fits: nothing is measured"
        )
        return said


def _cases(count: int) -> str:
    return f"{count} cases" if count != 1 else "1 case"


def _rounded(seconds: float) -> int:
    return math.ceil(seconds / 10) * 10
