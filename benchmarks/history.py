"""How each case went over the stored runs of one machine, and from which runs on it took another time."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import fmean
from typing import Any

from benchgate.guard.machine import differences, of_run
from benchgate.guard.stored import PROBLEMS

FEWEST_RUNS = 6
"""Of fewer runs no change is told: too little is known of the noise."""

_FEWEST_AT_A_TIME = 2
_PENALTY = 6.0
_LEAST_NOISE = 0.003


@dataclass(frozen=True, slots=True)
class Run:
    """A stored run: the file, when it was made, of which commit, and its cases by full name."""

    file: Path
    when: str
    commit: str
    cases: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Change:
    """From the run at `index` on, a case takes `ratio` times what it took between the change before and this one."""

    index: int
    ratio: float


@dataclass(frozen=True, slots=True)
class Series:
    """One case: its medians in seconds by index of the run, NaN where a run has not got it."""

    name: str
    group: str
    medians_s: tuple[float, ...]
    changes: tuple[Change, ...]

    @property
    def latest_s(self) -> float:
        """The median of the latest run that has the case."""
        return next(value for value in reversed(self.medians_s) if not math.isnan(value))

    @property
    def overall(self) -> float:
        """All changes together: how many times as long it takes as at first."""
        return math.prod(change.ratio for change in self.changes)


def load_runs(files: Iterable[Path]) -> tuple[list[Run], list[str]]:
    """Runs that belong together, oldest first, and why others were left out, in words.

    They belong together if they were made on the machine of the latest one and passed. ValueError for a file that is
    no stored run, and if none of them passed.
    """
    found = sorted(((file, _read(file)) for file in files), key=lambda each: str(each[1]["datetime"]))
    here = of_run(found[-1][1])
    runs, refused = [], []
    for file, content in found:
        reasons = differences(of_run(content), here)
        if reasons:
            refused.append(f"{file}: another machine ({', '.join(reasons)})")
        elif content.get(PROBLEMS):
            refused.append(f"{file}: that run did not pass itself")
        else:
            commit = str(content.get("commit_info", {}).get("id") or "")[:10]
            cases = {case["fullname"]: case for case in content["benchmarks"]}
            runs.append(Run(file, str(content["datetime"]), commit, cases))
    if not runs:
        raise ValueError("; ".join(refused))
    return runs, refused


def _read(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        _ = content["datetime"], [(case["fullname"], case["stats"]["median"]) for case in content["benchmarks"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{file}: it is no run that pytest-benchmark stored ({error})") from error
    return dict(content)


def all_series(runs: Sequence[Run]) -> list[Series]:
    """Every case of the latest run, in its order."""
    series = []
    for name, case in runs[-1].cases.items():
        medians_s = tuple(float(run.cases[name]["stats"]["median"]) if name in run.cases else math.nan for run in runs)
        series.append(Series(name, str(case.get("group") or "ungrouped"), medians_s, changes_in(medians_s)))
    return series


def changes_in(medians_s: Sequence[float]) -> tuple[Change, ...]:
    """Where the level of a series changes.

    PELT (Killick, Fearnhead, Eckley 2012, https://doi.org/10.1080/01621459.2012.737745) over the logarithms, by
    ruptures. A change must explain 6 log(n) times the variance of one run, which is half the mean square of the
    differences between neighbours, of which a change of level touches one only (von Neumann 1941,
    https://doi.org/10.1214/aoms/1177731677). Of series that are noise alone, 6 to 60 runs long, 2% or fewer are said to
    change; one of three standard deviations in the middle is found in 38% of series of 6 runs, 65% of 10, 99% of 30.

    >>> [change.index for change in changes_in([1.0, 1.01, 1.0, 1.01, 1.1, 1.11, 1.1, 1.11])]
    [4]
    """
    import numpy as np  # noqa: PLC0415 - with ruptures half a second, for this alone
    import ruptures  # noqa: PLC0415

    there = [index for index, value in enumerate(medians_s) if not math.isnan(value)]
    if len(there) < FEWEST_RUNS:
        return ()
    logs = np.log([medians_s[index] for index in there])
    variance = max(_LEAST_NOISE**2, float(np.square(np.diff(logs)).mean()) / 2)
    search = ruptures.Pelt(model="l2", min_size=_FEWEST_AT_A_TIME, jump=1).fit(logs)
    ends = [0, *search.predict(pen=_PENALTY * math.log(len(logs)) * variance)]
    levels = [fmean(logs[start:end]) for start, end in pairwise(ends)]
    return tuple(
        Change(there[end], math.exp(level - before))
        for end, before, level in zip(ends[1:-1], levels, levels[1:], strict=False)
    )
