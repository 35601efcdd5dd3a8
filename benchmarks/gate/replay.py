"""``python -m benchmarks.gate.replay``: thousands of pretended runs from recorded pairs of equal revisions.

A supplement to the study, not a part of it: nothing is measured. Each pair of a pretended run is a recorded pair drawn
at random, whole, so that what disturbed several cases at once still does, and with its arms exchanged by coin, since
equal revisions are exchangeable. A loss is a factor on head's times. Recorded pairs that came one after the other are
no longer neighbours, so slow drift is not replayed; and few recorded pairs are drawn again and again.
"""

import argparse
import json
import random
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from . import kept
from .findings import find
from .options import DEFAULT_BUDGET_S
from .records import Block, Pair, Sample, Stage
from .schedule import Run
from .tally import share_of
from .verdict import Rule

#: Sizes that are replayed, and pretended runs for each.
LOSSES, SUITES = (0.0, 0.02, 0.03, 0.05, 0.10), 300
#: Start-up of a pair in the pretended clock, and how much longer than its turns a block takes.
_START_S, _BLOCK_FACTOR = 3.0, 1.3


class ReplayBench:
    """Stands in for `pairs.Bench`: recorded pairs drawn at random, the case `slow` made slower by the share `loss`."""

    def __init__(self, pairs: Sequence[Pair], slow: str, loss: float, rng: random.Random) -> None:
        self._pairs, self._slow, self._factor, self._rng = pairs, slow, 1 + loss, rng
        self._now_s = 0.0

    def clock(self) -> float:
        """The pretended time in seconds."""
        return self._now_s

    def measure(self, cases: Sequence[str], stage: Stage, block_s: float) -> Pair:
        """One recorded pair; what it lacks of `cases` is missing from it."""
        self._now_s += _START_S + _BLOCK_FACTOR * block_s * len(cases)
        drawn = self._rng.choice(self._pairs)
        exchanged = self._rng.random() < 0.5
        blocks = tuple(
            self._slower(_exchanged(block) if exchanged else block) for block in drawn.blocks if block.case in cases
        )
        return replace(drawn, stage=stage, blocks=blocks, troubles=())

    def _slower(self, block: Block) -> Block:
        if block.case != self._slow:
            return block
        turns = tuple(replace(turn, head=_scaled(turn.head, self._factor)) for turn in block.turns)
        return replace(block, turns=turns)


def _exchanged(block: Block) -> Block:
    turns = tuple(replace(turn, base=turn.head, head=turn.base) for turn in block.turns)
    base_peak, head_peak = block.head_peak_bytes, block.base_peak_bytes
    return replace(block, turns=turns, base_peak_bytes=base_peak, head_peak_bytes=head_peak)


def _scaled(sample: Sample, factor: float) -> Sample:
    return Sample(sample.wall_s * factor, sample.cpu_s * factor, sample.control_s)


def replayed(pairs: Sequence[Pair], loss: float, suites: int, budget_s: float, rng: random.Random) -> tuple[int, int]:
    """In how many pretended runs the slow case is found (each time another), and another one is accused."""
    cases = sorted({block.case for pair in pairs for block in pair.blocks})
    found = accused = 0
    for number in range(suites):
        slow = cases[number % len(cases)]
        bench = ReplayBench(pairs, slow, loss, rng)
        run = Run(bench, cases, Rule(), budget_s, clock=bench.clock)
        run.screen()
        run.confirm()
        regressed = {finding.case for finding in find(run, []) if finding.verdict == "regressed"}
        found += slow in regressed
        accused += bool(regressed - {slow} if loss else regressed)
    return found, accused


def table(pairs: Sequence[Pair], suites: int, budget_s: float) -> str:
    """Markdown: in how many pretended runs a loss of each size is found, and another case accused."""
    most = max((len(pair.blocks) for pair in pairs), default=0)
    complete = [pair for pair in pairs if len(pair.blocks) == most]
    if not complete:
        return "Replay: no pairs of equal revisions have been recorded yet.\n"
    lines = [
        f"Replay, in which nothing was measured: {suites} pretended runs of {budget_s:g} s for each size, drawn from "
        f"{len(complete)} recorded pairs of equal revisions; one case at a time has its times made longer.",
        "",
        "| loss | found (95% interval) | runs that accuse another case |",
        "| --- " * 3 + "|",
    ]
    for loss in LOSSES:
        found, accused = replayed(complete, loss, suites, budget_s, random.Random(0))
        lines.append(f"| {100 * loss:g}% | {share_of(found, suites) if loss else ''} | {share_of(accused, suites)} |")
    return "\n".join(lines) + "\n"


def keep(data: Path) -> None:
    """Replays the study's quiet slots in which nothing was planted, for the gate's usual time; keeps the table."""
    calm = [slot for slot in kept.slots(data) if slot.load == "quiet" and not slot.share]
    pairs = [pair for slot in calm for pair in kept.pairs(data, slot.number)]
    (data / "replay.md").write_text(table(pairs, SUITES, DEFAULT_BUDGET_S))


def kept_table(data: Path) -> str:
    """What `keep` kept, or nothing."""
    file = data / "replay.md"
    return file.read_text() if file.exists() else ""


def run(arguments: Sequence[str] | None = None) -> int:
    """Prints the table of pretended runs from the pairs in gate.json files of equal revisions."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gate.replay", description=__doc__)
    parser.add_argument("files", nargs="+", type=Path, help="gate.json of runs of head against itself")
    parser.add_argument("--suites", type=int, default=SUITES, help="pretended runs for each size (%(default)s)")
    given = parser.parse_args(arguments)
    stored = [json.loads(file.read_text()) for file in given.files]
    pairs = [Pair.from_json(pair) for run in stored for pair in run["pairs"]]
    sys.stdout.write(table(pairs, given.suites, max(run["budget_s"] for run in stored)))
    return 0


if __name__ == "__main__":
    sys.exit(run())
