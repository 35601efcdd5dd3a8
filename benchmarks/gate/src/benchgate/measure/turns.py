"""One case in one pair: both arms called in turns, or one after the other where they cannot live side by side."""

import math
import random
import time
from collections.abc import Iterator, Sequence

from .control import Clock, load_average, processors
from .driver import Arm
from .records import Block, Timing, Turn

#: A timed call lasts at least this long, if the target may be looped, in seconds.
SHORTEST_CALL_S = 0.005
#: Bounds on the turns of one block. Even: each two turns are one coin and its mirror image. Four is the
#: fewest of which an interquartile mean leaves the extremes out; calls that take long are given two.
FEWEST_TURNS, FEWEST_SLOW_TURNS, MOST_TURNS = 4, 2, 400
#: From how many seconds on a call takes long.
SLOW_S = 0.5


def least_s(call_s: float) -> float:
    """The least time that a case takes in a pair: warming up and the fewest turns, of calls of so many seconds."""
    slow = call_s >= SLOW_S
    return 2 * call_s * (1 + FEWEST_SLOW_TURNS if slow else 2 + FEWEST_TURNS)


def take_turns(base: Arm, head: Arm, case: str, block_s: float, rng: random.Random) -> Block:
    """Turns for about so many seconds, of a case that waits in both arms; raises CaseEndedError when it ends."""
    arms = [base, head]
    rng.shuffle(arms)
    if base.once or head.once:
        return _one_turn(base, head, case, rng)
    warmth = {arm.name: _warm_up(arm, case, block_s) for arm in arms}
    short = all(seconds < 10 * SHORTEST_CALL_S for seconds, _ in warmth.values())  # watching slows a call down
    loops = calibrate(arms, case) if short and base.loopable and head.loopable else 1
    slow = max(seconds for seconds, _ in warmth.values()) >= SLOW_S
    began, clock = time.monotonic(), Clock.now()
    turns: list[Turn] = []
    for order in _orders(rng):
        turns.append(_turn(base, head, case, loops, order))
        if len(turns) % 2 == 0 and _is_enough(len(turns), time.monotonic() - began, block_s, slow=slow):
            break
    return _block(case, loops, turns, (warmth["base"][1], warmth["head"][1]), clock)


def call_alone(arm: Arm, case: str, block_s: float, like: tuple[int, int] | None) -> tuple[int, list[Timing], int]:
    """The loops, timings and peak memory of a case in one arm: as many as `like` says (loops, calls), or as fit."""
    if arm.once:
        return 1, [arm.call(case, 1, None)], 0
    _, peak_bytes = _warm_up(arm, case, block_s)
    loops = like[0] if like else (calibrate([arm], case) if arm.loopable else 1)
    began, timings = time.monotonic(), []
    while True:
        timings.append(arm.call(case, loops, None))
        spent = time.monotonic() - began
        if len(timings) >= like[1] if like else _is_enough(len(timings), spent, block_s / 2, slow=spent >= SLOW_S):
            return loops, timings, peak_bytes


def block_of_alone(
    case: str, base_first: bool, base: tuple[int, list[Timing], int], head: tuple[int, list[Timing], int], clock: Clock
) -> Block:
    """A block of what `call_alone` measured in each arm."""
    turns = [Turn(base_first, None, *timings) for timings in zip(base[1], head[1], strict=True)]
    return _block(case, base[0], turns, (base[2], head[2]), clock)


def calibrate(arms: Sequence[Arm], case: str) -> int:
    """How many loops make a timed call last about SHORTEST_CALL_S."""
    loops = 1
    while (call_s := min(arm.call(case, loops, None).wall_s for arm in arms)) < SHORTEST_CALL_S / 2:
        loops = math.ceil(loops * min(SHORTEST_CALL_S / max(call_s, 1e-9), 100.0))
    return loops


def _is_enough(turns: int, spent_s: float, block_s: float, *, slow: bool) -> bool:
    fewest = FEWEST_SLOW_TURNS if slow else FEWEST_TURNS
    return turns >= MOST_TURNS or (turns >= fewest and spent_s * (turns + 2) / turns > block_s)


def _one_turn(base: Arm, head: Arm, case: str, rng: random.Random) -> Block:
    """The only call of a case that asks for one: timed, so that nothing is warmed up and memory is not watched."""
    clock = Clock.now()
    turn = _turn(base, head, case, 1, (rng.random() < 0.5, None))
    return _block(case, 1, [turn], (0, 0), clock)


def _block(case: str, loops: int, turns: Sequence[Turn], peaks: tuple[int, int], clock: Clock) -> Block:
    return Block(
        case=case,
        loops=loops,
        turns=tuple(turns),
        base_peak_bytes=peaks[0],
        head_peak_bytes=peaks[1],
        stolen_share=Clock.now().stolen_share_since(clock),
        load=load_average(),
    )


def _orders(rng: random.Random) -> Iterator[tuple[bool, int | None]]:
    """Which arm goes first and on which processor both start.

    Left alone, each arm would stay on a processor of its own, and processors of one machine differ (on a shared
    host by 30%), which would look like a change.
    """
    usable: list[int | None] = [*processors()] or [None]
    while True:
        base_first, processor = rng.random() < 0.5, rng.choice(usable)
        yield base_first, processor
        yield not base_first, processor


def _warm_up(arm: Arm, case: str, block_s: float) -> tuple[float, int]:
    """Runs the case until it is warm; its wall seconds and peak bytes, the second time unless a call is very long."""
    first = arm.call_for_memory(case)
    return first if first[0] > min(block_s / 4, SLOW_S) else arm.call_for_memory(case)


def _turn(base: Arm, head: Arm, case: str, loops: int, order: tuple[bool, int | None]) -> Turn:
    base_first, processor = order
    timings = {arm.name: arm.call(case, loops, processor) for arm in ((base, head) if base_first else (head, base))}
    return Turn(base_first, processor, timings["base"], timings["head"])
