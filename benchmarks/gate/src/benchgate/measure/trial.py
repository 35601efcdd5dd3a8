"""Before measuring: every case called once in both revisions, to know what runs, how long it takes, what it spoils."""

import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Protocol

from ..errors import ArmError, GateError
from .driver import SHARES, Arm, CaseEndedError
from .messages import Ended
from .pair import PairDriver
from .records import Gap, Trouble
from .servers import may_share
from .single import seconds_in

#: A case is called a second time, warm, if the first call took no longer, in seconds.
TWICE_S = 0.5
#: How often it is told how far a trial is, in seconds.
TELLING_S = 10.0
#: Cases that read what is not their own revision's, after which the others are not tried.
MOST_SHARING = 20
#: Errors of a case that may come from the other arm, which holds what both want: a port, a lock, a file, memory.
_CONFLICT = re.compile(r"(?i)in use|lock|exist|busy|OSError|ConnectionError|PermissionError|MemoryError|by signal 9$")
#: What is said of a case that is sound in base, or in head.
_SOUND_IN_BASE, _SOUND_IN_HEAD = re.compile(r"base: (ready|passed); head: "), re.compile(r"; head: (ready|passed)$")
#: What is said of a case that is of no use, alone or not.
_WRITES = "it writes into the files it is made of"


class Worktrees(Protocol):
    """What a trial needs of the worktrees."""

    def changed(self) -> list[str]:
        """Files that are no longer as they were checked out."""
        ...

    def restore(self) -> None:
        """Puts them back."""
        ...


@dataclass
class Trial:
    """What the trial has shown: seconds of one call by case, of the start of a pair, and cases that are in trouble.

    `setup_s` are seconds of fixtures between the call of the case before and that of a case.
    """

    call_s: dict[str, float] = field(default_factory=dict)
    setup_s: dict[str, float] = field(default_factory=dict)
    start_s: float = 0.0
    troubles: list[Trouble] = field(default_factory=list)


def try_out(
    driver: PairDriver, cases: Sequence[str], trees: Worktrees, say: Callable[[str], None] = lambda _: None
) -> Trial:
    """Calls every case once in both arms; a case that ends a process costs itself only. `say` is told how far it is.

    Raises GateError when an arm cannot start, loads something of the project that is not its own revision's, or writes
    into it when no case does.
    """
    trial = Trial()
    left = list(cases)
    told = time.monotonic()
    while left:
        visited: set[str] = set()
        for case in _try_some(driver, left, trees, trial):
            visited.add(case)
            if time.monotonic() - told > TELLING_S:
                told = time.monotonic()
                say(f"{len(cases) - len(left) + len(visited)} of {len(cases)} cases were called")
        if written := trees.changed():
            raise GateError(
                f"while no case runs, the suite writes into the files it is made of: {', '.join(written[:3])}. "
                "Let it write elsewhere, or have git ignore them"
            )
        left = [case for case in left if case not in visited]
        sharing = [trouble for trouble in trial.troubles if SHARES in trouble.why]
        if left and len(sharing) >= MOST_SHARING:  # each takes a pair of processes of its own
            raise GateError(f"{len(sharing)} cases, as {sharing[0].case}, read such files: {sharing[0].why}")
    in_vain: set[str] = set()
    trial.troubles = [trouble for trouble in trial.troubles if not _works_alone(driver, trouble, trial, in_vain)]
    _try_new(driver, trees, trial)
    return trial


def _try_some(driver: PairDriver, cases: Sequence[str], trees: Worktrees, trial: Trial) -> Iterator[str]:
    """One pair of processes; the cases that it came to, which are not all if one ended a process."""
    begun, met = time.monotonic(), 0.0

    def call(base: Arm, head: Arm, case: str) -> tuple[str, float, bool]:
        if not trial.start_s:
            trial.start_s = time.monotonic() - begun
        elif met:
            trial.setup_s[case] = time.monotonic() - met
        seconds = max(_seconds(arm, case) for arm in (base, head))
        return case, seconds, may_share(base, head)

    with closing(driver.visit(cases, call, f"trial-{len(cases)}", None)) as found:
        for seen in found:
            case = seen.case if isinstance(seen, Trouble) else seen[0]
            if written := trees.changed():
                trees.restore()
                why = f"{_WRITES}: {', '.join(written[:3])}"
                said = [seen.why, why] if isinstance(seen, Trouble) else [why]
                trial.troubles.append(Trouble(case, "incomparable", "; ".join(said)))
            elif isinstance(seen, Trouble):
                trial.troubles.append(seen)
            else:
                trial.call_s[case] = seen[1]
                if seen[2]:
                    driver.alone.add(case)
            met = time.monotonic()  # not before, for looking at the worktrees takes time only here
            yield case


def _seconds(arm: Arm, case: str) -> float:
    first = arm.call(case, 1, None).wall_s
    return first if first > TWICE_S or arm.once else arm.call(case, 1, None).wall_s


def _try_new(driver: PairDriver, trees: Worktrees, trial: Trial) -> None:
    """Lets what base seems to lack come to its end in head, which it must do, and once more in base alone.

    There it may have failed for the other arm; it is then measured in one arm after the other.
    """
    new = [trouble.case for trouble in trial.troubles if trouble.verdict == "new"]
    if not new:
        return
    in_base, in_head = (seconds_in(site, new, "trial-new", driver.note_origin) for site in (driver.base, driver.head))
    written = trees.changed()
    if written:
        trees.restore()
    for trouble in [trouble for trouble in trial.troubles if trouble.verdict == "new"]:
        trial.troubles.remove(trouble)
        base, head = in_base[trouble.case], in_head[trouble.case]
        said = trouble.why.removesuffix("ready")
        if written:
            why = f"it, or another case that is new, writes into the files it is made of: {', '.join(written[:3])}"
            trial.troubles.append(Trouble(trouble.case, "incomparable", why))
        elif isinstance(head, Ended):
            verdict: Gap = "skipped" if head.end == "skipped" else "incomparable"
            trial.troubles.append(Trouble(trouble.case, verdict, f"{said}{head.end} ({head.why})"))
        elif isinstance(base, Ended):
            trial.troubles.append(Trouble(trouble.case, "new", f"nothing to compare it with: {said}passed"))
        else:
            driver.alone.add(trouble.case)
            trial.call_s[trouble.case] = max(base, head)


def _works_alone(driver: PairDriver, trouble: Trouble, trial: Trial, in_vain: set[str]) -> bool:
    """Whether a case that failed beside its other arm passes without it; it is then measured so.

    It may fail for the other arm if it says so, and if it fails in one arm only. What was said of cases that fail alone
    too, often many for one reason, is put into `in_vain`: those of which the same is said are not tried.
    """
    in_base, in_head = _SOUND_IN_BASE.match(trouble.why), _SOUND_IN_HEAD.search(trouble.why)
    may_be_of_the_other = bool(in_base) != bool(in_head) or _CONFLICT.search(trouble.why)
    if not may_be_of_the_other or trouble.verdict != "incomparable" or trouble.why in in_vain or _WRITES in trouble.why:
        return False
    try:
        call_s = [
            driver.run_alone(site, trouble.case, "trial-alone", None, lambda arm: _seconds(arm, trouble.case))
            for site in ((driver.head, driver.base) if in_base else (driver.base, driver.head))
        ]
    except CaseEndedError:
        in_vain.add(trouble.why)
        return False
    except ArmError:  # says little of why, so that others may end otherwise
        return False
    driver.alone.add(trouble.case)
    trial.call_s[trouble.case] = max(call_s)
    return True
