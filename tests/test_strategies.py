import importlib
import os
import signal
import sys
import time
from functools import partial

import psutil
import pytest

from bgremove.errors import NotRunError, TaskError, TaskTimeoutError, UsageError, WorkerLostError
from bgremove.machine import start_methods
from bgremove.strategies import STRATEGIES, Task, make_strategy
from tests.contracts import check_strategy

POOLED = [(name, method) for name in ("pool", "processes") for method in start_methods() if method != "fork"]


@pytest.mark.parametrize(("name", "method"), [("sequential", None), ("threads", None), ("dask", None), *POOLED])
def test_a_strategy_keeps_its_contract(name, method):
    workers = None if name == "sequential" else 2
    check_strategy(partial(make_strategy, name, workers=workers, start_method=method))


def die(value):
    if value == 1:
        time.sleep(0.3)
        os.kill(os.getpid(), signal.SIGKILL)
    if value == 2:
        time.sleep(60)
    return value


def run(strategy, function, values):
    tasks = [Task(index, value, f"task {index}") for index, value in enumerate(values)]
    return {outcome.index: outcome for outcome in strategy.run(function, tasks)}


def test_a_killed_worker_costs_processes_its_own_task_only():
    with make_strategy("processes", workers=2) as strategy:
        outcomes = run(strategy, die, [0, 1, *[0] * 20])
    assert [index for index, outcome in outcomes.items() if outcome.error] == [1]
    assert isinstance(outcomes[1].error, WorkerLostError)
    assert "task 1" in str(outcomes[1].error)
    assert "SIGKILL" in str(outcomes[1].error)
    assert len(outcomes) == 22


def test_a_killed_worker_ends_a_pool_with_an_error_that_names_the_task():
    with make_strategy("pool", workers=2) as strategy:
        outcomes = run(strategy, die, [1, 2, *[0] * 8])
    assert len(outcomes) == 10
    assert isinstance(outcomes[0].error, WorkerLostError)
    assert "task 0" in str(outcomes[0].error)
    assert isinstance(outcomes[1].error, NotRunError)
    # The worker that takes the dead one's place may have done some before the death was noticed.
    assert {type(outcomes[index].error) for index in range(2, 10)} <= {NotRunError, type(None)}


def test_a_hanging_task_is_stopped_and_the_others_go_on():
    with make_strategy("processes", workers=2, timeout_s=1) as strategy:
        strategy.warm_up(die)  # on a busy machine the import of this module takes longer than the limit
        outcomes = run(strategy, die, [2, 0, 0, 0])
    assert [index for index, outcome in outcomes.items() if outcome.error] == [0]
    assert isinstance(outcomes[0].error, TaskTimeoutError)


def test_a_time_limit_is_that_of_tasks_and_not_of_the_imports_of_a_warm_up(tmp_path, monkeypatch):
    (tmp_path / "slow_to_import.py").write_text("import time\ntime.sleep(0.5)\ndef same(value): return value\n")
    monkeypatch.syspath_prepend(tmp_path)
    same = importlib.import_module("slow_to_import").same
    with make_strategy("processes", workers=2, timeout_s=0.2, start_method="spawn") as strategy:
        strategy.warm_up(same)


@pytest.mark.parametrize("name", ["pool", "processes"])
def test_what_cannot_be_pickled_is_the_error_of_its_own_task(name):
    with make_strategy(name, workers=2) as strategy:
        outcomes = run(strategy, die, [0, lambda: 0, 0])
    assert isinstance(outcomes[1].error, TaskError)
    assert outcomes[0].error is outcomes[2].error is None


@pytest.mark.parametrize("name", ["pool", "processes"])
def test_no_process_is_left_behind(name):
    with make_strategy(name, workers=2) as strategy:
        outcomes = run(strategy, os.getenv, ["HOME"] * 4)
        workers = {outcome.worker for outcome in outcomes.values()}
    assert workers
    end = time.monotonic() + 100
    while any(psutil.pid_exists(worker) for worker in workers):
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("magic", {}, "there is no strategy"),
        ("threads", {"timeout_s": 1}, "cannot honour timeout_s"),
        ("pool", {"timeout_s": 1}, "cannot honour timeout_s"),
        ("threads", {"start_method": "spawn"}, "cannot honour start_method"),
        ("processes", {"start_method": "magic"}, "no start method"),
        ("processes", {"workers": 0}, "at least 1"),
        ("processes", {"timeout_s": 0}, "more than 0"),
        ("sequential", {"workers": 2}, "one worker"),
        ("dask", {"timeout_s": 1}, "cannot honour timeout_s"),
        ("threads", {"scheduler": "tcp://127.0.0.1:1"}, "cannot honour scheduler; only dask can"),
        ("dask", {"scheduler": "tcp://127.0.0.1:1", "workers": 2}, "those of the scheduler"),
    ],
)
def test_what_cannot_be_meant_is_refused(name, options, message):
    with pytest.raises(UsageError, match=message):
        make_strategy(name, **options)


def test_a_time_limit_may_be_longer_than_a_system_can_wait():
    with make_strategy("processes", workers=1, timeout_s=1e300) as strategy:
        assert [outcome.error for outcome in run(strategy, time.sleep, [0.3]).values()] == [None]


def test_the_table_of_names_is_complete():
    assert STRATEGIES == ("sequential", "threads", "pool", "processes", "dask")


def test_threads_wait_less_for_the_interpreter_only_as_long_as_they_may_run():
    before_s = sys.getswitchinterval()
    with make_strategy("threads", workers=2) as strategy:
        (outcome,) = strategy.run(lambda _: sys.getswitchinterval(), [Task(0, None, "it")])
    assert outcome.value < before_s
    assert sys.getswitchinterval() == before_s
