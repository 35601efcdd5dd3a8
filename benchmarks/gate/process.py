"""One arm as the driver sees it: a process started in a worktree, spoken to through pipes, ended for certain."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psutil

from .channel import DriverEnd, Message
from .control import CONTROL_ROUNDS
from .errors import ArmError, GateError, WrongUseError
from .records import Sample

#: How long an arm may take to end after it has said that it finished, in seconds.
ENDING_S = 20.0

_PACKAGE = "regression_gate"
_BOOT = f"""
import importlib.util, json, sys
spec = importlib.util.spec_from_file_location("{_PACKAGE}", sys.argv[1] + "/__init__.py",
                                              submodule_search_locations=[sys.argv[1]])
package = sys.modules["{_PACKAGE}"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(package)
arguments = json.loads(sys.argv[2])
del sys.argv[1:]
from {_PACKAGE} import arm
sys.exit(arm.main(*arguments))
"""

#: Settings of the caller's environment that would change what pytest runs in the arms.
_UNWANTED = ("PYTEST_ADDOPTS", "PYTEST_PLUGINS", "PYTEST_DISABLE_PLUGIN_AUTOLOAD", "PYTEST_CURRENT_TEST")


@dataclass(frozen=True)
class Suite:
    """What both arms are asked to run: pytest's selection, and the names by which the project is imported."""

    paths: tuple[str, ...]
    selection: tuple[str, ...]
    project_names: tuple[str, ...]

    def arguments(self, root: Path) -> list[str]:
        """Pytest's arguments in the worktree `root`; the project's own `addopts` are dropped.

        They are meant for test runs: ``-n auto``, ``--benchmark-disable``, ``-p no:benchmark`` or ``-x`` would each
        spoil a measurement.
        """
        return [*self.paths, *self.selection, f"--rootdir={root}", "-o", "addopts=", "-p", "no:cacheprovider",
                "--continue-on-collection-errors"]  # fmt: skip


class CaseEndedError(Exception):
    """A case ended in one arm while the driver expected figures."""

    def __init__(self, arm: "Arm", outcome: Message) -> None:
        super().__init__(f"{arm.name}: {outcome['why']}")
        self.arm, self.outcome = arm, outcome


class Arm:
    """A running measured process of the revision called `name` ("base" or "head")."""

    def __init__(self, name: str, pid: int, end: DriverEnd, timeout_s: float, log: Path) -> None:
        self.name, self.pid, self._end, self._timeout_s, self._log = name, pid, end, timeout_s, log
        self.orderly = False  # whether the session came to its own end
        self.loopable = False  # whether the case that is met has no set-up of its own for each call

    def collected(self) -> Message:
        """Waits until the benchmarks are collected: their ids under ``cases``, what failed under ``errors``."""
        try:
            return self._receive("collected")
        except ArmError as error:
            raise ArmError(self.name, f"could not collect benchmarks: {error}; {self._last_words()}") from None

    def run(self, cases: Sequence[str]) -> None:
        """Starts the chosen cases, in this order."""
        self._end.send(do="run", cases=list(cases))

    def meet(self, case: str) -> Message:
        """Waits until the case is ready to be called, or has ended without calling the benchmark fixture."""
        message = self._receive("ready", "outcome", case=case)
        self.loopable = message.get("loopable", False)
        return message

    def call(self, case: str, loops: int, processor: int | None) -> Sample:
        """Has the target called `loops` times and timed, starting on `processor` if one is given.

        Raises CaseEndedError when the case ended instead.
        """
        figures = self._called(case, loops=loops, processor=processor, control=CONTROL_ROUNDS, memory=False)
        return Sample(figures["wall_s"], figures["cpu_s"], figures["control_s"])

    def call_for_memory(self, case: str) -> tuple[float, int]:
        """One call whose memory is watched: its wall time (inflated by the watching) and its peak in bytes."""
        figures = self._called(case, loops=1, processor=None, control=0, memory=True)
        return figures["wall_s"], figures["peak_bytes"]

    def trace(self, case: str) -> dict[str, float]:
        """One call under cProfile: seconds spent in each function itself."""
        self._end.send(do="trace")
        message = self._receive("traced", "outcome", case=case)
        if message["say"] == "outcome":
            raise CaseEndedError(self, message)
        own_s: dict[str, float] = message["own_s"]
        return own_s

    def end_case(self, case: str, command: str) -> Message:
        """Says "finish" or "abandon" and returns the case's outcome."""
        self._end.send(do=command)
        return self._receive("outcome", case=case)

    def finished(self) -> dict[str, str]:
        """Waits for the end of the session; the project's modules that did not come from the worktree, with files."""
        strangers: dict[str, str] = self._receive("finished")["strangers"]
        self.orderly = True
        return strangers

    def _called(self, case: str, **command: Any) -> Message:
        self._end.send(do="call", **command)
        message = self._receive("called", "outcome", case=case)
        if message["say"] == "outcome":
            raise CaseEndedError(self, message)
        return message

    def _receive(self, *wanted: str, case: str | None = None) -> Message:
        message = self._end.receive(self._timeout_s)
        if message.get("say") not in wanted or message.get("case") != case:
            raise ArmError(self.name, f"answered out of turn: {message} instead of {' or '.join(wanted)} of {case}")
        return message

    def _last_words(self) -> str:
        lines = [line for line in self._log.read_text(errors="replace").splitlines() if line.strip()]
        errors = [line for line in lines if "rror" in line]
        return f"it said: {(errors or lines or ['nothing'])[-1]}"


@dataclass(frozen=True)
class Collected:
    """The ids of a worktree's benchmarks, what could not be collected, and tolerances that cases have of their own."""

    cases: list[str]
    errors: list[str]
    tolerances: dict[str, float]


@dataclass(frozen=True)
class Site:
    """Where arms of one revision are started: `name` is "base" or "head", `root` its worktree."""

    name: str
    root: Path
    suite: Suite
    timeout_s: float
    logs: Path

    @contextmanager
    def started(self, occasion: str, environment: Mapping[str, str]) -> Iterator[Arm]:
        """A fresh process in the worktree; whatever it leaves behind is ended with the block."""
        command_read, command_write = os.pipe()
        answer_read, answer_write = os.pipe()
        plan = [command_read, answer_write, str(self.root), self.suite.project_names, self.suite.arguments(self.root)]
        log = self.logs / f"{occasion}-{self.name}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(  # noqa: S603 (our own interpreter, no shell)
                [sys.executable, "-c", _BOOT, str(Path(__file__).parent), json.dumps(plan)],
                cwd=self.root,
                env=_environment(self.root, environment),
                pass_fds=(command_read, answer_write),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        os.close(command_read)
        os.close(answer_write)
        end = DriverEnd(self.name, process, answer_read, command_write)
        try:
            arm = Arm(self.name, process.pid, end, self.timeout_s, log)
            yield arm
            if arm.orderly:
                _wait(process)
        finally:
            end.close()
            _end(process)

    def collect(self) -> Collected:
        """The benchmarks that the worktree has and what could not be collected there; runs none of them."""
        present = tuple(path for path in self.suite.paths if (self.root / path.split("::")[0]).exists())
        if not present:
            return Collected([], [], {})
        site = replace(self, suite=Suite(present, self.suite.selection, ()))
        with site.started("collect", {}) as arm:
            message = arm.collected()
        return Collected(message["cases"], message["errors"], message["tolerances"])


def _environment(root: Path, extra: Mapping[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in _UNWANTED}
    paths = [str(root), str(root / "src"), *filter(None, [os.environ.get("PYTHONPATH")])]
    return kept | {"PYTHONPATH": os.pathsep.join(paths)} | dict(extra)


def _wait(process: subprocess.Popen[bytes]) -> None:
    with suppress(subprocess.TimeoutExpired):
        process.wait(ENDING_S)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends the process and everything it started, also what moved to a session of its own."""
    try:
        strays = psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        strays = []
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    for stray in strays:
        with suppress(psutil.NoSuchProcess):
            stray.kill()
    process.wait()


def check_selection(paths: Sequence[str], root: Path) -> None:
    """Raises WrongUseError for a path that head does not have."""
    absent = [path for path in paths if not (root / path.split("::")[0]).exists()]
    if absent:
        raise WrongUseError(f"head has no {', '.join(absent)}: give files or directories with benchmarks")


def check_collected(head: Collected) -> None:
    """Raises GateError when not all could be collected, WrongUseError when there is nothing."""
    if head.errors:
        raise GateError("head's benchmarks cannot be collected: " + "; ".join(head.errors))
    if not head.cases:
        raise WrongUseError("no benchmark was selected: give files or directories with tests that use `benchmark`")
