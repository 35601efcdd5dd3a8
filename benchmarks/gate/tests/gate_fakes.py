"""A bench that only pretends: times are drawn, nothing runs, the clock is counted. For tests of the schedule."""

import math
import random
import time
from collections.abc import Callable, Mapping

from benchgate.decide.findings import CaseFinding, find
from benchgate.decide.measured import Measured
from benchgate.decide.rule import Rule
from benchgate.decide.schedule import Schedule
from benchgate.measure.control import spin
from benchgate.measure.records import Block, Pair, Timing, Trouble, Turn

#: How fresh processes of equal code differ.
QUIET = 0.011


def burn(seconds: float) -> None:
    """Uses so much CPU time; here, where a spawned worker finds it."""
    end = time.process_time() + seconds
    while time.process_time() < end:
        spin(1000)


#: One log ratio of a pair; the generator is the bench's own.
Draw = Callable[[random.Random], float]


def normal(mean: float, spread: float) -> Draw:
    return lambda rng: rng.gauss(mean, spread)


def heavy(spread: float) -> Draw:
    """Symmetric with rare huge values, as bursts of load make them."""
    return lambda rng: rng.gauss(0, spread) * (20 if rng.random() < 0.05 else 1)


def two_modes(distance: float) -> Draw:
    """Each arm's process is fast or slow by chance, as memory layout makes it."""
    return lambda rng: distance * (rng.randrange(2) - rng.randrange(2)) + rng.gauss(0, distance / 20)


class PretendedDriver:
    """Blocks of eight turns whose log ratio is drawn, each `within` of that; its clock moves as if they had run."""

    def __init__(
        self,
        draws: Mapping[str, Draw],
        seed: int = 0,
        disturbed_share: float = 0.0,
        within: Mapping[str, float] | None = None,
    ) -> None:
        self.draws, self.rng, self.disturbed_share = draws, random.Random(seed), disturbed_share
        self.within = within or {}
        self.now_s = 0.0
        self.asked: list[dict[str, float]] = []
        self.troubles: dict[str, Trouble] = {}

    def clock(self) -> float:
        return self.now_s

    @property
    def cases(self) -> list[tuple[str, ...]]:
        return [tuple(block_s) for block_s in self.asked]

    def measure(self, block_s: Mapping[str, float]) -> Pair:
        self.asked.append(dict(block_s))
        self.now_s += 1 + 1.1 * sum(block_s.values())
        sound = [case for case in block_s if case not in self.troubles]
        return Pair(
            number=len(self.asked),
            hash_seed=0,
            padding_bytes=0,
            seconds=1 + 1.1 * sum(block_s.values()),
            blocks=tuple(self._block(case) for case in sound),
            troubles=tuple(self.troubles[case] for case in block_s if case in self.troubles),
        )

    def _block(self, case: str) -> Block:
        disturbed = self.rng.random() < self.disturbed_share
        ratio, within = self.draws[case](self.rng) + (1 if disturbed else 0), self.within.get(case, 0.0)
        turns = tuple(_turn(ratio + self.rng.gauss(0, within)) for _ in range(8)) if within else (_turn(ratio),) * 8
        return Block(case, 1, turns, 0, 0, 0.9 if disturbed else 0.0, 0.0)


def _turn(ratio: float) -> Turn:
    return Turn(True, 0, Timing(1.0, 0.0, 1.0), Timing(math.exp(ratio), 0.0, 1.0))


def run_gate(
    driver: PretendedDriver, rule: Rule | None = None, budget_s: float = 600.0
) -> tuple[Measured, list[CaseFinding]]:
    schedule = Schedule(driver, list(driver.draws), rule or Rule(), budget_s, clock=driver.clock)
    for _ in schedule.pairs():
        pass
    return schedule.measured, find(schedule.measured, [])


def verdicts(draws: Mapping[str, Draw], seed: int = 0, rule: Rule | None = None) -> dict[str, str]:
    _, findings = run_gate(PretendedDriver(draws, seed), rule)
    return {finding.case: finding.verdict for finding in findings}
