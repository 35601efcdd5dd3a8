"""Fixtures and reports of the benchmarks. What else must not pass silently is in `benchgate.guard`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest

from benchmarks import figures
from benchmarks.measure import Measure
from bgremove.strategies import BUILT_IN, strategy_class

collect_ignore = [
    "gate",  # a distribution of its own, with tests of its own
    "location/fit.py",  # imports JAX, which nothing but fitting needs
]

TOLERANCE_OF_PROCESSES = 0.10
"""Of strategies with worker processes: as many as there are cores, they vary too much from start to start for 3%."""


def pytest_configure(config: pytest.Config) -> None:
    """Benchmarks are in files called ``bench_*.py``, so that a run of the tests does not meet them."""
    config.addinivalue_line("python_files", "bench_*.py")
    config.addinivalue_line("markers", "quick: one of the cases that together take under two minutes")
    config.addinivalue_line("markers", "gate: one of the cases that tox -e gate compares in ten minutes")
    config.addinivalue_line("markers", "tolerance(share): the loss of this case that the gate must see, if not 3%")


def pytest_itemcollected(item: pytest.Item) -> None:
    """The gate forgives more where worker processes share all cores."""
    parameters = item.callspec.params if hasattr(item, "callspec") else {}
    name = str(parameters.get("strategy", "")).partition("-")[0]
    if name in BUILT_IN and not strategy_class(name).in_this_process:
        item.add_marker(pytest.mark.tolerance(TOLERANCE_OF_PROCESSES))


@pytest.hookimpl(trylast=True)  # below pytest-benchmark's table
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Shows what the cases recorded besides their times."""
    session: Any = getattr(config, "_benchmarksession", None)
    if session is None or session.quiet:
        return
    cases = [case.as_dict(include_data=False) for case in session.benchmarks if case]
    for line in figures.lines(cases, list((session.compared_mapping or {}).values())):
        terminalreporter.write_line(line)


@pytest.fixture
def measure(benchmark: Any) -> Measure:
    """Times a case, and records what else it takes; see `benchmarks.measure.Measure`."""
    return Measure(benchmark)


@pytest.fixture(scope="session", autouse=True)
def _workers_do_not_import_pytest() -> Iterator[None]:
    """Worker processes import the main module anew; as it is pytest, their start-up would be that of pytest."""
    main = sys.modules["__main__"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(main, "__spec__", None)
        patch.delattr(main, "__file__", raising=False)
        yield
