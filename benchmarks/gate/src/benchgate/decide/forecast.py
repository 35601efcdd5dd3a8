"""Before measuring: how long one pair of the selected cases takes, and what the budget will therefore decide."""

import math
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from ..measure.turns import least_s
from .schedule import FEWEST_PAIRS, planned_block_s

#: Pairs in which most losses are proven and most cases cleared: those of the study needed so many.
USUAL_PAIRS = 16


@dataclass(frozen=True)
class Forecast:
    """Seconds that each case takes in one pair, beside the `start_s` of its processes, and the budget.

    `setup_s` has what the fixtures of a case take, which is no part of `case_s`. `changed` are cases that run what
    changed: where there is no time for all, they come first. `done` is how many pairs of all cases have been measured.
    """

    case_s: Mapping[str, float]
    start_s: float
    budget_s: float
    changed: frozenset[str] = frozenset()
    done: int = 0
    setup_s: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(
        cls, call_s: Mapping[str, float], start_s: float, budget_s: float, setup_s: Mapping[str, float] | None = None
    ) -> "Forecast":
        """From the seconds that one call of each case takes."""
        block_s = planned_block_s(budget_s, len(call_s))
        case_s = {case: max(block_s, least_s(seconds)) for case, seconds in call_s.items()}
        return cls(case_s, start_s, budget_s, setup_s=setup_s or {})

    @property
    def pair_s(self) -> float:
        """Seconds of one pair of all cases."""
        return self.start_s + sum(map(self._whole_s, self.case_s))

    @property
    def beside_s(self) -> float:
        """What the start of a pair takes, and the fixtures of the cases that are measured."""
        return self.start_s + sum(self.setup_s.get(case, 0.0) for case in self.affordable())

    @property
    def held(self) -> int:
        """How many pairs of all cases the budget holds."""
        return int(self.budget_s / self.pair_s) if self.case_s else 0

    @property
    def may_overestimate(self) -> bool:
        """Whether the trial, which was cold, says too little time, and a first pair can be afforded to see."""
        return not self.done and not self.fits and self.budget_s > 2 * self.pair_s

    def corrected(self, seconds: float) -> "Forecast":
        """The same from what a pair of all cases really took, and the rest of the budget."""
        share = seconds / self.pair_s
        cases, setups = (
            {case: of_case * share for case, of_case in each.items()} for each in (self.case_s, self.setup_s)
        )
        left_s = max(self.budget_s - seconds, 0.0)
        return Forecast(cases, self.start_s * share, left_s, self.changed, self.done + 1, setups)

    @property
    def fits(self) -> bool:
        """Whether the budget holds the fewest pairs in which all cases may be decided."""
        return self.held + self.done >= FEWEST_PAIRS

    def affordable(self) -> list[str]:
        """All cases, or as many as the budget can decide, or at least look at.

        First come the quickest of those that run what changed, then the quickest of the others.
        """
        if self.fits:
            return list(self.case_s)
        usual, fewest = self._fitting(USUAL_PAIRS - self.done), self._fitting(FEWEST_PAIRS - self.done)
        if self.changed.isdisjoint(usual) and not self.changed.isdisjoint(fewest):
            usual = fewest
        chosen = usual or fewest or self._fitting(1)
        return [case for case in self.case_s if case in chosen]

    def _fitting(self, pairs: int) -> set[str]:
        """As many cases as the budget holds so many pairs of."""
        left = self.budget_s / pairs - self.start_s
        chosen: set[str] = set()
        for case in sorted(self.case_s, key=lambda case: (case not in self.changed, self._whole_s(case))):
            if self._whole_s(case) <= left:
                left -= self._whole_s(case)
                chosen.add(case)
        return chosen

    def lines(self) -> list[str]:
        """What to expect, in words."""
        count, wanted_s = len(self.case_s), self._wanted_s(self.case_s)
        if not count:
            return []
        pairs = f"{self.held} pairs" if self.held != 1 else "1 pair"
        pairs = f"{pairs} more" if self.done else pairs
        said = [
            f"one pair of {_cases(count)} takes about {self.pair_s:.0f} s, "
            f"and the budget of {self.budget_s:.0f} s holds {pairs}"
        ]
        if self.may_overestimate:
            return [*said, "that is as of first calls, which are slow: what fits is chosen after one pair of all"]
        chosen = self.affordable()
        if len(chosen) == count:
            if self.held + self.done < USUAL_PAIRS:
                said.append(f"verdicts on all take about {USUAL_PAIRS} pairs: give --budget-s {_rounded(wanted_s)}")
            return said
        said.append(
            f"too few to decide anything about all of them, which takes {FEWEST_PAIRS} pairs at least and about "
            f"{USUAL_PAIRS} as a rule: give --budget-s {_rounded(wanted_s)}, or choose fewer cases"
        )
        return [*said, *self._chosen(chosen)]

    def _chosen(self, chosen: Collection[str]) -> Iterator[str]:
        """Which of the cases are measured, where it is not all of them."""
        first = len(self.changed.intersection(chosen))
        kinds = [f"{_cases(first)} in which changed files run"] if first else []
        if others := len(chosen) - first:
            kinds.append(f"the quickest {_cases(others)}{' of the others' if first else ''}")
        fitting = f"measured first: {' and '.join(kinds)}, which fit; what else there is stays undecided"
        yield fitting if chosen else f"not even the quickest case fits: nothing{' more' * bool(self.done)} is measured"
        if left := self.changed.difference(chosen):
            runs = "runs" if len(left) == 1 else "run"
            budget = f"--budget-s {_rounded(self._wanted_s(self.changed))}"
            yield f"{_cases(len(left))} more {runs} changed files and must wait: {budget} does for all that do"

    def _wanted_s(self, cases: Iterable[str]) -> float:
        """The budget that decides some cases as a rule."""
        return (self.start_s + sum(map(self._whole_s, cases))) * USUAL_PAIRS

    def _whole_s(self, case: str) -> float:
        return self.case_s[case] + self.setup_s.get(case, 0.0)


def _cases(count: int) -> str:
    return f"{count} cases" if count != 1 else "1 case"


def _rounded(seconds: float) -> int:
    return math.ceil(seconds / 10) * 10
