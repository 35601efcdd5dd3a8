"""How long a case's turns should go on in each pair, so that the case is decided soonest.

More turns average out what differs from call to call, not what differs from process to process, and to start processes
takes time of its own. If values vary by b^2 between pairs and by w^2 within one second of turns, and a pair costs s
seconds beside its t seconds of turns, then what is known after a given time is most for t = sqrt(s) w / b (Cochran
1977, Sampling Techniques, 10.6; Kalibera and Jones 2013, Rigorous benchmarking in reasonable time,
doi:10.1145/2464157.2464160). But no precision saves the ten pairs that a proof takes at least: once they would do,
longer turns are wasted.
"""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from ..measure.records import Block
from .estimate import spread
from .metrics import log_ratios, turn_ratios

#: Values that spread by this share of the tolerance are precise enough: twice the fewest pairs prove a loss as large.
ENOUGH = 0.75
#: Of the variance between pairs, at least this share is taken to be between processes: eight pairs cannot show less.
LEAST_SHARE_BETWEEN = 0.1
#: Variance of the interquartile mean of normal numbers, as a multiple of the mean's.
_MIDDLE_HALF = 1.2


@dataclass(frozen=True)
class Variation:
    """How log ratios of a case vary: between pairs, and within one second of turns."""

    between: float
    a_second: float

    @classmethod
    def of(cls, blocks: Sequence[Block]) -> "Variation":
        """As some blocks of the case show it."""
        total = spread([log_ratios(block)["wall"] for block in blocks]) ** 2
        within = statistics.median(map(_variance_within, blocks))
        between = max(total - within, LEAST_SHARE_BETWEEN * total)
        return cls(between, within * statistics.median(map(turns_s, blocks)))

    def best_block_s(self, start_s: float, limit: float) -> float:
        """Seconds of turns in one pair, from what it costs beside them and the log ratio that must be seen."""
        best = math.sqrt(start_s * self.a_second / self.between) if self.between else 0.0
        left = (ENOUGH * limit) ** 2 - self.between
        return min(best, self.a_second / left) if left > 0 else best


def _variance_within(block: Block) -> float:
    """Of the block's wall time, as far as its turns differ."""
    return _MIDDLE_HALF * spread(turn_ratios(block)) ** 2 / len(block.turns)


def turns_s(block: Block) -> float:
    """What the measured calls of a block and the controls before them took together, in seconds."""
    timings = (timing for turn in block.turns for timing in (turn.base, turn.head))
    return sum(timing.wall_s + timing.control_s for timing in timings)
