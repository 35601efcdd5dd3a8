import json
import math

import numpy as np
import pytest

from benchgate.guard.stored import PROBLEMS
from benchmarks.history import FEWEST_RUNS, all_series, changes_in, load_runs
from benchmarks.report import main

pytestmark = pytest.mark.pixels

HERE = {"processor": "Pretended", "usable cores": "2"}
SLOWER = "benchmarks/bench_a.py::test_slower[<b>x</b>]"


def noisy(levels, noise=0.01, seed=0):
    return (
        np.repeat(*zip(*levels, strict=True))
        * np.exp(np.random.default_rng(seed).normal(0, noise, sum(n for _, n in levels)))
    ).tolist()


def store(folder, number, cases, identity=HERE, **more):
    benchmarks = [
        {"name": name, "fullname": name, "group": name[:20], "stats": {"median": value, "rounds": 5}, "extra_info": {}}
        for name, value in cases.items()
    ]
    run = {"datetime": f"2026-01-{number + 1:02}T10:00:00", "commit_info": {"id": f"{number:040x}"}}
    file = folder / f"{number:04}_run.json"
    file.write_text(json.dumps({**run, "machine_info": {"identity": identity}, "benchmarks": benchmarks, **more}))
    return file


@pytest.fixture
def files(tmp_path):
    """Twelve runs, in the seventh of which one case became 6% slower, and a new case came up in the third."""
    slower, same = noisy([(0.1, 6), (0.106, 6)]), noisy([(0.2, 12)], seed=1)
    cases = [{SLOWER: slower[n], "same": same[n]} | ({"new": same[n]} if n > 1 else {}) for n in range(12)]
    return [store(tmp_path, number, each) for number, each in enumerate(cases)]


def test_a_change_of_level_is_found_where_it_is_and_as_large_as_it_is(files):
    series = {each.name: each for each in all_series(load_runs(files)[0])}
    (change,) = series[SLOWER].changes
    assert change.index == 6
    assert change.ratio == pytest.approx(1.06, abs=0.02)
    assert series["same"].changes == ()
    assert math.isnan(series["new"].medians_s[1])


def test_many_small_losses_show():
    found = changes_in(noisy([(1.03**n, 8) for n in range(5)], noise=0.005))
    assert [change.index for change in found] == [8, 16, 24, 32]
    assert math.prod(change.ratio for change in found) == pytest.approx(1.03**4, rel=0.01)


@pytest.mark.parametrize("runs", [6, 10, 30])
def test_noise_alone_is_hardly_ever_taken_for_a_change(runs):
    alarms = sum(bool(changes_in(noisy([(1.0, runs)], noise=0.02, seed=seed))) for seed in range(100))
    assert alarms <= 5


def test_of_a_few_runs_no_change_is_told():
    assert changes_in([1.0] * 3 + [2.0] * (FEWEST_RUNS - 4)) == ()


def test_the_page_says_what_changed_and_names_are_text(files, tmp_path, capsys):
    assert main([*map(str, files), "-o", str(tmp_path / "page.html")]) == 0
    page = (tmp_path / "page.html").read_text()
    assert "1 cases became slower and 0 faster" in page
    assert "test_slower[&lt;b&gt;x&lt;/b&gt;]" in page
    assert "<b>x" not in page
    assert page.count("<svg") == 3
    assert "http" not in page.replace("http://www.w3.org/", "").replace("http-equiv", "")


def test_runs_of_another_machine_and_failed_ones_are_left_out_and_named(files, tmp_path, capsys):
    store(tmp_path, 1, {"same": 9.0}, identity={"processor": "Other"})
    store(tmp_path, 2, {"same": 9.0}, **{PROBLEMS: ["it failed"]})
    assert main([*map(str, files), "-o", str(tmp_path / "page.html")]) == 0
    told = capsys.readouterr().err
    assert "0001_run.json: another machine (processor: Other there, Pretended here" in told
    assert "0002_run.json: that run did not pass itself" in told


def test_what_is_no_run_is_an_error_that_names_it(tmp_path, capsys):
    (tmp_path / "x.json").write_text("{}")
    assert main([str(tmp_path / "x.json"), "-o", str(tmp_path / "page.html")]) == 2
    assert "x.json: it is no run that pytest-benchmark stored" in capsys.readouterr().err
    assert not (tmp_path / "page.html").exists()
