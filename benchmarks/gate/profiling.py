"""Why a case got slower: base and head profiled in turns, and the functions whose own time grew most."""

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from .errors import ArmError
from .flame import Profile, own_time, parse, svg
from .pairs import Bench
from .process import Arm, CaseEndedError, Site

#: Time for the profiled turns of one case, in seconds, and samples a second.
PROFILE_S, RATE_HZ = 8.0, 200
#: Time that py-spy is given to attach before the first turn, in seconds.
ATTACHING_S = 0.5
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


def explain(bench: Bench, case: str, loops: int) -> Explanation:
    """Profiles one case in both revisions, with py-spy if it can attach, else with cProfile.

    `loops` runs make one call, as in the measurement, so that waiting between calls does not dominate.
    """
    try:
        base, head = _sampled(bench, case, loops)
        note = f"py-spy, {RATE_HZ} samples a second, worker processes included"
        return Explanation(case, _growths(base, head), svg(case, base, head), note)
    except ProfilerError as error:
        why = str(error)
    except (ArmError, CaseEndedError) as error:
        return Explanation(case, (), "", f"not profiled: {error}")
    try:
        base, head = _traced(bench, case)
    except (ArmError, CaseEndedError) as error:
        return Explanation(case, (), "", f"not profiled: {error}")
    return Explanation(case, _growths(base, head), "", f"{why}: cProfile instead, which does not see worker processes")


class ProfilerError(Exception):
    """py-spy is absent or may not attach."""


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


def _sampled(bench: Bench, case: str, loops: int) -> tuple[Profile, Profile]:
    raw = [site.logs / f"py-spy-samples-{site.name}.txt" for site in (bench.base, bench.head)]
    for file in raw:
        file.unlink(missing_ok=True)  # of the case before
    with _both(bench, case, "profile") as (base, head):
        with _recorded(base, raw[0]), _recorded(head, raw[1]):
            calls = loops * _take_turns(base, head, case, loops)
        profiles = [
            {
                stack: count / RATE_HZ / calls
                for stack, count in parse(file.read_text(errors="replace"), "Turns._loop (", arm.pid).items()
            }
            for arm, file in zip((base, head), raw, strict=True)
        ]
    if not all(profiles):
        raise ProfilerError("py-spy saw nothing")
    return profiles[0], profiles[1]


def _traced(bench: Bench, case: str) -> tuple[Profile, Profile]:
    with _both(bench, case, "trace") as (base, head):
        own: list[Profile] = [{(name,): seconds for name, seconds in arm.trace(case).items()} for arm in (base, head)]
    return own[0], own[1]


@contextmanager
def _both(bench: Bench, case: str, occasion: str) -> Iterator[tuple[Arm, Arm]]:
    """Both arms, warm and waiting at the case."""
    with ExitStack() as stack:
        arms = [stack.enter_context(_waiting(site, case, occasion)) for site in (bench.base, bench.head)]
        for arm in arms:
            arm.call_for_memory(case)
        yield arms[0], arms[1]


@contextmanager
def _waiting(site: Site, case: str, occasion: str) -> Iterator[Arm]:
    with site.started(occasion, {"PYTHONHASHSEED": "0"}) as arm:
        arm.collected()
        arm.run([case])
        message = arm.meet(case)
        if message["say"] != "ready":
            raise CaseEndedError(arm, message)
        yield arm
        arm.end_case(case, "finish")
        arm.finished()


def _take_turns(base: Arm, head: Arm, case: str, loops: int) -> int:
    """Calls both until the time is up, at least once; returns how often each was called."""
    calls, end = 0, time.monotonic() + PROFILE_S
    while calls == 0 or time.monotonic() < end:
        for arm in (base, head) if calls % 2 else (head, base):
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
        spy.wait(timeout=20)
    finally:
        spy.kill()
        spy.wait()
    if spy.returncode or not output.exists():
        said = words.read_text(errors="replace").strip().splitlines() or ["no reason given"]
        raise ProfilerError(f"py-spy could not attach ({said[-1]}; it needs root or the right to ptrace)")
