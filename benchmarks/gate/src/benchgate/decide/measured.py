"""What a schedule has measured, for the judge to read: evidence, and what was staked on it."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import get_args

from ..measure.records import Pair
from .betting import Capital, Key
from .evidence import Evidence
from .metrics import Metric
from .rule import Rule

#: A control workload that differs between the arms by more than this many tolerances disturbs a block. Wide, for the
#: control itself varies by some percent between processes: this is for what is grossly out of order.
DISTURBING_SHARE = 3.0


class Measured:
    """The cases, the rule, the evidence so far, and what it proves.

    `tolerances` has those of cases that differ from the rule's.
    """

    def __init__(self, cases: Sequence[str], rule: Rule, tolerances: Mapping[str, float] | None = None) -> None:
        self.cases, self.rule = cases, rule
        self.evidence = Evidence(DISTURBING_SHARE * rule.limit)
        self._rules = {case: replace(rule, tolerance=own) for case, own in (tolerances or {}).items()}
        self._stakes = {direction: Capital(direction, rule.alpha) for direction in (1, -1)}

    def add(self, pair: Pair, asked: Collection[str]) -> None:
        """Takes in a pair, for which these cases were `asked`: first what is staked, then what it shows."""
        is_first = not self.evidence.pairs
        values = self.evidence.add(pair)
        if is_first:
            seen = {case for case, _ in values}
            absent = [(case, metric) for case in asked if case not in seen for metric in get_args(Metric)]
            for capital in self._stakes.values():
                capital.lay(values, absent, {case: self.rule_of(case).limit for case in asked})
        for capital in self._stakes.values():
            capital.bet(values)

    def rule_of(self, case: str) -> Rule:
        """The rule with the case's own tolerance."""
        return self._rules.get(case, self.rule)

    def proved(self, key: Key) -> list[int]:
        """The directions in which a metric was proven to have changed: 1 for a loss, -1 for a gain."""
        return [direction for direction, capital in self._stakes.items() if key in capital.proved]

    def evidence_of(self, key: Key, direction: int = 1) -> float:
        """How much speaks for a change in one direction: 1 at the start, a proof from 1/alpha on."""
        return self._stakes[direction].evidence(key)

    def pairs_to_prove(self, key: Key) -> float:
        """How many more pairs a proof of a loss needs, at the rate at which its player won so far."""
        capital = self._stakes[1]
        won, left = capital.wealth(key), -math.log(self.rule.alpha * capital.evidence(key))
        pairs = self.evidence.clean(key[0])
        return max(math.ceil(left * pairs / math.log(won)), 1) if won > 1 else math.inf
