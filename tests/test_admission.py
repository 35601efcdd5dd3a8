"""As many tasks at a time as there is memory for."""

import os
import random
import shlex
import subprocess
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bgremove import machine
from bgremove.batch import make_plan
from bgremove.batch.run import batch_strategy, peak_bytes, run_jobs
from bgremove.engines import PRESETS, Model
from bgremove.preparation import Preparation
from bgremove.settings import Settings
from bgremove.strategies import Task, make_strategy
from bgremove.strategies._admission import Admission
from bgremove.strategies.base import Strategy
from tests.samples import save_scene


def tasks(weights):
    return [Task(index, index, f"task {index}", weight) for index, weight in enumerate(weights)]


@given(st.lists(st.integers(0, 12), max_size=30), st.integers(1, 10), st.integers(1, 5), st.randoms())
def test_each_task_is_drawn_once_and_those_under_way_are_within_the_budget(weights, budget, workers, chance):
    admission = Admission(tasks(weights), budget)
    under_way, drawn = [], []
    while not admission.ended or under_way:
        task = admission.draw() if len(under_way) < workers else None
        if task is not None:
            under_way.append(task)
            drawn.append(task.index)
            assert len(under_way) == 1 or sum(each.peak_bytes for each in under_way) <= budget
        elif under_way:
            admission.finish(under_way.pop(chance.randrange(len(under_way))).index)
    assert sorted(drawn) == list(range(len(weights)))


def test_what_fits_overtakes_and_keeps_nothing_waiting_longer_than_those_before_it():
    admission = Admission(tasks([6, 6, 1, 1, 3, 3, 1, 1]), 10)
    assert admission.draw().index == 0
    assert [admission.draw().index for _ in range(4)] == [2, 3, 6, 7]  # 3 would fit now, but not beside the second 6
    assert admission.draw() is None
    admission.finish(0)
    assert admission.draw().index == 1
    admission.finish(2)
    admission.finish(3)
    assert admission.draw() is None
    admission.finish(1)
    assert [admission.draw().index for _ in range(2)] == [4, 5]
    assert admission.ended


def test_only_so_many_wait_for_memory():
    drawn = []
    source = (drawn.append(task.index) or task for task in tasks([5] * 1000))
    admission = Admission(source, 5)
    admission.draw()
    assert admission.draw() is None
    assert len(drawn) == 1 + 64


def most_bytes(outcomes, weights):
    """The largest sum of weights that ran at one moment."""
    moments = [(o.started_s, weights[o.index]) for o in outcomes] + [(o.ended_s, -weights[o.index]) for o in outcomes]
    under_way = most = 0
    for _, weight in sorted(moments):
        under_way += weight
        most = max(most, under_way)
    return most


@pytest.mark.parametrize("name", ["threads", "pool", "processes", pytest.param("dask", marks=pytest.mark.whole_run)])
def test_what_runs_at_a_time_is_never_more_than_the_budget(name):
    weights = [5] * 4 + random.Random(0).choices(range(6), k=40)
    with make_strategy(name, workers=4) as strategy:
        strategy.warm_up(time.sleep)
        values = (Task(index, 0.01, f"task {index}", weight) for index, weight in enumerate(weights))
        outcomes = list(strategy.run(time.sleep, values, budget_bytes=11))
        assert sorted(outcome.index for outcome in outcomes) == list(range(len(weights)))
        assert 5 <= most_bytes(outcomes, weights) <= 11
        values = [Task(index, 0.3, "", 5) for index in range(8)]
        assert most_bytes(list(strategy.run(time.sleep, values)), [5] * 8) > 11, "where there is no budget"


def test_large_images_run_fewer_at_a_time_than_small_ones(tmp_path, monkeypatch):
    for seed in range(8):
        save_scene(tmp_path / f"in/{seed}.png", seed, 300, 300 if seed < 4 else 40)
    settings = Settings(engine="opencv")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    monkeypatch.setattr(machine, "available_bytes", lambda: 3 * peak_bytes(settings, 300 * 300))
    plan = make_plan(tmp_path / "in", tmp_path / "out", settings)
    assert batch_strategy(plan, "threads").workers == 8
    assert [peak_bytes(settings, pixels) for pixels in (0, settings.max_pixels + 1)] == [0, 0]


class Weighing(Strategy):
    """Does no task."""

    def __init__(self, in_this_process):
        super().__init__()
        self.in_this_process = in_this_process

    def run(self, function, tasks, **_):  # noqa: ARG002
        self.weights = [task.peak_bytes for task in tasks]
        yield from ()


def test_a_model_counts_once_for_all_threads_and_for_each_other_worker(tmp_path, monkeypatch):
    for seed in range(8):
        save_scene(tmp_path / f"in/{seed}.png", seed)
    settings = Settings(engine="onnx", model=Model("", "", 9 * 10**8, PRESETS["u2netp"]))
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    monkeypatch.setattr(machine, "available_bytes", lambda: 16 * 10**9)
    plan = make_plan(tmp_path / "in", tmp_path / "out", settings)
    assert [batch_strategy(plan, name).workers for name in ("threads", "processes", "pool")] == [8, 2, 2]
    for in_this_process, least, most in ((True, 10**8, 10**9), (False, 5 * 10**9, 6 * 10**9)):
        strategy = Weighing(in_this_process)
        assert list(run_jobs(plan, strategy)) == []
        assert all(least < weight < most for weight in strategy.weights)


@pytest.mark.whole_run
@pytest.mark.skipif(sys.platform != "linux", reason="address space is limited on Linux only")
def test_a_run_fits_into_a_limit_that_its_images_together_exceed(tmp_path, environment):
    for seed in range(3):
        save_scene(tmp_path / f"in/{seed}.png", seed, 1000, 1200)
        save_scene(tmp_path / f"in/small-{seed}.png", seed)
    Preparation("opencv").load()  # what compiles kernels takes memory, too
    python = [sys.executable, "-c", "import bgremove.cli.remove, psutil; print(psutil.Process().memory_info().vms)"]
    loaded = int(subprocess.run(python, env=environment, capture_output=True, timeout=100, check=True).stdout)
    one = peak_bytes(Settings(engine="opencv"), 1000 * 1200)
    limit = loaded + (1 + machine.usable_cpus()) * 90_000_000 + one * 3 // 2
    words = ["remove", "in", "-o", "out", "--engine", "opencv", "--iterations", "1", "--margin", "0.45"]
    words += ["--strategy", "threads"]
    line = f"ulimit -v {limit // 1024}; exec {shlex.join([sys.executable, '-m', 'bgremove', *words])}"
    done = subprocess.run(
        ["sh", "-c", line], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=100, check=False
    )
    assert (done.returncode, done.stderr.splitlines()[-1]) == (0, "6 ok, 0 skipped, 0 failed"), done.stderr
