"""What is measured when: every case is screened, what the screen cannot clear is confirmed, within a budget."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from ..measure.records import Pair, Stage, Trouble
from .allocation import Variation
from .estimate import Estimate
from .evidence import Evidence
from .measured import Hypothesis, Measured
from .rule import Rule, is_clear, is_grave, is_suspicious, looks_gained

#: Clean pairs of each case in the screen, and after how many a case that looks gravely slower is confirmed at once.
SCREEN_PAIRS, GRAVE_PAIRS = 8, 3
#: Confirming pairs that such a case is given before the others are screened on.
MOST_GRAVE_PAIRS = 20
#: Clean pairs of a confirmed case: never called unchanged with fewer than the first, never measured beyond the second.
LEAST_CONFIRM_PAIRS, MOST_CONFIRM_PAIRS = 8, 150
#: Bounds on the time for the turns of one case in one pair, in seconds. In the screen at most the second, because fresh
#: processes of the same code differ by 1 to 3%, which more turns in one of them would not tell: more pairs do.
SHORTEST_BLOCK_S, LONGEST_SCREEN_BLOCK_S, LONGEST_BLOCK_S = 0.05, 0.7, 4.0
#: A control workload that differs between the arms by more than this many tolerances disturbs a block. Wide, for the
#: control itself varies by some percent between processes: this is for what is grossly out of order.
DISTURBING_SHARE = 3.0
#: The share of the budget that the turns of the screen are planned to take (start-up and warm-up come on top).
SCREEN_SHARE = 0.35


class Measuring(Protocol):
    """What the schedule needs of a driver of pairs; tests give one that only pretends."""

    def measure(self, block_s: Mapping[str, float], stage: Stage) -> Pair:
        """One pair of the cases of `block_s`, each for about so many seconds."""
        ...


def planned_block_s(budget_s: float, cases: int) -> float:
    """Seconds for the turns of each of so many cases in a pair of the screen."""
    planned = SCREEN_SHARE * budget_s / (SCREEN_PAIRS * max(cases, 1))
    return min(max(planned, SHORTEST_BLOCK_S), LONGEST_SCREEN_BLOCK_S)


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
        self.measured = Measured(cases, rule, tolerances or {}, Evidence(DISTURBING_SHARE * rule.limit))
        self._driver, self._clock = driver, clock
        self._end = clock() + budget_s
        self._chosen = list(cases)
        self._block_s = planned_block_s(budget_s, len(cases))
        self._least_s: Mapping[str, float] = {}
        self._tries: dict[tuple[str, Stage], int] = {}
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
        """Measures, and yields each pair when it is part of the evidence."""
        yield from self._screen(GRAVE_PAIRS)
        self._suspect(self._looks_grave)
        yield from self._while("confirm", self._may_be_grave, MOST_GRAVE_PAIRS)
        yield from self._screen(SCREEN_PAIRS)
        self._suspect(lambda case: self._evidence.clean(case, "screen") >= SCREEN_PAIRS)
        yield from self._confirm()

    def _screen(self, pairs: int) -> Iterator[Pair]:
        """Every case in so many clean pairs, but those of which it is known already that they must be confirmed."""
        yield from self._while(
            "screen",
            lambda case: self._evidence.clean(case, "screen") < pairs and not self.measured.suspects(case),
            SCREEN_PAIRS,
        )

    def _suspect(self, is_screened: Callable[[str], bool]) -> None:
        """Ends the screen of some cases: what it has not settled is confirmed, in other pairs."""
        found = [
            hypothesis
            for case in self.measured.cases
            if case not in self._evidence.troubles and not self.measured.suspects(case) and is_screened(case)
            for hypothesis in self._unsettled_by_screen(case)
        ]
        self.measured = replace(self.measured, hypotheses=(*self.measured.hypotheses, *found))

    def _looks_grave(self, case: str) -> bool:
        """Whether a time exceeds the tolerance in each of the first pairs, and twice over as a rule."""
        rule = self.measured.rule_of(case)
        enough = self._evidence.clean(case, "screen") >= GRAVE_PAIRS
        times = [metric for metric in self._evidence.metrics(case) if metric != "memory"] if enough else []
        return any(is_grave(self._evidence.values(case, metric, "screen"), rule) for metric in times)

    def _may_be_grave(self, case: str) -> bool:
        """Whether a case that looks slower is not yet proven to be; its other metrics can wait."""
        suspects = self.measured.suspects(case)
        return self._looks_slower(case) and not any(map(self._is_proved, suspects))

    def _confirm(self) -> Iterator[Pair]:
        """The suspects in new pairs, after each of which those that are decided drop out.

        What looks slower comes first: where the time is short, a proven loss says more than a cleared case.
        """
        yield from self._while("confirm", self._looks_slower, MOST_CONFIRM_PAIRS, self._pairs_to_prove)
        yield from self._while("confirm", self._is_undecided, MOST_CONFIRM_PAIRS)

    def _unsettled_by_screen(self, case: str) -> list[Hypothesis]:
        found: list[Hypothesis] = []
        rule = self.measured.rule_of(case)
        for metric in self._evidence.metrics(case):
            values = self._evidence.values(case, metric, "screen")
            if is_suspicious(values, rule) or not is_clear(values, rule):
                found.append(Hypothesis(case, metric, -1 if looks_gained(values, rule) else 1))
        return found

    def _looks_slower(self, case: str) -> bool:
        return any(
            self._latest_middle(hypothesis) >= self.measured.rule_of(case).suspicious and self._needs_more(hypothesis)
            for hypothesis in self.measured.suspects(case)
            if hypothesis.direction > 0
        )

    def _latest_middle(self, hypothesis: Hypothesis) -> float:
        return Estimate.of(self.measured.telling(hypothesis)).middle

    def _is_undecided(self, case: str) -> bool:
        return any(map(self._needs_more, self.measured.suspects(case)))

    def _needs_more(self, hypothesis: Hypothesis) -> bool:
        values = self._evidence.values(hypothesis.case, hypothesis.metric, "confirm")
        rule = self.measured.rule_of(hypothesis.case)
        if hypothesis.direction * Estimate.of(values).middle < rule.alarming:
            return len(values) < LEAST_CONFIRM_PAIRS or not is_clear(values, rule)
        return not self._is_proved(hypothesis)

    def _is_proved(self, hypothesis: Hypothesis) -> bool:
        return self.measured.wealth_of(hypothesis) * self.measured.rule.alpha >= len(self.measured.hypotheses)

    def _while(
        self,
        stage: Stage,
        wanted: Callable[[str], bool],
        most: int,
        pairs_needed: Callable[[str], float] = lambda _: 1.0,
    ) -> Iterator[Pair]:
        """Pairs of the wanted cases until none is left or time is; a case is tried at most twice `most` times."""
        while open_cases := [case for case in self._chosen if wanted(case) and self._may_try(case, stage, most)]:
            begun = self._clock()
            block_s = self._fitting(open_cases, self._end - begun, pairs_needed)
            if not block_s:
                return
            pair = self._driver.measure(block_s, stage)
            self._note_tries(list(block_s), pair)
            self._evidence.add(pair)
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
        needed = [
            self.measured.pairs_to_prove(hypothesis)
            for hypothesis in self.measured.suspects(case)
            if hypothesis.direction > 0 and self._needs_more(hypothesis)
        ]
        return max(needed, default=1.0)

    def _gravity(self, case: str) -> float:
        """By how much the case looks slower, against its tolerance; nothing in the screen."""
        middles = [self._latest_middle(hypothesis) for hypothesis in self.measured.suspects(case)]
        return max(middles, default=0.0) / self.measured.rule_of(case).limit

    def _block_s_of(self, case: str, start_s: float) -> float:
        """As short as all have in the screen; up to LONGEST_BLOCK_S where it pays to confirm a time.

        A loss that looks larger than the tolerance is seen with less precision: more pairs prove it sooner.
        """
        if all(hypothesis.metric == "memory" for hypothesis in self.measured.suspects(case)):
            return self._block_s
        if case not in self._variation:  # its screen is over
            self._variation[case] = Variation.of(self._evidence.blocks(case, "screen"))
        to_see = self.measured.rule_of(case).limit * max(self._gravity(case), 1.0)
        best_s = self._variation[case].best_block_s(start_s, to_see)
        return min(max(self._block_s, best_s), LONGEST_BLOCK_S)

    def _may_try(self, case: str, stage: Stage, most: int) -> bool:
        if case in self._evidence.troubles:
            return False
        return self._evidence.clean(case, stage) < most and self._tries.get((case, stage), 0) < 2 * most

    def _note_tries(self, cases: Sequence[str], pair: Pair) -> None:
        for case in cases:
            self._tries[case, pair.stage] = self._tries.get((case, pair.stage), 0) + 1
