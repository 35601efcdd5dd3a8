"""``python -m benchmarks.study.race``: the gate and benchmatrix's paired mode in the same slots, for the same time.

Each slot plants a loss of one size (those run least often come first), and both judge the same cases, in random order.
benchmatrix (https://pypi.org/project/benchmatrix/, to be installed beside) wants cases declared in its own way, and
whole cycles of its balanced order: twice as many pairs as there are cases. The time is divided among them. Its
threshold is as it comes, 5%, and also 1%, from where on the gate may raise an alarm.
"""

import argparse
import json
import platform
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from benchgate.comparison import prepared
from benchgate.decide.schedule import Schedule
from benchgate.measure.control import processors
from benchgate.measure.records import Pair
from benchgate.revisions.git import resolve
from benchgate.revisions.worktrees import checkouts
from benchgate.settings import Settings
from benchmarks.study import kept, rivals, verdicts
from benchmarks.study.planting import commit_planted, driver_for, size_for, statement
from benchmarks.study.study import PATHS, SHARES, least_often
from benchmarks.study.subject import PLACES, RACED, make_subject, simple
from benchmarks.study.tally import Slot, tally

#: A whole cycle of benchmatrix's order for an even number of cases.
PAIRS = 2 * len(RACED)
THRESHOLDS = ("5%", "1%")
PLACE = "compute"


class Race:
    """The slots of one call of the command, which share the size of what is planted."""

    def __init__(self, repository: Path, scratch: Path, budget_s: float, rng: random.Random) -> None:
        self._repository, self._scratch, self._budget_s, self._rng = repository, scratch, budget_s, rng
        base = resolve(repository, "HEAD")
        with checkouts(repository, base, base) as trees:
            self._size = size_for(1.0, "cpu", PLACES[PLACE], driver_for(repository, trees, PATHS, scratch), trees)
            _matrix_run(trees.base)  # files are cached by now
            begun = time.monotonic()
            _matrix_run(trees.base)
            self._least_s = time.monotonic() - begun

    def slot(self, output: Path, shares: Sequence[float], load: str) -> None:
        """Runs and keeps one slot, on a machine whose load is called that."""
        done = kept.slots(output)
        share = least_often(self._rng, shares, Counter(slot.share for slot in done))
        head = commit_planted(
            self._repository, PLACES[PLACE], statement("wall", round(share * self._size)) if share else "pass"
        )
        machine = f"{len(processors())} processors, Python {platform.python_version()}"
        slot = Slot(len(done), load, PLACE, PLACES[PLACE].case, share, self._budget_s, machine, {})
        pairs: list[Pair] = []
        runs: dict[str, rivals.Stored] = {}
        racers = {"gate": partial(self.by_gate, head, pairs), "benchmatrix": partial(self.by_benchmatrix, head, runs)}
        for name in self._rng.sample(list(racers), len(racers)):
            begun = time.monotonic()
            found = racers[name]()
            seconds = slot.seconds | {name: round(time.monotonic() - begun, 1)}
            slot = replace(slot, found=slot.found | found, seconds=seconds)
        kept.keep(output, slot, pairs, runs)

    def by_gate(self, head: str, pairs: list[Pair]) -> dict[str, list[str]]:
        """What the gate says, which has what is left of the time when it has built and tried out."""
        begun = time.monotonic()
        (self._scratch / "logs").mkdir(exist_ok=True)
        asked = Settings(PATHS, base="HEAD", head=head, selection=("-k", " or ".join(RACED)))
        with prepared(self._repository, asked, self._scratch) as comparison:
            left_s = self._budget_s - (time.monotonic() - begun)
            schedule = Schedule(comparison.driver, comparison.cases, asked.rule, left_s)
            pairs.extend(schedule.pairs())
            return verdicts.of(comparison.result(schedule.measured).findings)

    def by_benchmatrix(self, head: str, runs: dict[str, rivals.Stored]) -> dict[str, list[str]]:
        """What benchmatrix says, whose cases are given what its runs leave of the time."""
        each_s = max((self._budget_s / (2 * PAIRS) - self._least_s) / len(RACED), 0.001)
        revisions = (resolve(self._repository, "HEAD"), resolve(self._repository, head))
        with (
            checkouts(self._repository, *revisions) as trees,
            tempfile.TemporaryDirectory(dir=self._scratch) as directory,
        ):
            sides = ["--baseline-cwd", str(trees.base), "--candidate-cwd", str(trees.head)]
            seed = ["--random-seed", str(self._rng.randrange(2**31))]
            command = _matrix_command(each_s)
            asked = ["collect-paired", "--pairs", str(PAIRS), "--output", directory, *sides, *seed]
            _run([sys.executable, "-m", "benchmatrix", *asked, "--", *command, ":::", *command], trees.base)
            for file in sorted(Path(directory).glob("pair-*.json")):
                runs[file.stem] = rivals.statistics_of(json.loads(file.read_text()))
            return {
                name: cases
                for threshold in THRESHOLDS
                for name, cases in judged(_compared(Path(directory), threshold), threshold).items()
            }


def judged(report: dict[str, list[dict[str, str]]], threshold: str) -> dict[str, list[str]]:
    """The cases that a report of benchmatrix calls regressed, and those that it could not decide."""
    said = {simple(cell["case_name"]): cell["regression"] for cell in report["comparisons"]}
    name = f"benchmatrix:{threshold}"
    return {
        name: [case for case, verdict in said.items() if verdict == "regressed"],
        f"{name} undecided": [
            case for case, verdict in said.items() if verdict not in {"regressed", "improved", "unchanged"}
        ],
    }


def _compared(collection: Path, threshold: str) -> dict[str, list[dict[str, str]]]:
    asked = ["compare", str(collection), "--paired", "--threshold", threshold, "--no-config", "--format", "json"]
    report: dict[str, list[dict[str, str]]] = json.loads(
        _run([sys.executable, "-m", "benchmatrix", *asked], collection)
    )
    return report


def _matrix_command(each_s: float) -> list[str]:
    options = [f"--benchmark-max-time={each_s}", "--benchmark-min-rounds=5", "--benchmark-only", "-q"]
    return [sys.executable, "-m", "pytest", "matrix", *options, "-p", "no:cacheprovider"]


def _matrix_run(root: Path) -> None:
    _run(_matrix_command(0.001), root)


def _run(command: Sequence[str], folder: Path) -> str:
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout  # noqa: S603


def section(data: Path) -> str:
    """Markdown of the slots that are kept."""
    slots = verdicts.anew(data)
    return tally(slots) if slots else "No slot has been run yet.\n"


def run(arguments: Sequence[str] | None = None) -> int:
    """Runs so many slots and prints what all of them say."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.study.race", description=__doc__)
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="slots and raw values; added to")
    parser.add_argument("--slots", type=int, default=1, help="how many (%(default)s); 0: tell what is kept")
    parser.add_argument("--budget-s", type=float, default=90.0, help="for each of the two in each slot (%(default)s)")
    parser.add_argument("--shares", nargs="+", type=float, default=SHARES)
    parser.add_argument("--load", default="quiet", help="what the machine does beside, in a word (%(default)s)")
    given = parser.parse_args(arguments)
    given.output.mkdir(parents=True, exist_ok=True)
    if given.slots:
        with tempfile.TemporaryDirectory(prefix="gate-race-") as directory:
            scratch = Path(directory)
            race = Race(make_subject(scratch / "subject"), scratch, given.budget_s, random.Random())
            for _ in range(given.slots):
                race.slot(given.output.resolve(), given.shares, given.load)
    sys.stdout.write(section(given.output))
    return 0


if __name__ == "__main__":
    sys.exit(run())
