"""From records to how one case went: steps from commit to commit, levels, and the runs at which it changed.

A step is measured side by side on one machine, so machines may differ from step to step, which stored times do not
allow. Its error is known from its pairs, and errors of steps add up along the way; what is looked for is therefore a
run of steps whose mean is not zero: one step, or several small ones that no comparison alone would have called a loss.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from ..decide.estimate import Estimate, spread
from ..decide.metrics import Metric
from ..errors import GateError
from .record import Record

#: Processes of the same code differ by chance: no step is known better than this, as a log ratio.
_LEAST_ERROR = 0.002
#: Of pairs in a step, fewer say too little of its error.
FEWEST_PAIRS = 3
#: A change must be this many times its error, and save so many times log(steps) of squared errors for each of its ends.
_SURE, _PENALTY = 4.0, 2.0


@dataclass(frozen=True)
class Step:
    """One comparison of a case: the log ratio of head to base, and what it may be wrong by (one standard error)."""

    base: str
    head: str
    middle: float
    error: float


@dataclass(frozen=True)
class Change:
    """The steps `first` to `last` (indices), in which the case took `ratio` times as long as before."""

    first: int
    last: int
    ratio: float


@dataclass(frozen=True)
class Series:
    """How one case went; levels are head's times as multiples of the first base's."""

    case: str
    steps: tuple[Step, ...]
    levels: tuple[float, ...]
    changes: tuple[Change, ...]


def all_series(records: Sequence[Record], metric: Metric) -> list[Series]:
    """Every case of these records, which are in the order of their heads, that has a step in the metric."""
    cases = dict.fromkeys(case for record in records for case in record.ratios)
    found = [(case, [step for record in records if (step := _step(record, case, metric))]) for case in cases]
    return [Series(case, tuple(steps), levels(steps), changes_in(steps)) for case, steps in found if steps]


def levels(steps: Sequence[Step]) -> tuple[float, ...]:
    """The level at each step's head: that of its base, if it was measured, else the last one, times its own ratio."""
    known: dict[str, float] = {}
    last = 0.0
    found: list[float] = []
    for step in steps:
        last = known.get(step.base, last) + step.middle
        known[step.head] = last
        found.append(math.exp(last))
    return tuple(found)


def changes_in(steps: Sequence[Step]) -> tuple[Change, ...]:
    """Runs of steps with a mean that is not zero.

    PELT (Killick, Fearnhead, Eckley 2012, doi:10.1080/01621459.2012.737745) over the steps in units of their errors,
    whose variance is therefore known to be one, by ruptures.

    >>> still, slower = Step("", "", 0.0, 0.003), Step("", "", 0.05, 0.003)
    >>> [(change.first, change.last) for change in changes_in([still] * 5 + [slower] + [still] * 4)]
    [(5, 5)]
    """
    changes: list[Change] = []
    for first, end in pairwise([0, *_ends([step.middle / step.error for step in steps])]):
        part = steps[first:end]
        sum_, error = sum(step.middle for step in part), math.sqrt(sum(step.error**2 for step in part))
        if abs(sum_) > _SURE * error:
            changes.append(Change(first, end - 1, math.exp(sum_)))
    return tuple(changes)


def _ends(values: Sequence[float]) -> list[int]:
    """Where the mean of the values changes, and their end."""
    if len(values) < 2:
        return [len(values)]
    try:
        import numpy as np  # noqa: PLC0415 (with ruptures half a second, for this alone)
        import ruptures  # noqa: PLC0415
    except ImportError:
        raise GateError("changes are found by ruptures: run pip install 'benchgate[history]'") from None
    search = ruptures.Pelt(model="l2", min_size=1, jump=1).fit(np.asarray(values))
    return [int(end) for end in search.predict(pen=_PENALTY * math.log(len(values)))]


def _step(record: Record, case: str, metric: Metric) -> Step | None:
    values = record.ratios.get(case, {}).get(metric, [])
    if len(values) < FEWEST_PAIRS:
        return None
    # the standard error of a median of normal numbers; Hodges and Lehmann's estimate has a smaller one
    error = math.sqrt(math.pi / 2) * spread(values) / math.sqrt(len(values))
    return Step(record.base, record.head, Estimate.of(values).middle, max(error, _LEAST_ERROR))
