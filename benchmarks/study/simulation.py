"""``python -m benchmarks.study.simulation``: how often the gate is right, and after how many pairs.

Nothing is measured: machines are simulated. Each call takes a time that is drawn: what its process has by chance, and
what the machine has at that moment, which drifts, or comes in bursts that last. Both arms call in turns in the order
that the gate uses. The machine knows nothing of the arms; nothing else is granted to the gate.
"""

import argparse
import math
import random
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchgate.decide.findings import exit_status, find
from benchgate.decide.rule import Rule
from benchgate.decide.schedule import Schedule
from benchgate.measure.records import Block, Pair, Timing, Turn
from benchmarks.study.tally import share_of

#: Losses that are looked for, and cases of a suite.
LOSSES, CASES = (0.02, 0.05, 0.10, 0.30), 12
#: Seconds of a run; of the start of a pair; turns in a block.
_BUDGET_S, _START_S, _TURNS = 600.0, 1.5, 8
#: Spread of equal pairs of the usual case, as measured (see `spreads_of` in `replay`).
_SPREAD = 0.011


@dataclass(frozen=True)
class Noise:
    """What differs beside the code: log times of a process, and of the machine from one call to the next."""

    process: Callable[[random.Random], float]
    machine: Callable[[random.Random, float], float] = lambda _, state: state


def _normal(spread: float, rng: random.Random) -> float:
    return rng.gauss(0, spread / math.sqrt(2))


def _heavy(rng: random.Random) -> float:
    """Of one process in ten, some times as much as of the others."""
    return _normal(_SPREAD, rng) * (12 if rng.random() < 0.1 else 1)


def _modes(rng: random.Random) -> float:
    """A process is quick or slow by chance, as the layout of its memory makes it."""
    return 0.05 * rng.randrange(2) + _normal(_SPREAD / 4, rng)


def _skewed(rng: random.Random) -> float:
    """Never quicker than the code allows, now and then much slower."""
    return _SPREAD * rng.expovariate(1) ** 2 / 3


def _drift(rng: random.Random, state: float) -> float:
    return state + 0.0005 + rng.gauss(0, 0.002)


def _bursts(rng: random.Random, state: float) -> float:
    """Load that comes at random and stays for some hundred calls, with noise that lasts for some dozens."""
    if rng.random() < 0.005:
        return rng.choice([0.0, 0.0, 0.4])
    return 0.97 * state + (0.012 if state > 0.2 else 0.0) + rng.gauss(0, 0.01)


NOISES = {
    "normal": Noise(partial(_normal, _SPREAD)),
    "heavy tails": Noise(_heavy),
    "two modes": Noise(_modes),
    "skewed": Noise(_skewed),
    "drift": Noise(partial(_normal, _SPREAD), _drift),
    "autocorrelated bursts": Noise(_heavy, _bursts),
    "loud": Noise(partial(_normal, 0.05)),
}


class SimulatedMachine:
    """Stands in for the driver of pairs. Half of what a process has by chance is the same for all of its cases."""

    def __init__(self, noise: Noise, slower: Mapping[str, float], rng: random.Random) -> None:
        self._noise, self._slower, self._rng = noise, slower, rng
        self._state = self._now_s = 0.0

    def clock(self) -> float:
        """The pretended time in seconds."""
        return self._now_s

    def measure(self, block_s: Mapping[str, float]) -> Pair:
        """One pair of simulated processes."""
        self._now_s += _START_S + 1.1 * sum(block_s.values())
        shared = [self._noise.process(self._rng) for _ in range(2)]
        blocks = tuple(self._block(case, shared) for case in block_s)
        return Pair(0, 0, 0, 0.0, blocks, ())

    def _block(self, case: str, shared: Sequence[float]) -> Block:
        own = [(self._noise.process(self._rng) + common) / math.sqrt(2) for common in shared]
        own[1] += math.log1p(self._slower.get(case, 0.0))
        turns: list[Turn] = []
        for number in range(_TURNS):
            base_first = self._rng.random() < 0.5 if number % 2 == 0 else not turns[-1].base_first
            times = [self._call(own[arm]) for arm in ((0, 1) if base_first else (1, 0))]
            base, head = times if base_first else reversed(times)
            turns.append(Turn(base_first, 0, base, head))
        peaks = [round(1e8 * math.exp(self._rng.gauss(0, 0.001))) for _ in range(2)]
        return Block(case, 1, tuple(turns), peaks[0], peaks[1], 0.0, 0.0)

    def _call(self, own: float) -> Timing:
        self._state = self._noise.machine(self._rng, self._state)
        wall_s = math.exp(own + self._state + self._rng.gauss(0, 0.005))
        return Timing(wall_s, wall_s * math.exp(self._rng.gauss(0, 0.003)), 1.0)


@dataclass(frozen=True)
class Run:
    """What a simulated run found: the slow case, others, and how many pairs of the slow case it took."""

    found: bool
    accused: bool
    passed: bool
    pairs: int
    seconds: float


def simulated(noise: str, loss: float, seed: int) -> Run:
    """One run of the gate on a suite of which one case, if any, is slower by the share `loss`."""
    cases = [f"case{number}" for number in range(CASES)]
    slow = cases[seed % CASES]
    machine = SimulatedMachine(NOISES[noise], {slow: loss}, random.Random(seed))
    schedule = Schedule(machine, cases, Rule(), _BUDGET_S, clock=machine.clock)
    pairs = seconds = 0.0
    for pair in schedule.pairs():
        if any(block.case == slow for block in pair.blocks):
            pairs, seconds = pairs + 1, machine.clock()
    findings = find(schedule.measured, [])
    regressed = {finding.case for finding in findings if finding.verdict == "regressed"}
    accused = bool(regressed - {slow}) if loss else bool(regressed)
    return Run(slow in regressed, accused, exit_status(findings) == 0, int(pairs), seconds)


def table(suites: int, noises: Sequence[str]) -> str:
    """Markdown: false alarms of unchanged suites, and for each loss how many are found and after how many pairs."""
    lines = [f"{suites} simulated runs of {_BUDGET_S:g} s and {CASES} cases for each cell.", ""]
    lines += ["| noise | runs of equal code that accuse a case | ... that pass | others accused beside a loss |"]
    lines += ["| --- " * 4 + "|"]
    found = [f"| noise | {' | '.join(f'{100 * loss:g}%' for loss in LOSSES)} |", "| --- " * (1 + len(LOSSES)) + "|"]
    with ProcessPoolExecutor(2) as pool:
        for noise in noises:
            runs = {
                loss: list(pool.map(partial(simulated, noise, loss), range(suites), chunksize=10))
                for loss in (0.0, *LOSSES)
            }
            wrong = share_of(sum(run.accused for run in runs[0.0]), suites)
            passed = share_of(sum(run.passed for run in runs[0.0]), suites)
            others = share_of(sum(run.accused for loss in LOSSES for run in runs[loss]), suites * len(LOSSES))
            lines.append(f"| {noise} | {wrong} | {passed} | {others} |")
            found.append(f"| {noise} | {' | '.join(_told(runs[loss]) for loss in LOSSES)} |")
    lines += [
        "",
        "Runs that find a loss; pairs of that case until it is proven, median (and in 9 of 10 runs); seconds:",
    ]
    return "\n".join([*lines, "", *found]) + "\n"


def _told(runs: Sequence[Run]) -> str:
    hits = [run for run in runs if run.found]
    if not hits:
        return "none"
    pairs = sorted(run.pairs for run in hits)
    most = pairs[math.ceil(0.9 * len(pairs)) - 1]
    seconds = statistics.median(run.seconds for run in hits)
    return f"{len(hits) / len(runs):.1%}; {statistics.median(pairs):g} ({most}); {seconds:.0f} s"


def run(arguments: Sequence[str] | None = None) -> int:
    """Prints the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.study.simulation", description=__doc__)
    parser.add_argument("--suites", type=int, default=300, help="simulated runs for each cell (%(default)s)")
    parser.add_argument("--output", type=Path, metavar="DIR", help="keeps the tables there, for docs/figures.md")
    parser.add_argument("--noises", nargs="+", choices=NOISES, default=list(NOISES))
    given = parser.parse_args(arguments)
    text = table(given.suites, given.noises)
    if given.output:
        _file(given.output).write_text(text)
    sys.stdout.write(text)
    return 0


def kept_table(data: Path) -> str:
    """What was kept, or nothing."""
    return _file(data).read_text() if _file(data).exists() else ""


def _file(data: Path) -> Path:
    return data / "simulation.md"


if __name__ == "__main__":
    sys.exit(run())
