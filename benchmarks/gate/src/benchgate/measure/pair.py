"""The driver of one pair: a fresh process of each revision, both alive, taking turns call by call."""

import itertools
import math
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from ..errors import ArmError, GateError
from .control import Clock, load_average, processors
from .driver import Arm, CaseEndedError
from .messages import Ended, Ready
from .records import Block, Pair, Stage, Trouble, Turn
from .site import Site

#: A timed call lasts at least this long, if the target may be looped, in seconds.
SHORTEST_CALL_S = 0.005
#: Bounds on the turns of one block. Even: each two turns are one coin and its mirror image. Four is the
#: fewest of which an interquartile mean leaves the extremes out.
FEWEST_TURNS, MOST_TURNS = 4, 400
#: The largest random addition to the environment of a pair. Its size moves the stack, which alone can change a
#: program's speed by some percent (Mytkowicz et al. 2009, Producing wrong data without doing anything obviously
#: wrong!, doi:10.1145/1508244.1508275).
LARGEST_PADDING_BYTES = 4096


@dataclass
class PairDriver:
    """Measures pairs of two worktrees. `base_cases` are the ids that base's own definitions have."""

    base: Site
    head: Site
    base_cases: frozenset[str]
    rng: random.Random = field(default_factory=random.Random)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def measure(self, block_s: Mapping[str, float], stage: Stage) -> Pair:
        """One pair: each case of `block_s` measured for about so many seconds (at least a few calls).

        A case at which an arm dies, hangs or leaves the protocol has a trouble in the pair; the cases after it have
        nothing and are up to the next pair. Raises GateError when the pair cannot say anything about any case.
        """
        number, seed = next(self._numbers), self.rng.randrange(2**32)
        padding = self.rng.randrange(LARGEST_PADDING_BYTES)
        environment = {"PYTHONHASHSEED": str(seed), "GATE_PADDING": "x" * padding}
        begun = time.monotonic()
        found: list[Block | Trouble] = []
        with ExitStack() as stack:
            starts = [self.base, self.head]
            self.rng.shuffle(starts)
            arms = {site.name: stack.enter_context(site.started(f"{number:03}", environment)) for site in starts}
            found += self._measure_all(arms["base"], arms["head"], block_s)
        return Pair(
            number=number,
            stage=stage,
            hash_seed=seed,
            padding_bytes=padding,
            seconds=time.monotonic() - begun,
            blocks=tuple(item for item in found if isinstance(item, Block)),
            troubles=tuple(item for item in found if isinstance(item, Trouble)),
        )

    def _measure_all(self, base: Arm, head: Arm, block_s: Mapping[str, float]) -> Iterator[Block | Trouble]:
        offered = [set(arm.collected().cases) for arm in (base, head)]
        for case in block_s:
            if not all(case in of_arm for of_arm in offered):
                yield self._trouble(case, *("ready" if case in of_arm else "not collected" for of_arm in offered))
        both = [case for case in block_s if all(case in of_arm for of_arm in offered)]
        for arm in (base, head):
            arm.run(both)
        for case in both:
            try:
                yield self._measure_case(base, head, case, block_s[case])
            except ArmError as error:
                yield Trouble(case, "incomparable", str(error))
                return
        _check_origin(base)
        _check_origin(head)

    def _measure_case(self, base: Arm, head: Arm, case: str, block_s: float) -> Block | Trouble:
        met = {arm: arm.meet(case) for arm in (base, head)}
        block = None
        if all(isinstance(answer, Ready) for answer in met.values()):
            try:
                block = self._take_turns(base, head, case, block_s)
            except CaseEndedError as ended:
                met[ended.arm] = ended.ended
        if block is None:
            met |= {arm: _tried(arm, case, answer) for arm, answer in met.items() if isinstance(answer, Ready)}
        ends = [
            arm.end_case(case, measured=block is not None) if isinstance(answer, Ready) else answer
            for arm, answer in met.items()
        ]
        if block is not None and all(end.end == "passed" for end in ends):
            return block
        waited = [isinstance(answer, Ready) for answer in met.values()]
        said = [_said(end, waits, block is not None) for end, waits in zip(ends, waited, strict=True)]
        return self._trouble(case, *said)

    def _trouble(self, case: str, base_said: str, head_said: str) -> Trouble:
        fresh = case not in self.base_cases and head_said == "ready"
        return Trouble(case, "new" if fresh else "incomparable", f"base: {base_said}; head: {head_said}")

    def _take_turns(self, base: Arm, head: Arm, case: str, block_s: float) -> Block:
        arms = [base, head]
        self.rng.shuffle(arms)
        warmth = {arm.name: _warm_up(arm, case, block_s) for arm in arms}
        short = all(seconds < 10 * SHORTEST_CALL_S for seconds, _ in warmth.values())  # watching slows a call down
        loops = calibrate(arms, case) if short and base.loopable and head.loopable else 1
        began, clock = time.monotonic(), Clock.now()
        turns: list[Turn] = []
        for order in self._orders():
            turns.append(_turn(base, head, case, loops, order))
            spent = time.monotonic() - began
            enough = len(turns) >= MOST_TURNS or spent * (len(turns) + 2) / len(turns) > block_s
            if len(turns) % 2 == 0 and len(turns) >= FEWEST_TURNS and enough:
                break
        return Block(
            case=case,
            loops=loops,
            turns=tuple(turns),
            base_peak_bytes=warmth["base"][1],
            head_peak_bytes=warmth["head"][1],
            stolen_share=Clock.now().stolen_share_since(clock),
            load=load_average(),
        )

    def _orders(self) -> Iterator[tuple[bool, int | None]]:
        """Which arm goes first and on which processor both start.

        Left alone, each arm would stay on a processor of its own, and processors of one machine differ (on a shared
        host by 30%), which would look like a change.
        """
        usable: list[int | None] = [*processors()] or [None]
        while True:
            base_first, processor = self.rng.random() < 0.5, self.rng.choice(usable)
            yield base_first, processor
            yield not base_first, processor


def _tried(arm: Arm, case: str, ready: Ready) -> Ready | Ended:
    """What becomes of a waiting case when it is called once: still ready, or ended."""
    try:
        arm.call_for_memory(case)
    except CaseEndedError as ended:
        return ended.ended
    return ready


def _warm_up(arm: Arm, case: str, block_s: float) -> tuple[float, int]:
    """Runs the case until it is warm; its wall seconds and peak bytes, the second time unless a call is very long."""
    first = arm.call_for_memory(case)
    return first if first[0] > block_s / 4 else arm.call_for_memory(case)


def calibrate(arms: Sequence[Arm], case: str) -> int:
    """How many loops make a timed call last about SHORTEST_CALL_S."""
    loops = 1
    while (call_s := min(arm.call(case, loops, None).wall_s for arm in arms)) < SHORTEST_CALL_S / 2:
        loops = math.ceil(loops * min(SHORTEST_CALL_S / call_s, 100.0))
    return loops


def _turn(base: Arm, head: Arm, case: str, loops: int, order: tuple[bool, int | None]) -> Turn:
    base_first, processor = order
    timings = {arm.name: arm.call(case, loops, processor) for arm in ((base, head) if base_first else (head, base))}
    return Turn(base_first, processor, timings["base"], timings["head"])


def _said(end: Ended, waited: bool, measured: bool) -> str:
    if waited and not measured:
        return "ready"
    if end.end == "passed":
        return "passed" if waited else "passed without calling the benchmark fixture"
    return f"{end.end} ({end.why})"


def _check_origin(arm: Arm) -> None:
    strangers = arm.finished()
    if strangers:
        found = ", ".join(f"{name} from {file}" for name, file in strangers.items())
        raise GateError(
            f"the {arm.name} arm did not measure its own worktree but imported {found}: "
            "make the project importable from the root of its repository or from src"
        )
