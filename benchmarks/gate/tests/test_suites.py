"""That suites run as their projects run them: options, plugins, paths, fixtures, and names the gate has too."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

import benchgate
from benchgate.cli import run
from gate_toy import CASES, NO_TIME, SETTINGS, SOURCE, Toy

pytestmark = pytest.mark.whole_run

Said = Callable[[], str]


def test_a_change_of_libraries_is_said(toy: Toy, said: Said) -> None:
    toy.commit({"requirements.txt": "numpy\n"})
    assert run([*NO_TIME, "bench"]) == 3
    assert "requirements.txt changed" in said()


def test_a_projects_own_packages_are_not_shadowed_by_the_gate(toy: Toy, said: Said) -> None:
    names = ("benchgate", "benchmarks", "measure")
    cases = f"import {', '.join(names)}\n{CASES}    assert benchgate.own + benchmarks.own + measure.own == 3\n"
    toy.moved({"toy.py": SOURCE, "bench/bench_toy.py": cases, **{f"{name}/__init__.py": "own = 1\n" for name in names}})
    assert run([*NO_TIME, "bench"]) == 3
    words = said()
    assert "measured: `benchgate`, `measure`, `toy` from base, head" in words  # `benchmarks` has the name of cases
    assert "incomparable" not in words


def test_options_of_the_project_stay_unless_they_spoil_the_measurement(
    toy: Toy, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTEST_ADDOPTS", "--flag-of-tox -n 2 --basetemp=basetemp --json-report --parallel-threads 4")
    monkeypatch.setenv("PYTEST_PLUGINS", "of_tox,pytest_cov")
    of_tox = "def pytest_addoption(parser):\n    parser.addoption('--flag-of-tox', action='store_true')\n"
    options = "-n 2 --cov=toy -x --benchmark-disable --import-mode=importlib -p helper --own-flag -p no:benchmark"
    settings = f"[pytest]\npython_files = bench_*.py\naddopts = {options}\npythonpath = bench\nlog_file = run.log\n"
    helper = (
        "import pytest\ndef pytest_addoption(parser):\n    parser.addoption('--own-flag', nargs='?', const='given')\n"
        "    parser.addoption('--randomly-seed', default='default')\n"  # as of pytest-randomly
        "    parser.addoption('--no-monitor', action='store_true', dest='mtr_none')\n"  # as of pytest-monitor
        "@pytest.hookimpl(wrapper=True)\ndef pytest_collection_modifyitems(items):\n    yield\n    items.reverse()\n"
    )
    cases = CASES.replace("(benchmark)", "(benchmark, pytestconfig)") + (
        "    assert pytestconfig.getoption('--own-flag') == 'given'\n"
        "    assert pytestconfig.getoption('--flag-of-tox')\n"
        "    assert pytestconfig.getoption('importmode') == 'importlib'\n"
        "    assert pytestconfig.getoption('verbose') == 2\n"
        "    import os\n"
        "    assert pytestconfig.getoption('randomly_seed') == int(os.environ['PYTHONHASHSEED'])\n"
        "    assert pytestconfig.getoption('mtr_none')\n"
        "def test_other(benchmark):\n    import logging\n    logging.warning('said')\n    benchmark(work)\n"
    )
    toy.commit({"pytest.ini": settings, "helper.py": helper, "of_tox.py": of_tox, "bench/bench_toy.py": cases})
    toy.git("tag", "--force", "base")
    assert run([*NO_TIME, "bench", "--pytest-arg=-vv"]) == 3
    words = said()
    assert "measured: `helper`, `of_tox`, `toy`" in words
    assert "incomparable" not in words


def test_a_suite_that_ends_at_its_first_error_is_collected_to_its_end(toy: Toy, said: Said) -> None:
    toy.commit({"pytest.ini": SETTINGS.replace("addopts =", "addopts = -qx"), "bench/bench_broken.py": "1 / 0\n"})
    assert run([*NO_TIME, "bench"]) == 3
    assert "1 inconclusive, 1 incomparable" in said()


def test_where_no_plugin_offers_the_fixture_it_is_said_what_to_install(toy: Toy, said: Said) -> None:
    assert run([*NO_TIME, "bench", "--pytest-arg=-pno:benchmark"]) == 3
    assert "fixture 'benchmark' not found); pytest-benchmark or pytest-codspeed must be installed in" in said()


RUNS_AGAIN = """
import pytest
from _pytest.runner import runtestprotocol

def pytest_runtest_protocol(item, nextitem):  # as pytest-rerunfailures does it
    for last in (False, True):
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        item._initrequest()
        reports = runtestprotocol(item, nextitem=nextitem, log=False)
        failed = any(report.failed for report in reports)
        for report in reports:
            if report.failed and not last:
                report.outcome = "rerun"
            item.ihook.pytest_runtest_logreport(report=report)
        item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        if not failed:
            return True
    return True
"""
FAILING = """
from toy import work

times = []

def test_before(benchmark):
    assert not "before it"

def test_behind(benchmark):
    benchmark(work)
    assert not "behind it"

def test_within(benchmark):
    benchmark(int, "within it")

def test_at_first(benchmark):
    times.append(1)
    assert len(times) > 1
    benchmark(work)
"""


def test_a_case_that_a_plugin_runs_again_when_it_fails_costs_itself_only(toy: Toy, tmp_path: Path) -> None:
    toy.commit({"conftest.py": RUNS_AGAIN, "bench/bench_failing.py": FAILING})
    assert run([*NO_TIME, "bench", "--output", str(tmp_path / "out")]) == 3
    findings = json.loads((tmp_path / "out/gate.json").read_text())["findings"]
    found = {each["case"].partition("::")[2]: (each["verdict"], each["why"]) for each in findings}
    for name in ("before", "behind", "within"):
        verdict, why = found.pop(f"test_{name}")
        assert verdict == "incomparable"
        assert why.count(f"{name} it") == 2, "what was wrong at first, in base and in head"
    sound = ("inconclusive", "no time was left to measure it")
    assert found == {"test_at_first": sound, "test_work": sound}


def test_the_gate_is_not_on_the_path_of_the_arms(toy: Toy, said: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    own = str(Path(benchgate.__file__).parents[1])
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([own, "/somewhere"]))
    monkeypatch.setenv("COVERAGE_PROCESS_START", "setup.cfg")
    cases = f"{CASES}    import os\n    assert 'COVERAGE_PROCESS_START' not in os.environ\n"
    cases += f"    assert {own!r} not in os.environ['PYTHONPATH'].split(os.pathsep)\n"
    toy.commit({"bench/bench_toy.py": cases + "    assert '/somewhere' in os.environ['PYTHONPATH']\n"})
    assert run([*NO_TIME, "bench"]) == 3
    assert "incomparable" not in said()


def test_bytecode_stays_for_the_next_pair_though_the_environment_keeps_none(
    toy: Toy, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    cases = f"{CASES}    import sys\n    from pathlib import Path\n    import toy\n"
    cases += "    assert Path(toy.__cached__).is_file()\n"
    toy.commit({"bench/bench_toy.py": cases + "    assert not Path('__pycache__').exists()\n"})
    assert run([*NO_TIME, "bench"]) == 3
    assert "incomparable" not in said()


def test_no_plugin_sums_up_what_nobody_reads(toy: Toy, said: Said, tmp_path: Path) -> None:
    summary = tmp_path / "summary"
    hook = f"def pytest_terminal_summary():\n    open({str(summary)!r}, 'w').close()\n"
    toy.commit({"bench/conftest.py": hook})
    assert run([*NO_TIME, "bench"]) == 3
    assert "incomparable" not in said()
    assert not summary.exists()


AT_THE_END = """
def pytest_sessionfinish(session):
    session.config.pluginmanager.getplugin("terminalreporter").write_line("all is done")

def pytest_benchmark_group_stats(benchmarks):
    raise ValueError("there should be a hundred rounds")

def pytest_unconfigure():
    raise ValueError("there should be a report")
"""


def test_what_fails_when_a_suite_ends_does_not_end_the_run(toy: Toy, said: Said) -> None:
    toy.commit({"bench/conftest.py": AT_THE_END})
    assert run([*NO_TIME, "bench"]) == 3
    assert "1 inconclusive" in said()


CODSPEED = '''
import pytest
import pytest_benchmark.fixture

class BenchmarkFixture:
    """What pytest-codspeed's fixture does where its runner is not: it calls once."""

    @property
    def __class__(self):  # as the real one does where both plugins are installed
        return pytest_benchmark.fixture.BenchmarkFixture

    def __init__(self, request):
        self._request, self._called, self.extra_info = request, False, {}

    def __call__(self, target, *args, **kwargs):
        return self.pedantic(target, args, kwargs)

    def pedantic(self, target, args=(), kwargs={}, setup=None, teardown=None, rounds=1, warmup_rounds=0, iterations=1):
        assert not self._called
        self._called = True
        return target(*args, **kwargs)

@pytest.fixture
def codspeed_benchmark(request):
    return BenchmarkFixture(request)

@pytest.fixture
def benchmark(codspeed_benchmark):
    return codspeed_benchmark
'''
#: The same of its older versions, which only call what they are given.
OLD_CODSPEED = CODSPEED.replace("return self.pedantic(target, args, kwargs)", "return target(*args, **kwargs)").replace(
    "def pedantic(self, ", "def _unused(self, "
)
CODSPEED_CASES = """
import pytest
from toy import work

def test_called(benchmark):
    assert benchmark(work) > 0

def test_decorated(benchmark):
    @benchmark
    def _():
        work()

def test_own_name(codspeed_benchmark):
    codspeed_benchmark.pedantic(work, rounds=5)

@pytest.mark.benchmark
def test_marked_as_a_whole():
    work()

def test_plain():
    work()
"""


@pytest.mark.parametrize("codspeed", [CODSPEED, OLD_CODSPEED], ids=["new", "old"])
def test_cases_of_pytest_codspeed_are_measured(codspeed: str, toy: Toy, said: Said, tmp_path: Path) -> None:
    plugin: dict[str, str | None] = {f"bench/pytest_codspeed/{name}.py": "" for name in ("__init__", "plugin")}
    plugin["bench/pytest_codspeed/plugin.py"] = codspeed
    settings = SETTINGS + "pythonpath = bench\nmarkers = benchmark\n"
    conftest = "from pytest_codspeed.plugin import benchmark, codspeed_benchmark\n"
    toy.commit({**plugin, "bench/conftest.py": conftest, "bench/bench_toy.py": CODSPEED_CASES, "pytest.ini": settings})
    toy.git("tag", "--force", "base")
    assert run([*NO_TIME, "bench", "--output", str(tmp_path)]) == 3
    found = json.loads((tmp_path / "gate.json").read_text())["findings"]
    assert {finding["verdict"] for finding in found} == {"inconclusive"}, "tried out, and only lacking time"
    names = [finding["case"].partition("::")[2] for finding in found]
    assert names == ["test_called", "test_decorated", "test_own_name", "test_marked_as_a_whole"]
