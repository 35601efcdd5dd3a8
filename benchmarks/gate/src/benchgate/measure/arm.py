"""The measured process: pytest on one worktree, its benchmarks run call by call as the driver of the pair says.

Started by `site` as ``python -c BOOT``; the gate's package is loaded from its file under another name, so that the
worktree's own packages, which may have the same names, are imported from the worktree. Spawned workers of a case do
not import this file, since a process started with ``-c`` has no main file.
"""

import os
import sys
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import suppress
from importlib import import_module
from typing import Any, get_args

import pytest

from .channel import ArmEnd
from .messages import Collected, Collecting, End, Ended, Finished, RunCases
from .origin import Loaded, Read
from .plan import Plan
from .present import PresentCase
from .spawned import Children
from .target import Target, pad_threads, padding
from .uncollected import LeftOut, Uncollected, reason_of

#: Fixtures and markers by which a suite asks for a measurement.
_FIXTURES = {"benchmark", "codspeed_benchmark"}
_MARKERS = ("benchmark", "codspeed_benchmark")


class ArmPlugin:
    """The pytest plugin: only benchmarks are kept, they are run in lock-step, and how each ended is told."""

    def __init__(self, channel: ArmEnd, plan: Plan) -> None:
        self._channel, self._plan = channel, plan
        self._present = PresentCase(channel)
        self._loaded = Loaded(plan.packages, plan.watched, plan.notes, plan.copies)
        self._read = Read(plan.reads)
        named = [(plan.root, "{worktree}"), *((folder, "{build}") for folder in plan.first)]
        paths = [(each, name) for folder, name in named for each in (os.path.realpath(folder), folder)]
        escaped = [(path.encode("unicode_escape").decode("ascii"), name) for path, name in paths]  # as pytest does ids
        self._folders = [*paths, *escaped]
        self._padded = padding(plan.frame_slots)
        self.uncollected = Uncollected(lambda node: channel.send(Collecting(node)))
        self._items: list[pytest.Item] = []
        self._ends: dict[str, tuple[End, str]] = {}
        self._first: dict[str, str] = {}
        # looks at every start of a program, and at much else in passing, for which it is no part of what is measured
        self._children = Children(plan.packages, [plan.root, *plan.first]) if plan.notes else None

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        """Puts the lock-step under the public methods of the fixture, so that a fixture that wraps it works too.

        What pytest-randomly draws is the same in both arms of a pair, and the order is not its own.
        """
        config.option.randomly_reorganize = False
        config.option.maxfail = 0  # -x may be one letter of several
        config.option.mtr_none = True  # pytest-monitor watches each test from a thread, and keeps a database beside it
        if getattr(config.option, "randomly_seed", None) == "default":
            config.option.randomly_seed = int(os.environ["PYTHONHASHSEED"])
        config.addinivalue_line("markers", "tolerance(share): the loss of this case that the gate must see")
        for module in ("pytest_benchmark.fixture", "pytest_codspeed.plugin"):
            try:
                fixture_class: Any = import_module(module).BenchmarkFixture
            except ImportError:
                continue
            self._replace_rounds(fixture_class)

    @pytest.hookimpl(optionalhook=True, tryfirst=True)
    def pytest_timeout_set_timer(self) -> bool:
        """A suite's own timeout would count the other arm's turns; the driver has one of its own."""
        return True

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Tells which benchmarks there are and keeps those that the driver wants."""
        for folder in reversed(self._plan.first):  # a conftest's folder was put before it
            sys.path[:] = [folder, *(path for path in sys.path if path != folder)]
        by_case: dict[str, pytest.Item] = {}
        for item in filter(_is_benchmark, items):
            if by_case.setdefault(self._case(item.nodeid), item) is not item:
                self.uncollected.errors[item.nodeid] = "two cases have this id: give one of them another"
        tolerances = {case: tolerance for case, item in by_case.items() if (tolerance := self._tolerance(item))}
        errors = {self._case(node): self._case(why) for node, why in self.uncollected.errors.items()}
        self._channel.send(
            Collected(
                cases=[case for case in by_case if case not in errors],
                files=sorted({str(item.path) for item in by_case.values()}),
                errors=errors,
                tolerances=tolerances,
                loaded=self._loaded.news(),
                shared=self._read.news(),
            )
        )
        command = self._channel.receive()
        wanted = command.cases if isinstance(command, RunCases) else []
        self._items = items[:] = [by_case[case] for case in wanted]
        for item in items:
            self._measure_whole(item)

    def _case(self, nodeid: str) -> str:
        """The id of a case, the same in every process: without the paths of the worktree and of its build."""
        for folder, name in self._folders:
            nodeid = nodeid.replace(folder, name)
        return nodeid

    def _measure_whole(self, item: Any) -> None:
        """Makes a test that has only a marker, as pytest-codspeed allows, a target itself."""
        if _has_fixture(item):
            return
        target = Target(self._channel, self._present, self._padded, self._case(item.nodeid), item.runtest, (), {})
        item.runtest = target.obey

    def _tolerance(self, item: pytest.Item) -> float | None:
        """What the case's marker ``tolerance`` says, if it has one; anything but a share is an error."""
        marker = item.get_closest_marker("tolerance")
        if marker is None:
            return None
        share = marker.args[0] if len(marker.args) == 1 and not marker.kwargs else None
        if isinstance(share, float) and 0 < share < 1:
            return share
        self.uncollected.errors[item.nodeid] = "give the marker tolerance one share, as in tolerance(0.10)"
        return None

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Runs every case that is wanted, in the order of the driver, whatever other plugins would make of it.

        What would end the session early, as -x or a time for all tests, does not. The session ends without a summary,
        which nobody reads: to write one, a plugin may import for a second, in every pair.
        """
        for item, following in zip(self._items, [*self._items[1:], None], strict=True):
            self._present.begin(self._case(item.nodeid))
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            self._end(item.nodeid)
        with suppress(EOFError):  # what the end of the session does is not to be taken for the last case's doing
            self._channel.receive()
        plugins = session.config.pluginmanager
        plugins.unregister(plugins.getplugin("terminalreporter"))
        return True

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keeps the worst of set-up, call and tear-down; if a plugin runs it again, what was wrong at first."""
        why = f"{report.when}: {_reason(report)}"
        if report.outcome not in get_args(End):  # as "rerun"
            self._first.setdefault(report.nodeid, why)
            return
        end, known = self._ends.get(report.nodeid, ("passed", ""))
        if report.outcome != "passed" and end != "failed":
            outcome: End = "failed" if hasattr(report, "wasxfail") else report.outcome
            end, known = outcome, self._first.get(report.nodeid, why)
        self._ends[report.nodeid] = (end, known)

    def _end(self, nodeid: str) -> None:
        """Tells how the case ended, once: a plugin may have run it several times."""
        astray = self._children.astray() if self._children else ""
        shared = self._read.news()
        end, why = self._ends.get(nodeid, ("failed", "no report"))
        if astray and end == "passed":
            end, why = "failed", astray
        self._present.end(Ended(self._case(nodeid), end, self._case(why), self._loaded.news(), shared))

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self) -> Generator[None, None, None]:
        """Tells that all is done, whatever hooks of the suite make of figures of a session like this one."""
        self._channel.send(Finished())
        yield

    def _replace_rounds(self, fixture_class: Any) -> None:
        # pytest-codspeed up to 3 has no other way to give it a function
        one_round: Callable[..., Any] = getattr(fixture_class, "pedantic", fixture_class.__call__)

        def obeyed(
            fixture: Any, once: bool, target: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any],
            setup: Callable[[], Any] | None = None, teardown: Callable[..., Any] | None = None,
        ) -> Any:  # fmt: skip
            case = self._case(_nodeid_of(fixture))
            stand_in = Target(
                self._channel, self._present, self._padded, case, target, args, kwargs, setup, teardown, once
            )
            result = one_round(fixture, stand_in.obey)
            if getattr(fixture, "stats", None) is not None and stand_in.seen:  # pytest-codspeed's has none
                fixture.stats.stats.data[:] = stand_in.seen[1:] or stand_in.seen  # the first warms up
            return result

        def pedantic(
            fixture: Any,
            target: Callable[..., Any],
            args: Iterable[Any] = (),
            kwargs: dict[str, Any] | None = None,
            setup: Callable[[], Any] | None = None,
            teardown: Callable[..., Any] | None = None,
            rounds: int = 1,
            warmup_rounds: int = 0,
            iterations: int = 1,
        ) -> Any:
            once = setup is None and rounds == iterations == 1 and not warmup_rounds
            return obeyed(fixture, once, target, tuple(args), kwargs or {}, setup, teardown)

        def call(fixture: Any, function_to_benchmark: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
            return obeyed(fixture, False, function_to_benchmark, args, kwargs)

        # The whole process exists for this measurement and ends after it, so nothing is put back.
        fixture_class.pedantic = pedantic
        fixture_class.__call__ = call


def _nodeid_of(fixture: Any) -> str:
    """The id of the case that a benchmark fixture belongs to: pytest-codspeed's has a request instead."""
    request = getattr(fixture, "_request", None)
    return str(request.node.nodeid if request is not None else fixture.fullname)


def _has_fixture(item: pytest.Item) -> bool:
    return bool(_FIXTURES.intersection(getattr(item, "fixturenames", ())))


def _is_benchmark(item: pytest.Item) -> bool:
    if _has_fixture(item):
        return True
    marked = any(item.get_closest_marker(name) for name in _MARKERS)
    return marked and "pytest_codspeed.plugin" in sys.modules and hasattr(item, "fixturenames")


def _reason(report: pytest.TestReport) -> str:
    if hasattr(report, "wasxfail"):
        return f"marked xfail{report.wasxfail and f' ({report.wasxfail})'}"
    return reason_of(report)


def main(read_fd: int, write_fd: int, plan: Plan) -> int:
    """Runs pytest with the arm's plugin in the current directory; returns pytest's status."""
    pad_threads(padding(plan.frame_slots))
    arguments: Sequence[str] = plan.arguments
    plugin = ArmPlugin(ArmEnd(read_fd, write_fd), plan)
    return int(pytest.main([*arguments], plugins=[plugin, plugin.uncollected, LeftOut(plan.lethal)]))
