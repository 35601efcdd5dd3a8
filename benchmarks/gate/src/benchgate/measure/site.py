"""Where arms of one revision are started, and how they are ended for certain."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

from ..errors import GateError, WrongUseError
from .channel import DriverEnd
from .driver import Arm
from .messages import Collected

#: How long an arm may take to end after it has said that it finished, in seconds.
ENDING_S = 20.0

_PACKAGE = "regression_gate"
_HERE = Path(__file__).parents[1]
_BOOT = f"""
import importlib.util, json, sys
spec = importlib.util.spec_from_file_location("{_PACKAGE}", sys.argv[1] + "/__init__.py",
                                              submodule_search_locations=[sys.argv[1]])
package = sys.modules["{_PACKAGE}"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(package)
arguments = json.loads(sys.argv[2])
del sys.argv[1:]
from {_PACKAGE}.measure import arm
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
                "-p", "no:benchgate.guard.plugin", "--continue-on-collection-errors"]  # fmt: skip


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
                [sys.executable, "-c", _BOOT, str(_HERE), json.dumps(plan)],
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
            return Collected([])
        site = replace(self, suite=Suite(present, self.suite.selection, ()))
        with site.started("collect", {}) as arm:
            return arm.collected()


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
