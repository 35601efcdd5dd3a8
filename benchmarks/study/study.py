"""``python -m benchmarks.study``: how often the gate and pytest-benchmark's own comparison are right.

Each slot draws a load, a place and a size, plants that change as real extra work, and judges it with the gate and, in
random order and for the same wall time, with two runs of pytest-benchmark. Loads, sizes and places that were run least
often come first; beyond that all is drawn. A slot is one line of ``slots.jsonl`` and a file of raw measurements (see
`kept`).
"""

import argparse
import platform
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import TypeVar

from benchgate.comparison import prepared
from benchgate.decide.metrics import Metric
from benchgate.decide.schedule import Schedule
from benchgate.errors import GateError
from benchgate.measure.collecting import collect
from benchgate.measure.control import processors
from benchgate.measure.records import Pair
from benchgate.revisions.git import resolve
from benchgate.revisions.worktrees import checkouts
from benchgate.settings import DEFAULT_BUDGET_S, Settings
from benchmarks.study import kept, replay, rivals, simulation, verdicts
from benchmarks.study.load import LOADS, load
from benchmarks.study.planting import commit_planted, driver_for, size_for, statement
from benchmarks.study.subject import PLACES, make_subject
from benchmarks.study.tally import UNDECIDED, Slot, tally

#: Shares of the case by which it is made to cost more.
SHARES = (0.0, 0.02, 0.03, 0.05, 0.10)
PATHS = ("bench",)

Choice = TypeVar("Choice", bound=Hashable)


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
    """Runs slots until the time is up and prints what all of them say; with no minutes, what those kept say."""
    plan = _parse(arguments)
    plan.output.mkdir(parents=True, exist_ok=True)
    if plan.minutes > 0:
        with tempfile.TemporaryDirectory(prefix="gate-study-") as directory:
            _Study(make_subject(Path(directory) / "subject"), plan, Path(directory)).run()
    replay.keep(plan.output)
    sys.stdout.write(section(plan.output))
    return 0


def section(data: Path) -> str:
    """Markdown of the study, of a replay and of a simulation, from the kept data alone."""
    slots = verdicts.anew(data)
    if not slots:
        return "No slot has been run yet.\n"
    return "\n".join(filter(None, [tally(slots), replay.kept_table(data), simulation.kept_table(data)]))


class _Study:
    """The slots of one call of the command, which share a stored baseline and the sizes of what is planted."""

    def __init__(self, repository: Path, plan: Plan, scratch: Path) -> None:
        self._repository, self._plan, self._scratch = repository, plan, scratch
        self._rng = random.Random(plan.seed)
        self._cases = 0
        self._stored: rivals.Stored = {}
        self._sizes: dict[str, float] = {}

    def run(self) -> None:
        self._prepare()
        end = time.monotonic() + self._plan.minutes * 60
        while time.monotonic() < end:
            self._slot(kept.slots(self._plan.output))

    def _prepare(self) -> None:
        """Stores the baseline that is compared with later, and works out how large a plant of 100% would be."""
        base = resolve(self._repository, "HEAD")
        with checkouts(self._repository, base, base) as trees:
            driver = driver_for(self._repository, trees, PATHS, self._scratch)
            self._cases = len(collect(driver.base)[0].cases)
            self._stored = self._rival_run(trees.base)
            for name, place in PLACES.items():
                self._sizes[name] = size_for(1.0, _metric(name), place, driver, trees)

    def _slot(self, done: list[Slot]) -> None:
        pairings = list(product(self._plan.loads, self._plan.shares))
        loaded, share = least_often(self._rng, pairings, Counter((slot.load, slot.share) for slot in done))
        place = least_often(self._rng, list(PLACES), Counter(slot.place for slot in done if slot.share))
        line = statement(_metric(place), round(share * self._sizes[place])) if share else "pass"
        head = commit_planted(self._repository, PLACES[place], line)
        machine = f"{len(processors())} processors, Python {platform.python_version()}"
        slot = Slot(len(done), loaded, place, PLACES[place].case, share, self._plan.budget_s, machine, {})
        pairs: list[Pair] = []
        runs: dict[str, rivals.Stored] = {"stored": self._stored}
        judges = [partial(self._judge_by_gate, head, pairs), partial(self._judge_by_rivals, head, runs)]
        self._rng.shuffle(judges)
        with load(loaded):
            for judge in judges:
                slot = replace(slot, found=slot.found | judge())
        kept.keep(self._plan.output, slot, pairs, runs)

    def _judge_by_gate(self, head: str, pairs: list[Pair]) -> dict[str, list[str]]:
        (self._scratch / "logs").mkdir(exist_ok=True)
        asked = Settings(PATHS, base="HEAD", head=head, budget_s=self._plan.budget_s)
        try:
            with prepared(self._repository, asked, self._scratch) as comparison:
                schedule = Schedule(comparison.driver, comparison.cases, asked.rule, asked.budget_s)
                pairs.extend(schedule.pairs())
                return verdicts.of(comparison.result(schedule.measured).findings)
        except GateError as error:
            return {"gate": [], UNDECIDED: [str(error)]}

    def _judge_by_rivals(self, head: str, runs: dict[str, rivals.Stored]) -> dict[str, list[str]]:
        revisions = (resolve(self._repository, "HEAD"), resolve(self._repository, head))
        with checkouts(self._repository, *revisions) as trees:
            before, after = self._rival_run(trees.base), self._rival_run(trees.head)
        runs.update(base=before, head=after)
        found = {f"{rule}:5% back to back": rivals.alarms(before, after, rule) for rule in rivals.RULES}
        return found | {f"{rule}:5% stored": rivals.alarms(self._stored, after, rule) for rule in rivals.RULES}

    def _rival_run(self, root: Path) -> rivals.Stored:
        return rivals.run(root, PATHS, self._cases, self._plan.budget_s / 2, self._scratch / "rival.json")


def least_often(rng: random.Random, choices: Sequence[Choice], counts: Counter[Choice]) -> Choice:
    """Drawn from the choices that were run least often."""
    least = min(counts[each] for each in choices)
    return rng.choice([each for each in choices if counts[each] == least])


def _metric(place: str) -> Metric:
    return "memory" if place == "memory" else "wall"


def _parse(arguments: Sequence[str] | None) -> Plan:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.study", description=__doc__)
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="slots and raw pairs; added to")
    parser.add_argument("--minutes", type=float, default=60.0, help="in which slots begin; 0: tell what is kept")
    parser.add_argument(
        "--budget-s", type=float, default=DEFAULT_BUDGET_S, help="for each judge in each slot (%(default)s)"
    )
    parser.add_argument("--loads", nargs="+", choices=LOADS, default=LOADS)
    parser.add_argument("--shares", nargs="+", type=float, default=SHARES)
    parser.add_argument("--seed", type=int, default=None, help="of what the slots draw")
    given = parser.parse_args(arguments)
    seed = random.SystemRandom().randrange(2**32) if given.seed is None else given.seed
    return Plan(
        given.minutes,
        given.budget_s,
        tuple(given.loads),
        tuple(given.shares),
        given.output.resolve(),
        seed,
    )  # fmt: skip
