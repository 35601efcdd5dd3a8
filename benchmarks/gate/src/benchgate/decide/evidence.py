"""The growing record of a run: clean values by case, metric and stage, troubles, and what was disturbed."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from ..measure.records import Block, Pair, Stage, Trouble
from .metrics import Metric, disturbance, log_ratios


@dataclass
class Evidence:
    """Pairs in the order they were measured, and the numbers drawn from their undisturbed blocks."""

    disturbing: float
    pairs: list[Pair] = field(default_factory=list)
    troubles: dict[str, Trouble] = field(default_factory=dict)
    _values: dict[tuple[str, Stage], list[dict[Metric, float]]] = field(default_factory=lambda: defaultdict(list))
    _blocks: dict[tuple[str, Stage], list[Block]] = field(default_factory=lambda: defaultdict(list))
    _disturbed: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def add(self, pair: Pair) -> None:
        """Takes one pair in. The first trouble of a case is its last word: it is not measured again."""
        self.pairs.append(pair)
        for trouble in pair.troubles:
            self.troubles.setdefault(trouble.case, trouble)
        for block in pair.blocks:
            if reason := disturbance(block, self.disturbing):
                self._disturbed[block.case].append(reason)
            else:
                self._blocks[block.case, pair.stage].append(block)
                self._values[block.case, pair.stage].append(log_ratios(block))

    def clean(self, case: str, stage: Stage) -> int:
        """How many undisturbed blocks the case has in a stage."""
        return len(self._values[case, stage])

    def blocks(self, case: str, stage: Stage) -> Sequence[Block]:
        """The undisturbed blocks of a case in a stage."""
        return self._blocks[case, stage]

    def disturbed(self, case: str) -> Sequence[str]:
        """Why blocks of the case were repeated, one reason a block."""
        return self._disturbed[case]

    def metrics(self, case: str) -> list[Metric]:
        """The metrics that every clean screening block of the case has."""
        blocks = self._values[case, "screen"]
        return [metric for metric in (blocks[0] if blocks else {}) if all(metric in block for block in blocks)]

    def values(self, case: str, metric: Metric, stage: Stage) -> list[float]:
        """One log ratio for each clean pair."""
        return [block[metric] for block in self._values[case, stage] if metric in block]
