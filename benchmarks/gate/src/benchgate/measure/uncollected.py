"""What a measured process cannot collect: each file costs itself only, and is told with what it said."""

import re
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from _pytest.config import ConftestImportFailure

#: Of a file or folder that skips itself, as by importorskip.
SKIPPED = "skipped as a whole"
#: What a module may raise that pytest would end the whole session for.
_ENDING = (SystemExit, KeyboardInterrupt, pytest.exit.Exception)
#: What stands between the explanations of two errors of which one led to the other.
_CHAINED = re.compile(r"^(?:The above exception was the direct cause|During handling of the above exception).*$", re.M)


class Uncollected:
    """The pytest plugin that notes, by node, why files, folders and classes of cases could not be collected.

    What is skipped as a whole counts as well, if it mentions benchmarks: it would have been measured. Which file or
    folder is being collected is told by `tell`, for it may end the process.
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        self.errors: dict[str, str] = {}
        self._tell, self._now = tell, [""]
        self._session: pytest.Session | None = None

    @pytest.hookimpl(wrapper=True)
    def pytest_load_initial_conftests(self) -> Generator[None, object, object]:
        """Lets pytest start in spite of a conftest that fails: it does so again when its folder is collected."""
        try:
            return (yield)
        except ConftestImportFailure:
            return None

    def pytest_collection(self, session: pytest.Session) -> None:
        """Keeps the session."""
        self._session = session

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(
        self, collector: pytest.Collector
    ) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
        """Notes what failed, or was skipped with benchmarks in it."""
        try:
            with self._told(collector):
                report = yield
        except _ENDING as error:
            report = pytest.CollectReport(collector.nodeid, "failed", f"{type(error).__name__}: {error}", [])
        if report.failed:
            self.errors[collector.nodeid] = last_line(report.longreprtext)
        elif report.skipped and _mentions_benchmarks(collector.path):
            self.errors[collector.nodeid] = f"{SKIPPED} ({reason_of(report)})"
        return report

    @contextmanager
    def _told(self, collector: pytest.Collector) -> Iterator[None]:
        if not isinstance(collector, pytest.File | pytest.Directory):
            yield
            return
        self._now.append(collector.nodeid)
        self._tell(self._now[-1])
        try:
            yield
        finally:
            self._now.pop()
            self._tell(self._now[-1])

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Forgets that nothing was found of what was asked for by name in a file that failed: pytest would end here."""
        found_nothing = getattr(self._session, "_notfound", None)
        if report.nodeid == "" and found_nothing and self.errors:
            found_nothing[:] = [(asked, collectors) for asked, collectors in found_nothing if collectors]


class LeftOut:
    """The pytest plugin that keeps files and folders from being collected which have ended a process before."""

    def __init__(self, lethal: Mapping[str, str]) -> None:
        self._lethal = lethal

    @pytest.hookimpl(tryfirst=True)
    def pytest_make_collect_report(self, collector: pytest.Collector) -> pytest.CollectReport | None:
        """A failure in their place."""
        why = self._lethal.get(collector.nodeid)
        return None if why is None else pytest.CollectReport(collector.nodeid, "failed", why, [])


def reason_of(report: pytest.CollectReport | pytest.TestReport) -> str:
    """Why a report is not of a pass; a skip's explanation is a tuple of file, line and reason."""
    if isinstance(report.longrepr, tuple):
        return str(report.longrepr[2]).removeprefix("Skipped: ")
    return last_line(report.longreprtext)


def last_line(text: str) -> str:
    """The line of an explanation that says what was wrong; of errors that led to each other, the last and the first."""
    said = [_line_of(part) for part in _CHAINED.split(text)]
    return said[-1] if said[0] in said[-1] else f"{said[-1]}, after {said[0]}"


def _line_of(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    errors = [line[2:].strip() for line in lines if line.startswith("E  ")]
    if errors and errors[0].startswith('File "'):  # a syntax error is told at the end, and first in which file it is
        return f"{errors[-1]} ({errors[0]})"
    if errors or not lines:
        return (errors or ["no explanation"])[0]
    return lines[-1 if lines[0].startswith("Traceback") else 0]


def _mentions_benchmarks(path: Path) -> bool:
    files: Iterable[Path] = path.rglob("*.py") if path.is_dir() else [path]
    return any(b"benchmark" in file.read_bytes() for file in files)
