"""What the gate is compared with: pytest-benchmark's own comparison, on runs of the same total time."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

#: By case: each statistic that the rules look at, in seconds.
Stored = Mapping[str, Mapping[str, float]]

#: The rules compared: ``--benchmark-compare-fail=mean:5%`` and ``min:5%``.
RULES = ("mean", "min")
THRESHOLD = 0.05


def run(root: Path, paths: tuple[str, ...], cases: int, seconds: float, output: Path) -> Stored:
    """One plain run of the suite in a worktree, which takes about `seconds`; its statistics by case."""
    each_s = max(seconds / cases * 0.8, 0.05)  # calibration and start-up take the rest
    options = [f"--benchmark-max-time={each_s}", f"--benchmark-json={output}", "--benchmark-min-rounds=5", "-q"]
    subprocess.run(  # noqa: S603 (our own interpreter, no shell)
        [sys.executable, "-m", "pytest", *paths, *options, "-p", "no:cacheprovider", f"--rootdir={root}"],
        cwd=root,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return statistics_of(json.loads(output.read_text()))


def statistics_of(stored: Mapping[str, Any]) -> Stored:
    """The statistics of a run in pytest-benchmark's JSON."""
    return {case["fullname"]: {rule: case["stats"][rule] for rule in RULES} for case in stored["benchmarks"]}


def alarms(base: Stored, head: Stored, rule: str) -> list[str]:
    """The cases for which the comparison fails: slower by more than the threshold, as pytest-benchmark computes it."""
    return [case for case in base if case in head and head[case][rule] / base[case][rule] - 1 > THRESHOLD]
