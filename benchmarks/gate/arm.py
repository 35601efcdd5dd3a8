"""The measured process: pytest on one worktree, its benchmarks run call by call as the driver of the pair says.

Started by `pairs` as ``python -c BOOT``; this package is loaded from its file under another name, so that the
worktree's own packages, which may have the same names, are imported from the worktree. Spawned workers of a case do
not import this file, since a process started with ``-c`` has no main file.

Messages out: collected, ready, called, outcome, finished. Commands in: run, call, finish, abandon.
"""

import cProfile
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import CodeType
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from . import tree
from .channel import ArmEnd, Message
from .control import move_to, spin


@dataclass(frozen=True)
class Turns:
    """One case's target; stands in for the target of the single round that pytest-benchmark believes it runs.

    Everything else about the fixture (that it is used once, its errors, its figures being there afterwards) stays
    pytest-benchmark's own.
    """

    channel: ArmEnd
    case: str
    target: Callable[..., Any]
    args: Sequence[Any]
    kwargs: dict[str, Any]
    setup: Callable[[], Any] | None
    teardown: Callable[..., Any] | None

    def run(self) -> Any:
        """Obeys the driver until it says finish; returns what the last call of the target returned."""
        loopable = self.setup is None and self.teardown is None
        self.channel.send(say="ready", case=self.case, loopable=loopable)
        result = None
        while (command := self.channel.receive())["do"] in {"call", "trace"}:
            result = self._call(command) if command["do"] == "call" else self._trace()
        if command["do"] == "abandon":
            pytest.skip("the other arm did not run this case")
        return result

    def _call(self, command: Message) -> Any:
        made = self.setup() if self.setup is not None else None
        args, kwargs = made or (self.args, self.kwargs)
        if command["processor"] is not None:
            move_to(command["processor"])
        control_s = _timed(lambda: spin(command["control"]))
        figures: dict[str, float] = {}
        with _watched(figures, memory=command["memory"]):
            result = self._loop(command["loops"], args, kwargs)
        if self.teardown is not None:
            self.teardown(*args, **kwargs)
        self.channel.send(say="called", case=self.case, control_s=control_s, **figures)
        return result

    def _trace(self) -> Any:
        args, kwargs = (self.setup() if self.setup is not None else None) or (self.args, self.kwargs)
        profiler = cProfile.Profile()
        result = profiler.runcall(self.target, *args, **kwargs)
        if self.teardown is not None:
            self.teardown(*args, **kwargs)
        own_s: dict[str, float] = defaultdict(float)
        for entry in profiler.getstats():
            own_s[_label(entry.code)] += entry.inlinetime
        self.channel.send(say="traced", case=self.case, own_s=own_s)
        return result

    def _loop(self, loops: int, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        target = self.target
        for _ in range(loops - 1):
            target(*args, **kwargs)
        return target(*args, **kwargs)


@contextmanager
def _watched(figures: dict[str, float], *, memory: bool) -> Iterator[None]:
    """Wall and CPU seconds of the block, or, in an untimed call, the peak memory of the process tree."""
    if memory:
        started = time.perf_counter()
        with tree.peak_memory() as peak:
            yield
        figures.update(wall_s=time.perf_counter() - started, cpu_s=0.0, peak_bytes=peak.bytes)
        return
    cpu_before = tree.cpu_s(tree.descendants())
    started = time.perf_counter()
    yield
    wall_s = time.perf_counter() - started
    figures.update(wall_s=wall_s, cpu_s=tree.cpu_s(tree.descendants()) - cpu_before, peak_bytes=0)


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


class ArmPlugin:
    """The pytest plugin: only benchmarks are kept, they are run in lock-step, and every outcome is told."""

    def __init__(self, channel: ArmEnd, root: Path, project_names: Sequence[str]) -> None:
        self._channel, self._root, self._project_names = channel, root, project_names
        self._collection_errors: list[str] = []
        self._outcomes: dict[str, tuple[str, str]] = {}

    def pytest_configure(self, config: pytest.Config) -> None:
        """Puts the lock-step under the public methods of the fixture, so that a fixture that wraps it works too."""
        config.addinivalue_line("markers", "tolerance(share): the loss of this case that the gate must see")
        _replace_rounds(self._channel)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Notes files that could not be imported."""
        if report.failed:
            self._collection_errors.append(f"{report.nodeid}: {_last_line(report.longreprtext)}")

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Tells which benchmarks there are and keeps those that the driver wants."""
        by_case = {item.nodeid: item for item in items if "benchmark" in getattr(item, "fixturenames", ())}
        tolerances = {case: tolerance for case, item in by_case.items() if (tolerance := self._tolerance(item))}
        errors = self._collection_errors
        self._channel.send(say="collected", cases=list(by_case), errors=errors, tolerances=tolerances)
        items[:] = [by_case[case] for case in self._channel.receive()["cases"]]

    def _tolerance(self, item: pytest.Item) -> float | None:
        """What the case's marker ``tolerance`` says, if it has one; anything but a share is an error."""
        marker = item.get_closest_marker("tolerance")
        if marker is None:
            return None
        share = marker.args[0] if len(marker.args) == 1 and not marker.kwargs else None
        if isinstance(share, float) and 0 < share < 1:
            return share
        self._collection_errors.append(f"{item.nodeid}: give the marker tolerance one share, as in tolerance(0.10)")
        return None

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keeps the worst of set-up, call and tear-down."""
        outcome, why = self._outcomes.get(report.nodeid, ("passed", ""))
        if report.outcome != "passed" and outcome != "failed":
            outcome, why = report.outcome, f"{report.when}: {_reason(report)}"
        self._outcomes[report.nodeid] = (outcome, why)

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        """Tells how the case ended."""
        outcome, why = self._outcomes.get(nodeid, ("failed", "no report"))
        self._channel.send(say="outcome", case=nodeid, outcome=outcome, why=why)

    def pytest_sessionfinish(self) -> None:
        """Tells that all is done, and which modules of the project did not come from this worktree."""
        self._channel.send(say="finished", strangers=self._strangers())

    def _strangers(self) -> dict[str, str]:
        """Modules of the project that were imported from elsewhere: an installed copy, or another checkout."""
        files = {name: getattr(sys.modules.get(name), "__file__", None) for name in self._project_names}
        return {name: file for name, file in files.items() if file and not Path(file).is_relative_to(self._root)}


def _replace_rounds(channel: ArmEnd) -> None:
    one_round: Callable[..., Any] = BenchmarkFixture.pedantic

    def pedantic(
        fixture: BenchmarkFixture,
        target: Callable[..., Any],
        args: Sequence[Any] = (),
        kwargs: dict[str, Any] | None = None,
        setup: Callable[[], Any] | None = None,
        teardown: Callable[..., Any] | None = None,
        **_rounds: int,
    ) -> Any:
        turns = Turns(channel, fixture.fullname, target, args, kwargs or {}, setup, teardown)
        return one_round(fixture, turns.run)

    def call(fixture: BenchmarkFixture, function_to_benchmark: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        return pedantic(fixture, function_to_benchmark, args, kwargs)

    # The whole process exists for this measurement and ends after it, so nothing is put back.
    fixture_class: Any = BenchmarkFixture
    fixture_class.pedantic = pedantic
    fixture_class.__call__ = call


def _label(code: CodeType | str) -> str:
    return code if isinstance(code, str) else f"{code.co_qualname} ({Path(code.co_filename).name})"


def _reason(report: pytest.TestReport) -> str:
    # a skip's explanation is a tuple of file, line and reason
    return str(report.longrepr[2]) if isinstance(report.longrepr, tuple) else _last_line(report.longreprtext)


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    errors = [line[2:].strip() for line in lines if line.startswith("E  ")]
    return (errors or lines or ["no explanation"])[0 if errors else -1]


def main(read_fd: int, write_fd: int, root: str, project_names: Sequence[str], arguments: Sequence[str]) -> int:
    """Runs pytest with the arm's plugin in the current directory; returns pytest's status."""
    plugin = ArmPlugin(ArmEnd(read_fd, write_fd), Path(root), project_names)
    return int(pytest.main(list(arguments), plugins=[plugin]))
