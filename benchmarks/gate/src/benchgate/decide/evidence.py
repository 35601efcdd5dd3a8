"""The growing record of a run: clean values by case and metric, troubles, and what was disturbed."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from ..measure.records import Block, Pair, Trouble
from .betting import Key
from .metrics import Metric, disturbance, log_ratios


@dataclass
class Evidence:
    """Pairs in the order they were measured, and the numbers drawn from their undisturbed blocks."""

    disturbing: float
    pairs: list[Pair] = field(default_factory=list)
    troubles: dict[str, Trouble] = field(default_factory=dict)
    _values: dict[str, list[dict[Metric, float]]] = field(default_factory=lambda: defaultdict(list))
    _blocks: dict[str, list[Block]] = field(default_factory=lambda: defaultdict(list))
    _disturbed: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def add(self, pair: Pair) -> dict[Key, float]:
        """Takes one pair in and returns its clean values.

        The first trouble of a case is its last word: it is not measured again.
        """
        self.pairs.append(pair)
        for trouble in pair.troubles:
            self.troubles.setdefault(trouble.case, trouble)
        values: dict[Key, float] = {}
        for block in pair.blocks:
            if reason := disturbance(block, self.disturbing):
                self._disturbed[block.case].append(reason)
            else:
                ratios = log_ratios(block)
                self._blocks[block.case].append(block)
                self._values[block.case].append(ratios)
                values.update({(block.case, metric): ratio for metric, ratio in ratios.items()})
        return values

    def clean(self, case: str) -> int:
        """How many undisturbed blocks the case has."""
        return len(self._values[case])

    def blocks(self, case: str) -> Sequence[Block]:
        """The undisturbed blocks of a case."""
        return self._blocks[case]

    def disturbed(self, case: str) -> Sequence[str]:
        """Why blocks of the case were repeated, one reason a block."""
        return self._disturbed[case]

    def metrics(self, case: str) -> list[Metric]:
        """The metrics that every clean block of the case has."""
        blocks = self._values[case]
        return [metric for metric in (blocks[0] if blocks else {}) if all(metric in block for block in blocks)]

    def values(self, case: str, metric: Metric) -> list[float]:
        """One log ratio for each clean pair."""
        return [block[metric] for block in self._values[case] if metric in block]
