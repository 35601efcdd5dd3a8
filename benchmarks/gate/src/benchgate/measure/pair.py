"""The driver of one pair: a fresh process of each revision, both alive, case after case."""

import itertools
import random
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeVar

from ..errors import ArmError, GateError, LethalNodeError
from .collecting import HINTS, HINTS_OF_BASE, HINTS_OF_CASES, HINTS_OF_CASES_IN_BOTH, hinted
from .control import Clock
from .driver import OTHER_ID, SHARES, Arm, CaseEndedError, shares
from .messages import Collected, Ended, Ready
from .places import Draw
from .records import Block, Pair, Timing, Trouble
from .site import Site, check_origin, own_of
from .turns import block_of_alone, call_alone, take_turns

#: The largest random addition to the environment of a pair. Its size moves the stack, which alone can change a
#: program's speed by some percent (Mytkowicz et al. 2009, Producing wrong data without doing anything obviously
#: wrong!, doi:10.1145/1508244.1508275).
LARGEST_PADDING_BYTES = 4096
#: Pointers in one chunk of CPython's stack of frames, which is 16 KB.
SLOTS_OF_A_CHUNK = 2048

Found = TypeVar("Found")


@dataclass
class PairDriver:
    """Measures pairs of two worktrees.

    Of the cases in `fresh` base's own definitions know nothing; cases in `alone` are called in one arm after the other;
    `loaded` has, by arm, the modules of the project that were loaded, with their files.
    """

    base: Site
    head: Site
    fresh: frozenset[str] = frozenset()
    rng: random.Random = field(default_factory=random.Random)
    alone: set[str] = field(default_factory=set)
    loaded: dict[str, dict[str, str]] = field(default_factory=lambda: {"base": {}, "head": {}})
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def measure(self, block_s: Mapping[str, float]) -> Pair:
        """One pair: each case of `block_s` measured for about so many seconds (at least a few calls).

        A case at which an arm dies, hangs or leaves the protocol has a trouble in the pair; the cases after it have
        nothing and are up to the next pair. Raises GateError when an arm cannot start, or loads another revision.
        """
        number = next(self._numbers)
        draw = Draw(
            self.rng.randrange(2**32), self.rng.randrange(LARGEST_PADDING_BYTES), self.rng.randrange(SLOTS_OF_A_CHUNK)
        )
        begun = time.monotonic()
        together = [case for case in block_s if case not in self.alone]
        found: list[Block | Trouble] = []
        if together:
            found += self.visit(
                together,
                lambda base, head, case: take_turns(base, head, case, block_s[case], self.rng),
                f"{number:03}",
                draw,
            )
        for index, case in enumerate(case for case in block_s if case in self.alone):
            found.append(self._measure_alone(case, block_s[case], f"{number:03}-{index}", draw))
        return Pair(
            number=number,
            hash_seed=draw.hash_seed,
            padding_bytes=draw.padding_bytes,
            seconds=time.monotonic() - begun,
            blocks=tuple(item for item in found if isinstance(item, Block)),
            # it was sound on trial
            troubles=tuple(replace(item, verdict="incomparable") for item in found if isinstance(item, Trouble)),
            frame_slots=draw.frame_slots,
        )

    def visit(
        self, cases: Sequence[str], take: Callable[[Arm, Arm, str], Found], occasion: str, draw: Draw | None
    ) -> Generator[Found | Trouble, None, None]:
        """What `take` makes of each case while it waits in a fresh process of each revision, or what prevented it.

        Without a `draw` it is a trial. It begins anew without a file of cases that ends a process when it is imported.
        """
        try:
            with self._both(occasion, draw) as (base, head):
                yield from self._visit_all(base, head, cases, take)
        except LethalNodeError as error:
            (self.base if error.arm == self.base.name else self.head).leave_out(error)
            yield from self.visit(cases, take, occasion, draw)

    @contextmanager
    def _both(self, occasion: str, draw: Draw | None) -> Iterator[tuple[Arm, Arm]]:
        sites = [self.base, self.head]
        self.rng.shuffle(sites)
        with ExitStack() as stack:
            started = {site.name: site.started(occasion, draw, on_trial=draw is None) for site in sites}
            arms = {name: stack.enter_context(arm) for name, arm in started.items()}
            yield arms["base"], arms["head"]
            for site in sites:
                self.note_origin(arms[site.name], site)

    def note_origin(self, arm: Arm, site: Site) -> None:
        """Keeps what the arm has loaded of the project; raises GateError for what is not its own revision's."""
        check_origin(arm.loaded, site)
        self.loaded[site.name].update(own_of(arm.loaded, site))

    def _visit_all(
        self, base: Arm, head: Arm, cases: Sequence[str], take: Callable[[Arm, Arm, str], Found]
    ) -> Iterator[Found | Trouble]:
        of_base, of_head = base.collected(), head.collected()
        if said := shares([*of_base.shared, *of_head.shared]):
            raise GateError(f"while no case runs, {said.replace('it reads', 'the suite reads', 1)}")
        offered = set(of_base.cases).intersection(of_head.cases)
        for case in (case for case in cases if case not in offered):
            hints = HINTS_OF_BASE if case in of_head.cases else HINTS
            said_of = (_offered(of_base, case, "not collected", hints), _offered(of_head, case, OTHER_ID, HINTS))
            yield self._trouble(case, *said_of)
        both = [case for case in cases if case in offered]
        for arm in self._drawn(base, head):
            arm.run(both)
        for case in both:
            try:
                found = self._visit_case(base, head, case, take)
            except ArmError as error:
                yield Trouble(case, "incomparable", str(error))
                return
            yield found
            if isinstance(found, Trouble) and SHARES in found.why:  # cases behind it may use what was kept of that
                return
        for arm in (base, head):
            arm.finished()

    def _drawn(self, base: Arm, head: Arm) -> list[Arm]:
        """Both arms in an order drawn by coin: the one that is let go first finds what they share as it was left.

        It tears a case down, and may set the next one up, before the other, which would then be called sooner after
        its set-up, and find files written and caches filled.
        """
        arms = [base, head]
        self.rng.shuffle(arms)
        return arms

    def _visit_case(self, base: Arm, head: Arm, case: str, take: Callable[[Arm, Arm, str], Found]) -> Found | Trouble:
        met = {arm: arm.meet(case) for arm in (base, head)}
        found: list[Found] = []
        if all(isinstance(answer, Ready) for answer in met.values()):
            try:
                found.append(take(base, head, case))
            except CaseEndedError as ended:
                met[ended.arm] = ended.ended
        if not found:
            met |= {arm: _tried(arm, case, answer) for arm, answer in met.items() if isinstance(answer, Ready)}
        ends: dict[Arm, Ended] = {}
        for arm in self._drawn(base, head):
            answer = met[arm]
            ends[arm] = arm.end_case(case, measured=bool(found)) if isinstance(answer, Ready) else answer
        if said := shares([file for end in ends.values() for file in end.shared]):
            return Trouble(case, "incomparable", said)
        if found and all(end.end == "passed" for end in ends.values()):
            return found[0]
        of_base, of_head = (_said(ends[arm], isinstance(met[arm], Ready), measured=bool(found)) for arm in (base, head))
        if all(isinstance(answer, Ended) and answer.end == "skipped" for answer in met.values()):
            return Trouble(case, "skipped", f"base: {of_base}; head: {of_head}")
        return self._trouble(case, of_base, of_head)

    def _trouble(self, case: str, base_said: str, head_said: str) -> Trouble:
        is_new = case in self.fresh and head_said == "ready"
        hints = HINTS_OF_CASES_IN_BOTH if base_said == head_said else HINTS_OF_CASES
        said = hinted(f"base: {base_said}; head: {head_said}", hints)
        return Trouble(case, "new" if is_new else "incomparable", said)

    def _measure_alone(self, case: str, block_s: float, occasion: str, draw: Draw) -> Block | Trouble:
        """One arm after the other, in an order drawn by coin, each in a process that ends before the other starts."""
        sites = [self.base, self.head]
        self.rng.shuffle(sites)
        clock = Clock.now()
        measured: dict[str, tuple[int, list[Timing], int]] = {}
        like: tuple[int, int] | None = None
        for site in sites:
            take = partial(call_alone, case=case, block_s=block_s, like=like)
            try:
                measured[site.name] = self.run_alone(site, case, occasion, draw, take)
            except (ArmError, CaseEndedError) as error:
                return Trouble(case, "incomparable", f"alone: {error}")
            loops, timings, _ = measured[site.name]
            like = loops, len(timings)
        return block_of_alone(case, sites[0] is self.base, measured["base"], measured["head"], clock)

    def run_alone(self, site: Site, case: str, occasion: str, draw: Draw | None, take: Callable[[Arm], Found]) -> Found:
        """What `take` makes of a case that waits in the only living arm.

        Raises ArmError or CaseEndedError when it does not get so far, or does not pass.
        """
        with site.started(occasion, draw, on_trial=draw is None) as arm:
            arm.collected()
            arm.run([case])
            met = arm.meet(case)
            if isinstance(met, Ended):
                raise CaseEndedError(arm, met)
            found = take(arm)
            end = arm.end_case(case, measured=True)
            arm.finished()
            self.note_origin(arm, site)
            if said := shares(end.shared):
                raise CaseEndedError(arm, replace(end, why=said))
            if end.end != "passed":
                raise CaseEndedError(arm, end)
            return found


def _tried(arm: Arm, case: str, ready: Ready) -> Ready | Ended:
    """What becomes of a waiting case when it is called once: still ready, or ended."""
    try:
        arm.call_for_memory(case)
    except CaseEndedError as ended:
        return ended.ended
    return ready


def _offered(collected: Collected, case: str, otherwise: str, hints: Mapping[str, str]) -> str:
    """What an arm says of a case before it runs any: that it has it, or why not."""
    if case in collected.cases:
        return "ready"
    error = collected.error_of(case)
    return hinted(f"cannot be collected ({error})", hints) if error else otherwise


def _said(end: Ended, waited: bool, *, measured: bool) -> str:
    if waited and not measured and end.end != "passed":
        return "ready"
    if waited and not measured:
        return "passed without the benchmark, which another thread called"
    if end.end == "passed":
        return "passed" if waited else end.why or "passed without calling the benchmark fixture"
    return f"{end.end} ({end.why})"
