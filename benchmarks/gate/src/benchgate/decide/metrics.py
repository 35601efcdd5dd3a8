"""From a block of turns to one number for each metric, and whether the machine was too disturbed for it."""

import math
import statistics
from collections.abc import Sequence
from typing import Literal

from ..measure.records import Block
from .estimate import interquartile_mean

Metric = Literal["wall", "cpu", "memory"]

#: Below this share of the wall time, CPU time is the measurement's own and says nothing of the case.
LEAST_CPU_SHARE = 0.05
#: More of the machine's time than this taken by other guests disturbs a block.
MOST_STOLEN_SHARE = 0.10


def log_ratios(block: Block) -> dict[Metric, float]:
    """log(head/base) of each metric that the block can say something about.

    Wall and CPU time are the interquartile mean over turns of each turn's own log ratio: on a busy machine it spread
    less than ratios of sums, of minima or of the fastest quarter. A cost that falls on less than a quarter of the
    calls is not seen.
    """
    ratios: dict[Metric, float] = {"wall": interquartile_mean(turn_ratios(block))}
    timings = [timing for turn in block.turns for timing in (turn.base, turn.head)]
    cpu_share = sum(timing.cpu_s for timing in timings) / sum(timing.wall_s for timing in timings)
    if cpu_share >= LEAST_CPU_SHARE and all(timing.cpu_s > 0 for timing in timings):
        ratios["cpu"] = interquartile_mean([_log(turn.head.cpu_s, turn.base.cpu_s) for turn in block.turns])
    if block.base_peak_bytes and block.head_peak_bytes:
        ratios["memory"] = _log(block.head_peak_bytes, block.base_peak_bytes)
    return ratios


def absolute_of(blocks: Sequence[Block], metric: Metric) -> tuple[float | None, float | None]:
    """What base and head take, as a median over pairs: seconds of one run of the target, or bytes of the peak."""
    if not blocks:
        return None, None
    if metric == "memory":
        peaks = [(block.base_peak_bytes, block.head_peak_bytes) for block in blocks]
    else:
        field = f"{metric}_s"
        peaks = [
            tuple(  # type: ignore[misc]  # of two
                interquartile_mean([getattr(getattr(turn, arm), field) for turn in block.turns]) / block.loops
                for arm in ("base", "head")
            )
            for block in blocks
        ]
    base, head = zip(*peaks, strict=True)
    return statistics.median(base), statistics.median(head)


def turn_ratios(block: Block) -> list[float]:
    """log(head/base) of the wall time of each turn."""
    return [_log(turn.head.wall_s, turn.base.wall_s) for turn in block.turns]


def control(block: Block) -> tuple[float, float]:
    """log(head/base) of the control workload, the same code in both arms: the mean over turns, its standard error."""
    ratios = [_log(turn.head.control_s, turn.base.control_s) for turn in block.turns]
    mean, degrees = statistics.fmean(ratios), len(ratios) - 1
    squares = sum((ratio - mean) ** 2 for ratio in ratios)
    return mean, math.sqrt(squares / degrees / len(ratios)) if degrees else math.inf


def disturbance(block: Block, limit: float) -> str:
    """Why the block does not count, or an empty text: the control differs by more than `limit`, or time was stolen.

    The control differs when its mean does by more than two of its standard errors beyond the limit. A control that
    merely scatters, as under steady load, is no reason: so do the pairs, and the verdict takes that into account.

    What is looked at treats both arms alike and knows nothing of the case's own times, so leaving blocks out cannot
    make a false alarm likelier.
    """
    mean, error = control(block)
    if abs(mean) - 2 * error > limit:
        return f"the control workload differed by {math.expm1(mean):+.1%} between the arms"
    if block.stolen_share > MOST_STOLEN_SHARE:
        return f"other guests took {block.stolen_share:.0%} of the machine"
    return ""


def _log(head: float, base: float) -> float:
    return math.log(head / base)
