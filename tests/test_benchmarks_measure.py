"""How the benchmarks measure: turns with a reference, what is recorded, and that the suite is whole."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bgremove.strategies.transports import TRANSPORTS

pytestmark = pytest.mark.whole_run

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parents[1]
WORKERS = ("pool", "processes")
CONFTEST = """
pytest_plugins = ["benchgate.guard.plugin"]
from benchmarks.conftest import measure, pytest_terminal_summary
"""
CASE = """
import json, time
from pathlib import Path
from benchmarks import measure as module
from benchmarks.measure import Reference

module.METERED_S, module.ROUNDS_S = 0.01, 0.05
calls = []

def work(name):
    calls.append(name)
    time.sleep(0.002)

def test_case(measure):
    loop = Reference("loop", lambda: work("loop"))
    measure(lambda: work("case"), group="group", images=3, reference=loop)

def test_calls():
    Path("calls.json").write_text(json.dumps(calls))
"""


@pytest.fixture
def run(pytester, monkeypatch):
    """Runs the case; gives the result, the stored case and the order of the calls."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(str, (ROOT, ROOT / "benchmarks/gate/src"))))
    pytester.makepyfile(CASE)

    def call(conftest=CONFTEST):
        pytester.makeconftest(conftest)
        # In a process of its own, since pytester unloads what is imported meanwhile, which NumPy does not bear.
        result = pytester.runpytest_subprocess("-p", "no:cacheprovider", "--benchmark-json=report.json")
        result.assert_outcomes(passed=2)
        report = pytester.path / "report.json"
        cases = json.loads(report.read_text())["benchmarks"] if report.exists() else []
        return result, cases, json.loads((pytester.path / "calls.json").read_text())

    return call


def test_a_speedup_comes_from_rounds_that_take_turns(run):
    result, (case,), calls = run()
    result.stdout.fnmatch_lines(["group *images/s*speed-up*", "test_case * of loop*"])
    info, walls_s = case["extra_info"], case["stats"]["data"]
    assert len(info["baseline_wall_s"]) == len(walls_s) >= 6
    pairs = [loop_s / own_s for loop_s, own_s in zip(info["baseline_wall_s"], walls_s, strict=True)]
    assert info["speedup"] == pytest.approx(math.prod(pairs) ** (1 / len(pairs)))
    assert info["speedup_low"] <= info["speedup"] <= info["speedup_high"]

    rounds = calls[-2 * len(walls_s) :]
    orders = [tuple(rounds[at : at + 2]) for at in range(0, len(rounds), 2)]
    assert set(orders) == {("loop", "case"), ("case", "loop")}
    assert abs(orders.count(("loop", "case")) - orders.count(("case", "loop"))) <= 1


def test_a_case_carries_what_pytest_benchmark_does_not_measure(run):
    _, (case,), _ = run()
    info = case["extra_info"]
    assert info["images_per_s"] == pytest.approx(3 / case["stats"]["median"])
    assert {"cpu_s", "cpu_utilisation", "images", "speedup_against"} <= set(info)
    assert max(info.get("peak_pss_bytes", 0), info.get("peak_rss_bytes", 0)) > 10**6


TAKEN_OVER = """
from pytest_benchmark.fixture import BenchmarkFixture

def pedantic(self, target, setup=None, teardown=None, rounds=1):
    assert (setup, teardown) == (None, None)
    assert rounds > 1  # it may be called again
    self._mode = "taken over"
    return target()

BenchmarkFixture.pedantic = pedantic
"""


def test_whoever_takes_the_rounds_over_gets_the_work_alone(run):
    _, cases, calls = run(CONFTEST + TAKEN_OVER)
    assert (cases, calls) == ([], ["case"])


def test_every_case_of_the_suite_runs(environment):
    line = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--benchmark-disable", "benchmarks"]
    # The same with fewer images runs, and with the other images.
    numbers = ("test_images[4]", "test_images[8]", "test_images[16]", "test_workers[processes-4]")
    numbers += tuple(f"test_images_with_start[{images}]" for images in (16, 32, 64))
    ways = [f"{name}-{way}" for name in WORKERS for way in TRANSPORTS]
    others = [*(f"test_arrays[{way}-fixtures]" for way in ways), *(f"test_files[{name}-fixtures]" for name in WORKERS)]
    line += [f"--deselect=benchmarks/bench_scaling.py::{case}" for case in numbers]
    line += [f"--deselect=benchmarks/bench_strategies.py::{case}" for case in others]
    done = subprocess.run(line, cwd=ROOT, env=environment, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_cases_of_the_suite_measure(tmp_path, environment):
    report = tmp_path / "report.json"
    cases = ["bench_engines.py::test_engine[exact-scene-160x120]", "bench_controls.py::test_empty_tasks[threads]"]
    line = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", f"--benchmark-json={report}"]
    line += [f"benchmarks/{case}" for case in cases]
    subprocess.run(line, cwd=ROOT, env=environment, check=True, capture_output=True)
    engine, empty = json.loads(report.read_text())["benchmarks"]
    assert (engine["group"], empty["group"]) == ("engines: scene-160x120", "control: 200 empty tasks")
    assert engine["extra_info"]["speedup_against"] == "opencv"
    assert empty["extra_info"]["images_per_s"] > 0
