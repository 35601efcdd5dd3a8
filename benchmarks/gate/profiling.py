"""Where the time of a case goes: base and head profiled in turns, with the functions that grew most, or one alone."""

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from .errors import ArmError
from .flame import Profile, own_time, parse, svg
from .pairs import Bench, calibrate
from .process import ENDING_S, Arm, CaseEndedError, Site

#: Time for the profiled turns of one case, in seconds, and samples a second.
PROFILE_S, RATE_HZ = 8.0, 200
#: Time that py-spy is given to attach before the first turn, in seconds.
ATTACHING_S = 0.5
#: How a profile was made, if it was sampled.
SAMPLED = f"py-spy, {RATE_HZ} samples a second, worker processes included"
#: Functions named for a case.
MOST_NAMED = 5


@dataclass(frozen=True)
class Growth:
    """One function: its own time in a call of the case, in seconds, and the growth as a share of base's call."""

    function: str
    base_s: float
    head_s: float
    share: float

    def __str__(self) -> str:
        return (
            f"{self.function}: {self.share:+.1%} of base's call ({self.base_s * 1e3:.3g} to {self.head_s * 1e3:.3g} ms)"
        )


@dataclass(frozen=True)
class Explanation:
    """What the profile of a regressed case says; `flame` is an SVG, empty when only cProfile could be used."""

    case: str
    growths: tuple[Growth, ...]
    flame: str
    note: str


@dataclass(frozen=True)
class Look:
    """What the profile of one revision says of a case: seconds a call by function; `flame` as in an explanation."""

    case: str
    own_s: dict[str, float]
    flame: str
    note: str


class ProfilerError(Exception):
    """py-spy is absent or may not attach."""


def explain(bench: Bench, case: str, loops: int) -> Explanation:
    """Profiles one case in both revisions, with py-spy if it can attach, else with cProfile.

    `loops` runs make one call, as in the measurement, so that waiting between calls does not dominate.
    """
    try:
        (base, head), note = _profiled((bench.base, bench.head), case, loops)
    except (ArmError, CaseEndedError) as error:
        return Explanation(case, (), "", f"not profiled: {error}")
    return Explanation(case, _growths(base, head), svg(case, head, base) if note == SAMPLED else "", note)


def look(site: Site, case: str) -> Look:
    """Profiles one case in one revision in the same way; raises ArmError or CaseEndedError when it cannot be run."""
    (profile,), note = _profiled((site,), case, None)
    return Look(case, own_time(profile), svg(case, profile) if note == SAMPLED else "", note)


def _profiled(sites: Sequence[Site], case: str, loops: int | None) -> tuple[list[Profile], str]:
    """A profile for each site, and how it was made."""
    try:
        return _sampled(sites, case, loops), SAMPLED
    except ProfilerError as error:
        why = str(error)
    return _traced(sites, case), f"{why}: cProfile instead, which does not see worker processes"


def _growths(base: Profile, head: Profile) -> tuple[Growth, ...]:
    before, after = own_time(base), own_time(head)
    whole_s = sum(before.values()) or sum(after.values()) or 1.0
    growths = [
        Growth(
            name, before.get(name, 0.0), after.get(name, 0.0), (after.get(name, 0.0) - before.get(name, 0.0)) / whole_s
        )
        for name in {*before, *after}
    ]
    return tuple(sorted((g for g in growths if g.share > 0), key=lambda growth: -growth.share)[:MOST_NAMED])


def _sampled(sites: Sequence[Site], case: str, loops: int | None) -> list[Profile]:
    raw = [site.logs / f"py-spy-samples-{site.name}.txt" for site in sites]
    for file in raw:
        file.unlink(missing_ok=True)  # of the case before
    with _waiting(sites, case, "profile") as arms:
        loops = loops or (calibrate(arms, case) if all(arm.loopable for arm in arms) else 1)
        with ExitStack() as spies:
            for arm, file in zip(arms, raw, strict=True):
                spies.enter_context(_recorded(arm, file))
            calls = loops * _take_turns(arms, case, loops)
        profiles: list[Profile] = [
            {
                stack: count / RATE_HZ / calls
                for stack, count in parse(file.read_text(errors="replace"), "Turns._loop (", arm.pid).items()
            }
            for arm, file in zip(arms, raw, strict=True)
        ]
    if not all(profiles):
        raise ProfilerError("py-spy saw nothing")
    return profiles


def _traced(sites: Sequence[Site], case: str) -> list[Profile]:
    with _waiting(sites, case, "trace") as arms:
        return [{(name,): seconds for name, seconds in arm.trace(case).items()} for arm in arms]


@contextmanager
def _waiting(sites: Sequence[Site], case: str, occasion: str) -> Iterator[list[Arm]]:
    """An arm of each site, warm and waiting at the case."""
    with ExitStack() as stack:
        arms = [stack.enter_context(_at_case(site, case, occasion)) for site in sites]
        for arm in arms:
            arm.call_for_memory(case)
        yield arms


@contextmanager
def _at_case(site: Site, case: str, occasion: str) -> Iterator[Arm]:
    with site.started(occasion, {"PYTHONHASHSEED": "0"}) as arm:
        arm.collected()
        arm.run([case])
        message = arm.meet(case)
        if message["say"] != "ready":
            raise CaseEndedError(arm, message)
        yield arm
        arm.end_case(case, "finish")
        arm.finished()


def _take_turns(arms: Sequence[Arm], case: str, loops: int) -> int:
    """Calls all until the time is up, at least once; returns how often each was called."""
    calls, end = 0, time.monotonic() + PROFILE_S
    while calls == 0 or time.monotonic() < end:
        for arm in arms if calls % 2 else reversed(arms):
            arm.call(case, loops, None)
        calls += 1
    return calls


@contextmanager
def _recorded(arm: Arm, output: Path) -> Iterator[None]:
    """py-spy attached to the arm and everything below it. Waiting processes are not sampled."""
    program = shutil.which("py-spy", path=str(Path(sys.executable).parent)) or shutil.which("py-spy")
    if program is None:
        raise ProfilerError("py-spy is not installed")
    target = ["--pid", str(arm.pid), "--subprocesses"]
    how = ["--function", "--format", "raw", "--rate", str(RATE_HZ), "--output", str(output)]
    words = output.with_suffix(".log")
    with words.open("wb") as log:
        spy = subprocess.Popen(  # noqa: S603 (no shell; all words are ours)
            [program, "record", *target, *how], stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
        )
    try:
        time.sleep(ATTACHING_S)  # when it may not attach, it ends at once
        yield
        spy.send_signal(signal.SIGINT)  # it then writes what it saw
        spy.wait(timeout=ENDING_S)
    except subprocess.TimeoutExpired:
        raise ProfilerError("py-spy did not end") from None
    finally:
        spy.kill()
        spy.wait()
    if spy.returncode or not output.exists():
        said = words.read_text(errors="replace").strip().splitlines() or ["no reason given"]
        raise ProfilerError(f"py-spy could not attach ({said[-1]}; it needs root or the right to ptrace)")
