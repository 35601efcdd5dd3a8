"""One arm as the driver sees it: a measured process that is spoken to through pipes."""

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from ..errors import ArmError, LethalNodeError, WrongUseError
from .channel import DriverEnd
from .control import CONTROL_ROUNDS
from .messages import (
    Answer,
    Call,
    Called,
    Collected,
    Collecting,
    Ended,
    FinishCase,
    Finished,
    Ready,
    RunCases,
    Trace,
    Traced,
)
from .records import Timing

Wanted = TypeVar("Wanted", bound=Answer)

#: Of a case that was collected once, and is not in the next process of the same revision.
OTHER_ID = "not collected again: its id is another in every process, so give its parameter an id"
#: Of a case that reads what is not its own revision's.
SHARES = "in which the revisions differ, but both arms read the same"
#: What pytest ends with where it refuses its arguments, and what it says then; a conftest that fails is told otherwise.
_REFUSED, _REFUSAL = 4, re.compile(r"^(?:ERROR|pytest.*: error): (.+)", re.MULTILINE)


class CaseEndedError(Exception):
    """A case ended in one arm while the driver expected figures."""

    def __init__(self, arm: "Arm", ended: Ended) -> None:
        super().__init__(f"{arm.name}: {ended.why}")
        self.arm, self.ended = arm, ended


def shares(files: Sequence[str]) -> str:
    """What is said of files that were read and are those of another revision; nothing if there are none."""
    if not files:
        return ""
    shown = ", ".join([*dict.fromkeys(files)][:3])
    return f"it reads {shown}, {SHARES}: let it be found from the current folder or __file__, not by an absolute path"


class Arm:
    """A running measured process of the revision called `name` ("base" or "head") in the worktree `root`."""

    def __init__(
        self, name: str, pid: int, end: DriverEnd, timeout_s: float, log: Path, root: Path, mark: str = ""
    ) -> None:
        self.name, self.pid, self.mark = name, pid, mark  # what the processes that it starts are known by
        self._end, self._timeout_s, self._log, self._root = end, timeout_s, log, root
        self.loaded: dict[str, str] = {}  # modules of the project, with their files, that the process told of
        self._cases: frozenset[str] = frozenset()
        self.orderly = False  # whether the session came to its own end
        self.ready: Ready | None = None  # what the case that is met has said of itself

    def collected(self) -> Collected:
        """Waits until the benchmarks are collected.

        Raises WrongUseError where pytest refuses its arguments, LethalNodeError where a file of cases ends the process.
        """
        node: str | None = None
        try:
            while isinstance(answer := self._end.receive(self._timeout_s), Collecting):
                node = answer.node
            if isinstance(answer, Finished):  # pytest refuses what it was asked, and says why while it ends
                answer = self._end.receive(self._timeout_s)
            collected = self._checked(answer, Collected)
        except ArmError as error:
            if node:
                raise LethalNodeError(self.name, error.what, node) from None
            said = _REFUSAL.findall(self._logged())
            if self.name == "head" and self._end.status == _REFUSED and said:  # base may lack an option of head's
                raise WrongUseError(f"pytest refuses what it was asked: {said[-1]}") from None
            before = " before it came to any file, as by a conftest.py or a plugin" if node is None else ""
            raise ArmError(self.name, f"could not collect benchmarks: {error}{before}; {self._last_words()}") from None
        self.loaded.update(collected.loaded)
        self._cases = frozenset(collected.cases)
        return collected

    def run(self, cases: Sequence[str]) -> None:
        """Starts the chosen cases, in this order; raises ArmError for one that was not collected this time."""
        if unknown := [case for case in cases if case not in self._cases]:
            raise ArmError(self.name, f"has {unknown[0]} {OTHER_ID}")
        self._end.send(RunCases(list(cases)))

    def meet(self, case: str) -> Ready | Ended:
        """Waits until the case is ready to be called, or has ended without calling the benchmark fixture."""
        answer = self._receive_of(case, Ready)
        self.ready = answer if isinstance(answer, Ready) else None
        return answer

    @property
    def loopable(self) -> bool:
        """Whether several calls of the case that is met may be timed as one: it has no set-up of its own for each."""
        return self.ready is not None and self.ready.loopable

    @property
    def once(self) -> bool:
        """Whether the case that is met asks to be called a single time."""
        return self.ready is not None and self.ready.once

    def call(self, case: str, loops: int, processor: int | None) -> Timing:
        """Has the target called `loops` times and timed, starting on `processor` if one is given.

        Raises CaseEndedError when the case ended instead.
        """
        called = self._called(case, Call(loops, processor, CONTROL_ROUNDS, watch_memory=False))
        return Timing(called.wall_s, called.cpu_s, called.control_s)

    def call_for_memory(self, case: str) -> tuple[float, int]:
        """One call whose memory is watched: its wall time (inflated by the watching) and its peak in bytes."""
        called = self._called(case, Call(1, None, control_rounds=0, watch_memory=True))
        return called.wall_s, called.peak_bytes

    def trace(self, case: str) -> Traced:
        """One call under cProfile; raises CaseEndedError when the case ended instead."""
        self._end.send(Trace())
        return self._figures(case, Traced)

    def end_case(self, case: str, *, measured: bool) -> Ended:
        """Lets the case go on to its end."""
        self._end.send(FinishCase(measured))
        return self._receive_of(case, Ended)

    def finished(self) -> None:
        """Lets the session come to its end, and waits for it."""
        self._end.send(FinishCase(measured=True))
        self._receive(Finished)
        self.orderly = True

    def _called(self, case: str, command: Call) -> Called:
        self._end.send(command)
        return self._figures(case, Called)

    def _figures(self, case: str, wanted: type[Wanted]) -> Wanted:
        answer = self._receive_of(case, wanted)
        if isinstance(answer, Ended):
            raised = "its target raised an error, which the test expects"
            raise CaseEndedError(self, replace(answer, why=raised) if answer.end == "passed" else answer)
        return answer

    def _receive_of(self, case: str, wanted: type[Wanted]) -> Wanted | Ended:
        """What is wanted of the case, or its end."""
        answer = self._end.receive(self._timeout_s)
        if isinstance(answer, Ended):
            self.loaded.update(answer.loaded)
            if answer.deserted:
                raise ArmError(self.name, "ended the case while another thread of it still ran its benchmark")
        if isinstance(answer, wanted | Ended) and getattr(answer, "case", None) == case:
            return answer
        if isinstance(answer, Finished):  # KeyboardInterrupt, pytest.exit
            with suppress(ArmError):
                self._end.receive(self._timeout_s)  # it says why while it ends
            raise ArmError(self.name, f"ended its whole session in this case; {self._last_words()}")
        raise ArmError(self.name, f"answered out of turn: {answer} instead of {wanted.__name__} of {case}")

    def _receive(self, wanted: type[Wanted]) -> Wanted:
        return self._checked(self._end.receive(self._timeout_s), wanted)

    def _checked(self, answer: object, wanted: type[Wanted]) -> Wanted:
        if isinstance(answer, wanted):
            return answer
        raise ArmError(self.name, f"answered out of turn: {answer} instead of {wanted.__name__}")

    def _logged(self) -> str:
        """What the process has said; its files count from its worktree."""
        text = self._log.read_text(errors="replace")
        return text.replace(f"{self._root.resolve()}/", "").replace(f"{self._root}/", "")

    def _last_words(self) -> str:
        lines = [line for line in self._logged().splitlines() if line.strip()]
        errors = [line.strip("! ") for line in lines if "error" in line.lower() or line.startswith("!!!")]
        return f"it said: {(errors or lines or ['nothing'])[-1]}"
