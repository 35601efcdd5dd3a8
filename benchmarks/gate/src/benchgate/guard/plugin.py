"""What pytest-benchmark must not let pass silently. A pytest plugin; README.md has the list.

Three moments: the options are read before pytest-benchmark sees them (`pytest_cmdline_main`), the stored run is chosen
once it has started (`pytest_sessionstart`), and the run is judged, and only then saved, before any report is written
(`Judge`). A run that is found wanting gets failed reports of its own, so that every reporter, JUnit included, shows
them, and the exit status is 1 whether there is a terminal or not.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from . import machine
from .stored import HOW_TO_STORE, PROBLEMS, StoredRuns, is_swallowed_path, load

NOTHING = StoredRuns({}, ())


@dataclass(slots=True)
class Guard:
    """What was asked for, and what is known of it so far."""

    wanted: Any
    gating: bool
    against: StoredRuns = NOTHING
    save: Any = None
    json: Any = None
    problems: list[tuple[str, str]] = field(default_factory=list)
    """Name of a case, and what is wrong with it."""

    @property
    def comparing(self) -> bool:
        """Whether ``--benchmark-compare`` was given."""
        return self.wanted is not None


GUARD = pytest.StashKey[Guard]()


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Take the comparison out of pytest-benchmark's hands, which would load whatever is there, or crash."""
    wanted = config.getoption("benchmark_compare", [])
    guard = Guard(
        wanted=None if wanted == [] else wanted, gating=bool(config.getoption("benchmark_compare_fail", None))
    )
    config.stash[GUARD] = guard
    if is_swallowed_path(guard.wanted, config.invocation_params.dir):
        raise pytest.UsageError(
            f"--benchmark-compare took {guard.wanted!r} for the name of a stored run, since a name may follow it.\n"
            f"Put the path first: pytest {guard.wanted} --benchmark-compare"
        )
    if guard.gating and not guard.comparing:
        raise pytest.UsageError("--benchmark-compare-fail compares with nothing; add --benchmark-compare")
    if guard.comparing:
        config.option.benchmark_compare = []


@pytest.hookimpl(tryfirst=True)  # before the header; pytest-benchmark's own session exists since its pytest_configure
def pytest_sessionstart(session: pytest.Session) -> None:
    """Choose the stored run, and refuse at once what cannot be judged."""
    _start(session.config)


def _start(config: pytest.Config) -> None:
    guard = config.stash.get(GUARD, None)
    session = getattr(config, "_benchmarksession", None)
    if guard is None or session is None or hasattr(config, "workerinput"):
        return
    # Saved by the judge, if at all: pytest-benchmark saves before it compares.
    guard.save, guard.json = session.save or session.autosave, session.json
    if not (guard.comparing or guard.save or guard.json):
        return
    if guard.comparing:
        _check_that_something_is_measured(config, session)
    session.save = session.autosave = session.json = None
    here = machine.identity(config.rootpath)
    # A folder for each machine, so that the latest run is the latest of this one.
    session.machine_id = session.storage.default_machine_id = f"{session.machine_id}-{machine.digest(here)}"
    if guard.comparing:
        guard.against = _load(session, guard, here)
        session.compare, session.compared_mapping = guard.wanted, dict(guard.against.runs)
    config.pluginmanager.register(Judge(config, guard, session), "benchmark-judge")


@pytest.hookimpl(optionalhook=True, tryfirst=True)
def pytest_benchmark_generate_machine_info(config: pytest.Config) -> dict[str, Any]:
    """Nothing but what decides whether two runs may be compared."""
    return {"identity": machine.identity(config.rootpath)}


def _check_that_something_is_measured(config: pytest.Config, session: Any) -> None:
    reason = None
    if session.skip:
        reason = "--benchmark-skip leaves out every benchmark"
    elif config.getoption("dist", "no") != "no":
        reason = "pytest-xdist (-n) disables benchmarks, as they would disturb each other; add -n 0"
    elif session.disabled:
        reason = "--benchmark-disable measures nothing; add --benchmark-enable if it stands in a configuration file"
    if reason:
        raise pytest.UsageError(f"--benchmark-compare has nothing to compare: {reason}")


def _load(session: Any, guard: Guard, here: dict[str, str]) -> StoredRuns:
    try:
        found = load(session.storage, guard.wanted, here)
    except ValueError as error:
        raise pytest.UsageError(f"--benchmark-compare: {error}") from error
    reasons = "".join(f"\n  {reason}" for reason in found.refused)
    if guard.gating and not found.runs:
        raise pytest.UsageError(f"{_nothing_stored(session, guard)}; {HOW_TO_STORE}{reasons}")
    if guard.gating and found.refused:
        raise pytest.UsageError(f"--benchmark-compare-fail: not every run asked for can be compared with:{reasons}")
    return found


def _nothing_stored(session: Any, guard: Guard) -> str:
    which = "no run" if guard.wanted is True else f"no run called {guard.wanted!r}"
    return f"{which} of this machine ({session.machine_id}) is stored in {session.storage}"


class Judge:
    """Looks at the session when all benchmarks have run."""

    def __init__(self, config: pytest.Config, guard: Guard, session: Any) -> None:
        self._config, self._guard, self._session = config, guard, session
        self._collected: set[str] = set()
        self._saved = False

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Remembers the cases that exist, before any is deselected."""
        self._collected = {item.nodeid for item in items if _is_case(item)}

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Runs after pytest-benchmark has made its table, and before JUnit and the terminal write."""
        if self._guard.gating:
            self._guard.problems.extend(self._regressions())
            self._guard.problems.extend(self._gaps(session) if exitstatus == pytest.ExitCode.OK else ())
            # Told here, for every reporter; pytest-benchmark would end the session with a traceback.
            self._session.performance_regressions.clear()
        if self._guard.problems:
            self._report()
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        self._save(accepted=session.exitstatus == pytest.ExitCode.OK)

    @pytest.hookimpl(optionalhook=True)
    def pytest_benchmark_update_json(self, output_json: dict[str, Any]) -> None:
        """A run that did not pass says so, for a report of it may be kept with ``--benchmark-json``."""
        output_json[PROBLEMS] = [f"{case}: {why}" for case, why in self._guard.problems]

    def pytest_report_header(self) -> list[str]:
        """Names the machine and the stored run."""
        against = ", ".join(map(str, self._guard.against.runs)) or "nothing"
        return [f"benchmark: machine {self._session.machine_id}, compared with {against}"]

    @pytest.hookimpl(trylast=True)  # below pytest-benchmark's table
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Says what is missing, and what to do about it."""
        lines = list(self._advice())
        if lines:
            terminalreporter.section("benchmark comparison")
            terminalreporter.write("".join(f"{line}\n" for line in lines))

    def _advice(self) -> Iterator[str]:
        if self._guard.save and not self._saved:
            yield "Not saved: this run did not pass or measured nothing, and must not become the next one's baseline."
        if not self._guard.comparing:
            return
        if not self._guard.against.runs:
            yield f"Not compared: {_nothing_stored(self._session, self._guard)}."
            yield f"To compare with this run from now on, {HOW_TO_STORE}"
        yield from (f"Left out: {reason}" for reason in self._guard.against.refused)
        new = sorted(self._measured() - self._guard.against.cases) if self._guard.against.runs else []
        if new:
            yield f"Not compared, since the stored run does not have them: {', '.join(new)}"

    def _measured(self) -> set[str]:
        return {case.fullname for case in self._session.benchmarks if case and not case.has_error}

    def _regressions(self) -> Iterator[tuple[str, str]]:
        for case in filter(None, self._session.benchmarks):
            for path, run in self._guard.against.runs.items():
                for check in self._session.compare_fail if case.fullname in run else ():
                    stored = run[case.fullname]["stats"]
                    why = check.fails(case, stored)
                    if why:
                        now_s, stored_s = case[check.field], stored[check.field]
                        yield case.fullname, f"{check.field} {now_s:.4g} s, was {stored_s:.4g} s in {path}\n{why}"

    def _gaps(self, session: pytest.Session) -> Iterator[tuple[str, str]]:
        measured, stored = self._measured(), self._guard.against.cases
        if not measured:
            yield "benchmarks", "nothing was measured, so nothing was compared; run pytest benchmarks/"
        for case in sorted({item.nodeid for item in session.items if _is_case(item)} - measured):
            yield case, "was selected, but measured nothing; deselect it, or let it run"
        for case in sorted(measured - stored):
            yield case, f"is not in the stored run: a new or renamed case; {HOW_TO_STORE}"
        for case in sorted(stored - self._collected):
            if self._is_asked_for(case):
                yield case, f"is in the stored run, but is no longer there: removed or renamed; {HOW_TO_STORE}"

    def _is_asked_for(self, case: str) -> bool:
        """Whether the arguments of this session name a folder or file that should hold the case."""
        file = self._config.rootpath / case.partition("::")[0]
        asked = [(self._config.invocation_params.dir / argument).resolve() for argument in self._config.args]
        return any(path in (file, *file.parents) for path in asked)

    def _report(self) -> None:
        for case, why in self._guard.problems:
            file, _, name = case.partition("::")
            nodeid = f"{file}::against_stored_run::{name}"
            for when, outcome, text in (("call", "failed", why), ("teardown", "passed", None)):
                self._config.hook.pytest_runtest_logreport(
                    report=pytest.TestReport(nodeid, (file, None, name), {}, outcome, text, when)  # type: ignore[arg-type]
                )
        if not self._config.pluginmanager.has_plugin("terminalreporter"):
            sys.stderr.write("".join(f"FAILED {case}: {why}\n" for case, why in self._guard.problems))

    def _save(self, *, accepted: bool) -> None:
        self._session.json = self._guard.json
        self._session.save = self._guard.save if accepted else None
        self._saved = bool(self._session.save and self._session.benchmarks)
        if self._session.benchmarks:
            self._session.handle_saving()


def _is_case(item: pytest.Item) -> bool:
    return "benchmark" in getattr(item, "fixturenames", ())
