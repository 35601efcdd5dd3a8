"""Where the time of a case goes: base and head profiled in turns, with the functions that grew most, or one alone."""

import math
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from ..errors import ArmError
from ..measure.driver import Arm, CaseEndedError
from ..measure.messages import Ended
from ..measure.pair import PairDriver
from ..measure.site import ENDING_S, Site
from ..measure.turns import calibrate
from ..stopping import StoppedError
from ..units import time_of
from .flame import Profile, own_time, parse, svg
from .names import Names

#: Time for the profiled turns of one case, in seconds, and samples a second.
PROFILE_S, RATE_HZ = 8.0, 200
#: Time that py-spy is given to attach before the first turn, in seconds, and what it says when it has.
ATTACHING_S, ATTACHED = 60.0, b"Sampling process"
#: Of a profile, so many times its CPU time may be seen to run before it is said that it waited for processors.
MOST_WAITING = 1.3
#: Functions named for a case.
MOST_NAMED = 5


@dataclass(frozen=True)
class Growth:
    """One function: its own time in a call of the case, in seconds, and the growth as a share of base's call.

    The `error` is what the growth may be wrong by for being sampled, with 95% confidence; 0 if it was not.
    """

    function: str
    base_s: float
    head_s: float
    share: float
    error: float

    @property
    def figures(self) -> str:
        """By how much it grew, in words."""
        error = f" (±{self.error:.1%})" if self.error else ""
        return f"{self.share:+.1%}{error} of base's call ({time_of(self.base_s)} to {time_of(self.head_s)})"

    def __str__(self) -> str:
        return f"{self.function}: {self.figures}"


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


class _Profiles(NamedTuple):
    """A profile for each site, how they were made, and what one sample adds to a call, in seconds; 0 if not sampled."""

    of_sites: list[Profile]
    note: str
    sample_s: float


class ProfilerError(Exception):
    """py-spy is absent or may not attach."""


def explain(driver: PairDriver, case: str, loops: int) -> Explanation:
    """Profiles one case in both revisions, with py-spy if it can attach, else with cProfile.

    `loops` runs make one call, as in the measurement, so that waiting between calls does not dominate. Whatever goes
    wrong is told in the note: the case is proven to be slower without an explanation too.
    """
    try:
        (base, head), note, sample_s = _profiled((driver.base, driver.head), case, loops)
        grown = growths(base, head, sample_s)
        named = [growth.function for growth in grown]
        return Explanation(case, grown, svg(case, head, base, named) if sample_s else "", note)
    except StoppedError:
        raise
    except (ArmError, CaseEndedError) as error:
        why = str(error)
    except Exception as error:  # noqa: BLE001 (of a profiler, of whatever stacks a project has, of a full disk)
        why = f"{type(error).__name__}: {error}"
    return Explanation(case, (), "", f"not profiled: {why}")


def look(site: Site, case: str) -> Look:
    """Profiles one case in one revision in the same way; raises ArmError or CaseEndedError when it cannot be run."""
    (profile,), note, sample_s = _profiled((site,), case, None)
    return Look(case, own_time(profile), svg(case, profile) if sample_s else "", note)


def _profiled(sites: Sequence[Site], case: str, loops: int | None) -> _Profiles:
    why = ""
    # functions of compiled modules have names too, where py-spy can unwind them: for that it stops the process longer
    for native in (True, False) if any(site.places.built for site in sites) else (False,):
        try:
            return _sampled(sites, case, loops, native=native)
        except ProfilerError as error:
            why = str(error)
    return _Profiles(_traced(sites, case), f"{why}: cProfile instead, which does not see worker processes", 0.0)


def growths(base: Profile, head: Profile, sample_s: float) -> tuple[Growth, ...]:
    """The functions that grew by more than sampling may be wrong by, or the one that grew most if none did.

    First comes what grew most for sure, by its growth less its error, lest a large function's noise hide a small cause.
    Samples are taken to be counts of a Poisson process, one of which adds `sample_s` to a profile.
    """
    before, after = own_time(base), own_time(head)
    whole_s = sum(before.values()) or sum(after.values()) or 1.0
    grown: list[Growth] = []
    for name, head_s in after.items():
        base_s = before.get(name, 0.0)
        if head_s > base_s:
            error_s = 1.96 * math.sqrt((base_s + head_s) * sample_s)
            grown.append(Growth(name, base_s, head_s, (head_s - base_s) / whole_s, error_s / whole_s))
    sure = [growth for growth in grown if growth.share > growth.error]
    sure.sort(key=lambda growth: growth.error - growth.share)
    return tuple(sure[:MOST_NAMED] or sorted(grown, key=lambda growth: -growth.share)[:1])


def _sampled(sites: Sequence[Site], case: str, loops: int | None, *, native: bool) -> _Profiles:
    raw = [site.logs / f"py-spy-samples-{site.name}.txt" for site in sites]
    for file in raw:
        file.unlink(missing_ok=True)  # of the case before
    with _waiting(sites, case, "profile") as arms:
        loops = loops or (calibrate(arms, case) if all(arm.loopable for arm in arms) else 1)
        with ExitStack() as spies:
            for arm, file in zip(arms, raw, strict=True):
                spies.enter_context(_recorded(arm, file, native=native))
            turns, cpu_s = _take_turns(arms, case, loops)
            calls = loops * turns
        sample_s = 1 / RATE_HZ / calls
        profiles: list[Profile] = [
            {
                stack: count * sample_s
                for stack, count in parse(
                    file.read_text(errors="replace"), "Target._loop (", arm.pid, Names.of(site)
                ).items()
            }
            for site, arm, file in zip(sites, arms, raw, strict=True)
        ]
    if not all(profiles):
        raise ProfilerError("py-spy saw nothing")
    seen = "worker processes and compiled functions" if native else "worker processes"
    seen_s = calls * sum(sum(profile.values()) for profile in profiles)
    note = f"py-spy, {RATE_HZ} samples a second, {seen} included"
    return _Profiles(profiles, f"{note}{while_busy(seen_s, cpu_s)}", sample_s)


def while_busy(seen_s: float, cpu_s: float) -> str:
    """What is said of a profile in which code was seen to run for longer than it had a processor; nothing of others.

    While it waits for one, sample after sample falls on one function, by chance.
    """
    if seen_s < MOST_WAITING * cpu_s:
        return ""
    times = f"{seen_s / cpu_s:.1f} times its CPU time" if cpu_s else "longer than its CPU time"
    return f"; the case was seen to run for {times}, as on a busy machine: functions may be named that did not grow"


def _traced(sites: Sequence[Site], case: str) -> list[Profile]:
    with _waiting(sites, case, "trace") as arms:
        return [{(name,): seconds for name, seconds in arm.trace(case).own_s.items()} for arm in arms]


@contextmanager
def _waiting(sites: Sequence[Site], case: str, occasion: str) -> Iterator[list[Arm]]:
    """An arm of each site, waiting at the case, and warm unless it may be called only once."""
    with ExitStack() as stack:
        arms = [stack.enter_context(_at_case(site, case, occasion)) for site in sites]
        for arm in arms:
            if not arm.once:
                arm.call_for_memory(case)
        yield arms


@contextmanager
def _at_case(site: Site, case: str, occasion: str) -> Iterator[Arm]:
    with site.started(occasion) as arm:
        arm.collected()
        arm.run([case])
        answer = arm.meet(case)
        if isinstance(answer, Ended):
            raise CaseEndedError(arm, answer)
        yield arm
        arm.end_case(case, measured=True)
        arm.finished()


def _take_turns(arms: Sequence[Arm], case: str, loops: int) -> tuple[int, float]:
    """Calls all until the time is up, or once if they may not be called again.

    Returns how often each was called, and their CPU time, in seconds.
    """
    calls, cpu_s, end = 0, 0.0, time.monotonic() + PROFILE_S
    while calls == 0 or (time.monotonic() < end and not any(arm.once for arm in arms)):
        for arm in arms if calls % 2 else reversed(arms):
            cpu_s += arm.call(case, loops, None).cpu_s
        calls += 1
    return calls, cpu_s


@contextmanager
def _recorded(arm: Arm, output: Path, *, native: bool) -> Iterator[None]:
    """py-spy attached to the arm and everything below it. Waiting processes are not sampled."""
    program = shutil.which("py-spy", path=str(Path(sys.executable).parent)) or shutil.which("py-spy")
    if program is None:
        raise ProfilerError("py-spy is not installed")
    target = ["--pid", str(arm.pid), "--subprocesses"]
    how = [
        *(["--native"] if native else []),
        "--full-filenames",  # shortened by what lies beside a file, which may be gone
        "--function",
        "--format",
        "raw",
        "--rate",
        str(RATE_HZ),
        "--output",
        str(output),
    ]
    words = output.with_suffix(".log")
    with words.open("wb") as log:
        spy = subprocess.Popen(  # noqa: S603 (no shell; all words are ours)
            [program, "record", *target, *how], stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
        )
    try:
        end = time.monotonic() + ATTACHING_S
        while ATTACHED not in words.read_bytes() and spy.poll() is None:  # where it may not attach, it ends
            if time.monotonic() > end:
                raise ProfilerError("py-spy did not attach")
            time.sleep(0.01)
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
