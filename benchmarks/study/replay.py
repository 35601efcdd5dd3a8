"""``python -m benchmarks.study.replay``: thousands of pretended runs from recorded blocks of cases that did not change.

A supplement to the study, not a part of it: nothing is measured. Each block of a pretended run is a recorded block of
that case, drawn at random from those that took about as long as was asked for, and with its arms exchanged by coin,
since equal code is exchangeable. A loss is a factor on head's times. What disturbed several cases at once, or drifted
slowly, is not replayed; and few recorded blocks are drawn again and again.
"""

import argparse
import json
import math
import random
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from benchgate.decide.allocation import turns_s
from benchgate.decide.estimate import spread
from benchgate.decide.findings import find
from benchgate.decide.metrics import log_ratios
from benchgate.decide.rule import Rule
from benchgate.decide.schedule import Schedule
from benchgate.measure.records import Block, Pair, Timing
from benchgate.report.files import pairs_of
from benchgate.settings import DEFAULT_BUDGET_S
from benchmarks.study import kept
from benchmarks.study.tally import share_of

#: Sizes that are replayed, and pretended runs for each.
LOSSES, SUITES = (0.0, 0.02, 0.03, 0.05, 0.10), 300
#: The pretended clock, in seconds: start and end of a pair, and what a block takes beside its turns. Least squares over
#: the 386 pairs of the race that are quiet and of the present rule.
_START_S, _WARM_UP_S = 0.56, 0.12
#: A case whose equal pairs spread by more than this share is noisy: without such cases there is a table of its own.
NOISY = 0.05
#: A block is drawn from the case's recorded ones that are at most by this factor farther from the length asked for than
#: the nearest is, at least from so many.
_ALIKE, _FEWEST_DRAWN = 1.25, 20

Recorded = Mapping[str, Sequence[Block]]


class ReplayDriver:
    """Stands in for the driver of pairs: recorded blocks, drawn at random, of which `slow` loses the share `loss`."""

    def __init__(self, recorded: Recorded, slow: str, loss: float, rng: random.Random) -> None:
        self._recorded, self._slow, self._factor, self._rng = recorded, slow, 1 + loss, rng
        self._now_s = 0.0

    def clock(self) -> float:
        """The pretended time in seconds."""
        return self._now_s

    def measure(self, block_s: Mapping[str, float]) -> Pair:
        """A pair of recorded blocks, each as long as it was."""
        blocks = tuple(self._draw(case, seconds) for case, seconds in block_s.items())
        self._now_s += _START_S + sum(_WARM_UP_S + turns_s(block) for block in blocks)
        return Pair(0, 0, 0, 0.0, blocks, ())

    def _draw(self, case: str, block_s: float) -> Block:
        far = {id(block): abs(math.log(turns_s(block) / block_s)) for block in self._recorded[case]}
        recorded = sorted(self._recorded[case], key=lambda block: far[id(block)])
        alike = sum(far[id(block)] <= far[id(recorded[0])] + math.log(_ALIKE) for block in recorded)
        drawn = self._rng.choice(recorded[: max(alike, _FEWEST_DRAWN)])
        block = _exchanged(drawn) if self._rng.random() < 0.5 else drawn
        return self._slower(block) if case == self._slow else block

    def _slower(self, block: Block) -> Block:
        turns = tuple(replace(turn, head=_scaled(turn.head, self._factor)) for turn in block.turns)
        return replace(block, turns=turns)


def _exchanged(block: Block) -> Block:
    turns = tuple(replace(turn, base=turn.head, head=turn.base) for turn in block.turns)
    base_peak, head_peak = block.head_peak_bytes, block.base_peak_bytes
    return replace(block, turns=turns, base_peak_bytes=base_peak, head_peak_bytes=head_peak)


def _scaled(sample: Timing, factor: float) -> Timing:
    return Timing(sample.wall_s * factor, sample.cpu_s * factor, sample.control_s)


def replayed(recorded: Recorded, loss: float, suites: int, budget_s: float, rng: random.Random) -> tuple[int, int]:
    """In how many pretended runs the slow case is found (each time another), and another one is accused."""
    cases = sorted(recorded)
    found = accused = 0
    for number in range(suites):
        slow = cases[number % len(cases)]
        driver = ReplayDriver(recorded, slow, loss, rng)
        schedule = Schedule(driver, cases, Rule(), budget_s, clock=driver.clock)
        for _ in schedule.pairs():
            pass
        regressed = {finding.case for finding in find(schedule.measured, []) if finding.verdict == "regressed"}
        found += slow in regressed
        accused += bool(regressed - {slow} if loss else regressed)
    return found, accused


def table(blocks: Iterable[Block], suites: int, budget_s: float) -> str:
    """Markdown: in how many pretended runs a loss of each size is found, and another case accused."""
    recorded: dict[str, list[Block]] = defaultdict(list)
    for block in blocks:
        recorded[block.case].append(block)
    if not recorded:
        return "Replay: no blocks of cases that did not change have been recorded yet.\n"
    lines = [
        f"Replay, in which nothing was measured: {suites} pretended runs of {budget_s:g} s for each size, drawn from "
        f"{sum(map(len, recorded.values()))} recorded blocks of {len(recorded)} cases that did "
        "not change; one case at a time has its times made longer.",
        "",
        "| loss | found (95% interval) | runs that accuse another case |",
        "| --- " * 3 + "|",
    ]
    for loss in LOSSES:
        found, accused = replayed(recorded, loss, suites, budget_s, random.Random(0))
        lines.append(f"| {100 * loss:g}% | {share_of(found, suites) if loss else ''} | {share_of(accused, suites)} |")
    return "\n".join(lines) + "\n"


def keep(data: Path) -> None:
    """Replays what did not change in the study's quiet slots, for the gate's usual time; keeps the table."""
    quiet = [slot for slot in kept.slots(data) if slot.load == "quiet"]
    blocks = [
        block
        for slot in quiet
        for pair in kept.pairs(data, slot.number)
        for block in pair.blocks
        if block.case != slot.case or not slot.share
    ]
    spreads = spreads_of(blocks)
    noisy = sorted(case for case, share in spreads.items() if share > NOISY)
    text = table(blocks, SUITES, DEFAULT_BUDGET_S)
    if noisy and len(noisy) < len(spreads):
        named = ", ".join(f"`{case}` by {spreads[case]:.1%}" for case in noisy)
        calm = table([block for block in blocks if block.case not in noisy], SUITES, DEFAULT_BUDGET_S)
        text += f"\nEqual pairs of some cases spread by more than {NOISY:.0%}: {named}. Without them:\n\n{calm}"
    (data / "replay.md").write_text(text)


def spreads_of(blocks: Iterable[Block]) -> dict[str, float]:
    """By how much the wall time of equal pairs of each case differs, as a share."""
    ratios: dict[str, list[float]] = defaultdict(list)
    for block in blocks:
        ratios[block.case].append(log_ratios(block)["wall"])
    return {case: math.expm1(spread(values)) for case, values in ratios.items()}


def kept_table(data: Path) -> str:
    """What `keep` kept, or nothing."""
    file = data / "replay.md"
    return file.read_text() if file.exists() else ""


def run(arguments: Sequence[str] | None = None) -> int:
    """Prints the table of pretended runs from the blocks in gate.json files of equal revisions."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.study.replay", description=__doc__)
    parser.add_argument("files", nargs="+", type=Path, help="gate.json of runs of head against itself")
    parser.add_argument("--suites", type=int, default=SUITES, help="pretended runs for each size (%(default)s)")
    given = parser.parse_args(arguments)
    stored = [json.loads(file.read_text()) for file in given.files]
    pairs = [pair for gate_run in stored for pair in pairs_of(gate_run)]
    blocks = [block for pair in pairs for block in pair.blocks]
    sys.stdout.write(table(blocks, given.suites, max(gate_run["budget_s"] for gate_run in stored)))
    return 0


if __name__ == "__main__":
    sys.exit(run())
