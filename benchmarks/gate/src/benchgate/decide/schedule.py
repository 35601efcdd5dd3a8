"""What is measured when: every case a few times, then what is not decided by that, within a budget."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from ..measure.records import Pair, Trouble
from .allocation import Variation
from .estimate import Estimate
from .evidence import Evidence
from .measured import Measured
from .metrics import Metric
from .rule import Rule, is_clear, is_grave, looks_gained

#: A case that looks gravely slower from its first clean pair on is measured alone, up to so many pairs.
MOST_GRAVE_PAIRS = 20
#: Clean pairs before which no case is called unchanged, none that looks changed, and beyond which none is measured.
FEWEST_PAIRS, FEWEST_SUSPICIOUS_PAIRS, MOST_PAIRS = 8, 16, 150
#: Bounds on the time for the turns of one case in one pair, in seconds. In the first pairs at most the second, because
#: fresh processes of the same code differ by 1 to 3%, which more turns in one of them would not tell: more pairs do.
SHORTEST_BLOCK_S, LONGEST_FIRST_BLOCK_S, LONGEST_BLOCK_S = 0.05, 0.7, 4.0
#: The share of the budget that the turns of the first pairs are planned to take (start-up and warm-up come on top).
FIRST_SHARE = 0.35


class Measuring(Protocol):
    """What the schedule needs of a driver of pairs; tests give one that only pretends."""

    def measure(self, block_s: Mapping[str, float]) -> Pair:
        """One pair of the cases of `block_s`, each for about so many seconds."""
        ...


def planned_block_s(budget_s: float, cases: int) -> float:
    """Seconds for the turns of each of so many cases in one of the first pairs."""
    planned = FIRST_SHARE * budget_s / (FEWEST_PAIRS * max(cases, 1))
    return min(max(planned, SHORTEST_BLOCK_S), LONGEST_FIRST_BLOCK_S)


class Schedule:
    """Which pairs of `cases` are measured, within a budget; `measured` holds what they have shown so far.

    `tolerances` has those of cases that differ from the rule's.
    """

    def __init__(
        self,
        driver: Measuring,
        cases: Sequence[str],
        rule: Rule,
        budget_s: float,
        tolerances: Mapping[str, float] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.measured = Measured(cases, rule, tolerances)
        self._driver, self._clock = driver, clock
        self._end = clock() + budget_s
        self._chosen = list(cases)
        self._block_s = planned_block_s(budget_s, len(cases))
        self._least_s: Mapping[str, float] = {}
        self._tries: Counter[str] = Counter()
        self._known: set[str] = set()  # cases of which the first pairs have shown enough to go on by themselves
        self._variation: dict[str, Variation] = {}
        self._start_s = 0.0  # what the last pair took beyond the time planned for turns

    @property
    def _evidence(self) -> Evidence:
        return self.measured.evidence

    def limit_to(self, cases: Sequence[str], least_s: Mapping[str, float], start_s: float) -> None:
        """Measures these cases alone, knowing the least that each takes in a pair and what the start of one takes."""
        self._chosen, self._least_s, self._start_s = list(cases), least_s, start_s

    def give_up(self, troubles: Iterable[Trouble]) -> None:
        """Notes cases that cannot be measured."""
        for trouble in troubles:
            self._evidence.troubles.setdefault(trouble.case, trouble)

    def pairs(self) -> Iterator[Pair]:
        """Measures, and yields each pair when it is part of the evidence.

        What looks slower comes first: where the time is short, a proven loss says more than a cleared case.
        """
        yield from self._while(lambda case: not self._evidence.clean(case), 1)
        yield from self._while(self._is_grave_unproven, MOST_GRAVE_PAIRS)
        yield from self._while(lambda case: self._evidence.clean(case) < FEWEST_PAIRS, FEWEST_PAIRS)
        self._known.update(case for case in self._chosen if self._evidence.clean(case) >= FEWEST_PAIRS)
        yield from self._while(lambda case: bool(self._slower_metrics(case)), MOST_PAIRS, self._pairs_to_prove)
        yield from self._while(lambda case: bool(self._open_metrics(case)), MOST_PAIRS)

    def _is_grave_unproven(self, case: str) -> bool:
        """Whether a time exceeds the tolerance twice over, and no loss of the case is proven yet.

        On a busy machine one pair often looks grave by chance: a case that does so no more waits with the others.
        """
        rule, metrics = self.measured.rule_of(case), self._evidence.metrics(case)
        if any(1 in self.measured.proved((case, metric)) for metric in metrics):
            return False
        return any(is_grave(self._evidence.values(case, metric), rule) for metric in metrics if metric != "memory")

    def _slower_metrics(self, case: str) -> list[Metric]:
        """Those of a case that look slower and need more pairs."""
        suspicious = self.measured.rule_of(case).suspicious
        return [metric for metric in self._open_metrics(case) if self._middle(case, metric) >= suspicious]

    def _open_metrics(self, case: str) -> list[Metric]:
        """Those of a known case that need more pairs."""
        metrics = self._evidence.metrics(case) if case in self._known else []
        return [metric for metric in metrics if self._needs_more(case, metric)]

    def _needs_more(self, case: str, metric: Metric) -> bool:
        """Whether a metric is neither proven to have changed nor shown not to be slower."""
        rule, values = self.measured.rule_of(case), self._evidence.values(case, metric)
        proved, middle = self.measured.proved((case, metric)), self._middle(case, metric)
        if (1 in proved and middle >= rule.alarming) or (-1 in proved and middle <= -rule.alarming):
            return False
        if middle >= rule.alarming or looks_gained(values, rule):
            return True
        fewest = FEWEST_SUSPICIOUS_PAIRS if middle >= rule.suspicious else FEWEST_PAIRS
        return len(values) < fewest or not is_clear(values, rule)

    def _middle(self, case: str, metric: Metric) -> float:
        return Estimate.of(self._evidence.values(case, metric)).middle

    def _while(
        self, wanted: Callable[[str], bool], most: int, pairs_needed: Callable[[str], float] = lambda _: 1.0
    ) -> Iterator[Pair]:
        """Pairs of the wanted cases until none is left or time is; a case is tried at most twice `most` times."""
        while open_cases := [case for case in self._chosen if wanted(case) and self._may_try(case, most)]:
            begun = self._clock()
            block_s = self._fitting(open_cases, self._end - begun, pairs_needed)
            if not block_s:
                return
            pair = self._driver.measure(block_s)
            self._tries.update(block_s.keys())
            self.measured.add(pair, block_s)
            planned_s = sum(max(block_s[case], self._least_s.get(case, 0.0)) for case in block_s)
            self._start_s = max(self._clock() - begun - planned_s, 0.0)
            yield pair

    def _fitting(self, cases: Sequence[str], left_s: float, pairs_needed: Callable[[str], float]) -> dict[str, float]:
        """Seconds of turns for the next pair of those cases that can all be finished in the time that is left.

        The gravest come first, so that where the time will not do for all, they at least are decided.
        """
        planned = {case: self._block_s_of(case, self._start_s / len(cases)) for case in cases}
        pair_s, pairs = self._start_s, 1.0
        fitting: set[str] = set()
        for case in sorted(cases, key=self._gravity, reverse=True):
            with_it_s = pair_s + max(planned[case], self._least_s.get(case, 0.0))
            needed = max(pairs, pairs_needed(case))
            if with_it_s * (needed if fitting else 1.0) <= left_s:
                fitting.add(case)
                pair_s, pairs = with_it_s, needed
        return {case: planned[case] for case in cases if case in fitting}

    def _pairs_to_prove(self, case: str) -> float:
        needed = [self.measured.pairs_to_prove((case, metric)) for metric in self._slower_metrics(case)]
        return max(needed, default=1.0)

    def _gravity(self, case: str) -> float:
        """By how much the case looks slower, against its tolerance; nothing before there is a pair of it."""
        middles = [self._middle(case, metric) for metric in self._evidence.metrics(case)]
        return max(middles, default=0.0) / self.measured.rule_of(case).limit

    def _block_s_of(self, case: str, start_s: float) -> float:
        """As short as all have in the first pairs; afterwards up to LONGEST_BLOCK_S where it pays for a time.

        A loss that looks larger than the tolerance is seen with less precision: more pairs prove it sooner.
        """
        if case not in self._known or self._open_metrics(case) == ["memory"]:
            return self._block_s
        if case not in self._variation:
            self._variation[case] = Variation.of(self._evidence.blocks(case))
        to_see = self.measured.rule_of(case).limit * max(self._gravity(case), 1.0)
        best_s = self._variation[case].best_block_s(start_s, to_see)
        return min(max(self._block_s, best_s), LONGEST_BLOCK_S)

    def _may_try(self, case: str, most: int) -> bool:
        if case in self._evidence.troubles:
            return False
        return self._evidence.clean(case) < most and self._tries[case] < 2 * most
