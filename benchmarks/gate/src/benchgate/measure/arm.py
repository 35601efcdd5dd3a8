"""The measured process: pytest on one worktree, its benchmarks run call by call as the driver of the pair says.

Started by `driver` as ``python -c BOOT``; the gate's package is loaded from its file under another name, so that the
worktree's own packages, which may have the same names, are imported from the worktree. Spawned workers of a case do
not import this file, since a process started with ``-c`` has no main file.
"""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from .channel import ArmEnd
from .messages import Collected, End, Ended, Finished, RunCases
from .target import Target


class ArmPlugin:
    """The pytest plugin: only benchmarks are kept, they are run in lock-step, and how each ended is told."""

    def __init__(self, channel: ArmEnd, root: Path, project_names: Sequence[str]) -> None:
        self._channel, self._root, self._project_names = channel, root, project_names
        self._collection_errors: list[str] = []
        self._ends: dict[str, tuple[End, str]] = {}

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
        self._channel.send(Collected(list(by_case), self._collection_errors, tolerances))
        command = self._channel.receive()
        wanted = command.cases if isinstance(command, RunCases) else []
        items[:] = [by_case[case] for case in wanted]

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
        end, why = self._ends.get(report.nodeid, ("passed", ""))
        if report.outcome != "passed" and end != "failed":
            end, why = report.outcome, f"{report.when}: {_reason(report)}"
        self._ends[report.nodeid] = (end, why)

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        """Tells how the case ended."""
        end, why = self._ends.get(nodeid, ("failed", "no report"))
        self._channel.send(Ended(nodeid, end, why))

    def pytest_sessionfinish(self) -> None:
        """Tells that all is done, and which modules of the project did not come from this worktree."""
        self._channel.send(Finished(self._strangers()))

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
        return one_round(fixture, Target(channel, fixture.fullname, target, args, kwargs or {}, setup, teardown).obey)

    def call(fixture: BenchmarkFixture, function_to_benchmark: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        return pedantic(fixture, function_to_benchmark, args, kwargs)

    # The whole process exists for this measurement and ends after it, so nothing is put back.
    fixture_class: Any = BenchmarkFixture
    fixture_class.pedantic = pedantic
    fixture_class.__call__ = call


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
