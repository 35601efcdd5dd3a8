"""``python -m benchmarks.gate.study``: how often the gate and pytest-benchmark's own comparison are right.

Each slot draws a load, a place and a size, plants that change as real extra work, and judges it with the gate and, in
random order and for the same wall time, with two runs of pytest-benchmark. A slot is one line of ``slots.jsonl`` and
the gate's own output, raw pairs included. What is left to chance beside the machine: everything a slot draws.
"""

import argparse
import json
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path

from . import rivals
from .gate import Outcome, compare
from .load import LOADS, load
from .metrics import Metric
from .options import Options
from .outputs import write
from .planting import bench_for, commit_planted, size_for, statement
from .subject import PLACES, make_subject
from .tally import Slot, tally
from .verdict import Rule
from .worktrees import checkouts, resolve

#: Shares of the case by which it is made to cost more.
SHARES = (0.0, 0.02, 0.03, 0.05, 0.10)
PATHS = ("bench",)


@dataclass(frozen=True)
class Plan:
    """How long to go on, how long each judge may take, and what the slots draw from."""

    minutes: float
    budget_s: float
    loads: tuple[str, ...]
    shares: tuple[float, ...]
    output: Path
    seed: int


def run(arguments: Sequence[str] | None = None) -> int:
    """Runs slots until the time is up and prints the table; with no minutes it only prints the table again."""
    plan = _parse(arguments)
    plan.output.mkdir(parents=True, exist_ok=True)
    if plan.minutes > 0:
        with tempfile.TemporaryDirectory(prefix="gate-study-") as directory:
            _Study(make_subject(Path(directory) / "subject"), plan).run()
    slots = [Slot(**json.loads(line)) for line in (plan.output / "slots.jsonl").read_text().splitlines()]
    sys.stdout.write(tally(slots))
    return 0


class _Study:
    def __init__(self, repository: Path, plan: Plan) -> None:
        self._repository, self._plan = repository, plan
        self._rng = random.Random(plan.seed)
        self._stored: rivals.Stored = {}
        self._sizes: dict[str, float] = {}
        self._numbers = count(self._done())

    def _done(self) -> int:
        kept = self._plan.output / "slots.jsonl"
        return len(kept.read_text().splitlines()) if kept.exists() else 0

    def run(self) -> None:
        end = time.monotonic() + self._plan.minutes * 60
        self._prepare()
        while time.monotonic() < end:
            slot = self._slot(next(self._numbers))
            with (self._plan.output / "slots.jsonl").open("a") as kept:
                kept.write(json.dumps(asdict(slot)) + "\n")

    def _prepare(self) -> None:
        """Stores the baseline that is compared with later, and works out how large a plant of 100% would be."""
        base = resolve(self._repository, "HEAD")
        with checkouts(self._repository, base, base) as trees:
            self._stored = self._rival_run(trees.base, "stored.json")
            bench = bench_for(trees, PATHS, self._plan.output)
            for name, place in PLACES.items():
                self._sizes[name] = size_for(1.0, _metric(name), place, bench, trees)

    def _slot(self, number: int) -> Slot:
        name = self._rng.choice(list(PLACES))
        share, loaded = self._rng.choice(self._plan.shares), self._rng.choice(self._plan.loads)
        line = statement(_metric(name), round(share * self._sizes[name])) if share else "pass"
        head = commit_planted(self._repository, PLACES[name], line)
        found: dict[str, list[str]] = {}
        judges = [self._judge_by_gate, self._judge_by_rivals]
        self._rng.shuffle(judges)
        with load(loaded):
            for judge in judges:
                found |= judge(head, number)
        return Slot(number, loaded, name, PLACES[name].case, share, found)

    def _judge_by_gate(self, head: str, number: int) -> dict[str, list[str]]:
        directory = self._plan.output / f"slot-{number:03}"
        (directory / "logs").mkdir(parents=True, exist_ok=True)
        options = Options("HEAD", head, PATHS, (), Rule(), self._plan.budget_s, 120.0, directory)
        outcome = compare(self._repository, options, directory, on_pair=lambda _: None, after=lambda *_: None)
        write(directory, outcome, [], options)
        return {"gate": _cases(outcome, "regressed"), "gate undecided": _cases(outcome, "inconclusive", "incomparable")}

    def _judge_by_rivals(self, head: str, number: int) -> dict[str, list[str]]:
        revisions = (resolve(self._repository, "HEAD"), resolve(self._repository, head))
        with checkouts(self._repository, *revisions) as trees:
            before = self._rival_run(trees.base, f"slot-{number:03}-base.json")
            after = self._rival_run(trees.head, f"slot-{number:03}-head.json")
        found = {f"{rule}:5% back to back": rivals.alarms(before, after, rule) for rule in rivals.RULES}
        return found | {f"{rule}:5% stored": rivals.alarms(self._stored, after, rule) for rule in rivals.RULES}

    def _rival_run(self, root: Path, file: str) -> rivals.Stored:
        cases = len(self._stored) or 10
        return rivals.run(root, PATHS, cases, self._plan.budget_s / 2, self._plan.output / file)


def _metric(place: str) -> Metric:
    return "memory" if place == "memory" else "wall"


def _cases(outcome: Outcome, *verdicts: str) -> list[str]:
    return [finding.case for finding in outcome.findings if finding.verdict in verdicts]


def _parse(arguments: Sequence[str] | None) -> Plan:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gate.study", description=__doc__)
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="slots and raw pairs; added to")
    parser.add_argument("--minutes", type=float, default=60.0, help="0 only prints the table again (%(default)s)")
    parser.add_argument("--budget-s", type=float, default=600.0, help="for each judge in each slot (%(default)s)")
    parser.add_argument("--loads", nargs="+", choices=LOADS, default=LOADS)
    parser.add_argument("--shares", nargs="+", type=float, default=SHARES)
    parser.add_argument("--seed", type=int, default=None, help="of what the slots draw")
    given = parser.parse_args(arguments)
    seed = random.SystemRandom().randrange(2**32) if given.seed is None else given.seed
    return Plan(given.minutes, given.budget_s, tuple(given.loads), tuple(given.shares), given.output.resolve(), seed)


if __name__ == "__main__":
    sys.exit(run())
