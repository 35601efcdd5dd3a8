"""Workers that die at bad moments, or cannot start: nothing hangs, nothing is left."""

import contextlib
import gc
import os
import signal
import subprocess
import sys
import threading
import time
import traceback
from multiprocessing import resource_tracker

import psutil
import pytest

from bgremove.errors import NotRunError, TaskError, WorkerLostError
from bgremove.machine import start_methods
from bgremove.strategies import make_strategy
from tests.strategy_runs import nap, run

PROCESSES = ["pool", "processes"]


def workers_of(strategy):
    """Process ids of all workers."""
    strategy.warm_up()
    workers = set()
    while len(workers) < strategy.workers:
        workers |= {outcome.worker for outcome in run(strategy, nap, [0.02] * 8).values()}
    return sorted(workers)


@pytest.mark.parametrize("name", PROCESSES)
def test_workers_killed_between_runs_are_replaced(name):
    with make_strategy(name, workers=2) as strategy:
        for killed in (slice(1), slice(2)):
            for worker in workers_of(strategy)[killed]:
                os.kill(worker, signal.SIGKILL)
            time.sleep(0.3)
            assert {outcome.error for outcome in run(strategy, nap, [0.01] * 6).values()} == {None}


def tell_and_nap(path):
    with open(path, "w", encoding="ascii") as file:
        file.write(str(os.getpid()))
    time.sleep(1)


@pytest.mark.parametrize("name", PROCESSES)
def test_idle_workers_killed_during_a_run(name, tmp_path):
    # An idle worker of multiprocessing.Pool holds the lock of its queue.
    def kill_idle():
        while not (tmp_path / "busy").exists() or not (tmp_path / "busy").read_text():
            time.sleep(0.01)
        for worker in workers:
            if worker != int((tmp_path / "busy").read_text()):
                os.kill(worker, signal.SIGKILL)

    with make_strategy(name, workers=3) as strategy:
        workers = workers_of(strategy)
        killer = threading.Thread(target=kill_idle)
        killer.start()
        error = run(strategy, tell_and_nap, [tmp_path / "busy"])[0].error
        killer.join()
    if name == "processes":
        assert error is None
    else:
        assert isinstance(error, NotRunError)
        assert "task 0" in str(error)
        assert "use strategy 'processes'" in str(error)


def leave(value):
    if value == "exit":
        os._exit(0)
    if value == "raise":
        sys.exit(3)
    time.sleep(0.05)
    return value


def test_a_worker_that_leaves_with_exit_code_zero_costs_its_own_task_only():
    with make_strategy("processes", workers=2) as strategy:
        outcomes = run(strategy, leave, ["", "exit", "", "", "exit", "", ""])
    lost = {index: outcome.error for index, outcome in outcomes.items() if outcome.error}
    assert sorted(lost) == [1, 4]
    assert all(isinstance(error, WorkerLostError) and "exit code 0" in str(error) for error in lost.values())


@pytest.mark.parametrize("name", ["sequential", "threads", *PROCESSES])
def test_sys_exit_in_a_task_is_its_error(name):
    with make_strategy(name) as strategy:
        outcomes = run(strategy, leave, ["", "raise", ""])
    assert str(outcomes[1].error) == "SystemExit: 3"
    assert outcomes[0].error is outcomes[2].error is None


def functions(frame):
    """The names of all functions that a thread is in."""
    return {each.f_code.co_name for each, _ in traceback.walk_stack(frame)}


def die_while_sending(value):
    if value != "die":
        time.sleep(0.1)
        return value
    main = threading.get_ident()

    def kill_once_sending():
        while not {"send", "_send"} & functions(sys._current_frames()[main]):
            time.sleep(0)
        time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=kill_once_sending).start()
    return bytes(300_000_000)


@pytest.mark.parametrize("name", PROCESSES)
def test_a_worker_killed_while_it_sends_takes_no_other_task_along(name):
    with make_strategy(name, workers=2) as strategy:
        outcomes = run(strategy, die_while_sending, ["die", *[""] * 5])
    assert isinstance(outcomes[0].error, WorkerLostError)
    assert "task 0" in str(outcomes[0].error)
    if name == "processes":
        assert [index for index, outcome in outcomes.items() if outcome.error] == [0]


class Unprepared:
    def __call__(self):
        raise RuntimeError("no licence")


class Leaving:
    """Ends the worker, but not this process, when it is entered."""

    def __init__(self, code):
        self.code, self.parent = code, os.getpid()

    @contextlib.contextmanager
    def __call__(self):
        if os.getpid() != self.parent:
            os._exit(self.code)
        yield


@pytest.mark.parametrize("name", PROCESSES)
def test_a_worker_that_cannot_be_prepared_says_why(name):
    with make_strategy(name, workers=2, worker_context=Unprepared()) as strategy:
        with pytest.raises(TaskError, match="cannot be prepared: RuntimeError: no licence"):
            strategy.warm_up()
        outcomes = run(strategy, nap, [0, 0, 0])
    assert all("no licence" in str(outcome.error) for outcome in outcomes.values())


@pytest.mark.parametrize("code", [0, 3])
@pytest.mark.parametrize("name", PROCESSES)
def test_workers_that_die_as_they_start_end_the_run(name, code):
    with make_strategy(name, workers=2, worker_context=Leaving(code)) as strategy:
        with pytest.raises(WorkerLostError, match=f"exit code {code}"):
            strategy.warm_up()
        outcomes = run(strategy, nap, [0] * 10)
    assert all(isinstance(outcome.error, NotRunError) for outcome in outcomes.values())
    assert f"exit code {code}" in str(outcomes[0].error)


@pytest.mark.parametrize("method", [method for method in start_methods() if method != "fork"])
def test_semaphores_of_an_earlier_pool_do_not_end_while_another_is_made(method, monkeypatch):
    raised, thresholds = [], gc.get_threshold()
    monkeypatch.setattr(sys, "unraisablehook", lambda each: raised.append(each.exc_value))
    check = resource_tracker._resource_tracker._check_alive

    def check_and_collect():  # at a moment when Python may
        if gc.isenabled():
            gc.collect()
        return check()

    gc.collect()
    gc.set_threshold(10**9)  # what is garbage stays until then
    try:
        for _ in range(2):
            with make_strategy("pool", workers=2, start_method=method) as strategy:
                run(strategy, nap, [0])
                assert gc.isenabled()
                ring = [strategy._pool]
                ring.append(ring)  # as an exception and its frames hold each other
            del ring
            monkeypatch.setattr(resource_tracker._resource_tracker, "_check_alive", check_and_collect)
    finally:
        gc.set_threshold(*thresholds)
    assert not raised


SCRIPT = """
import os, sys, time
from bgremove.strategies import Task, make_strategy

def work(value):
    os.write(1, b"started\\n")  # in one piece, as two workers do it
    while True:
        time.sleep(0.01) if value else None

if __name__ == "__main__":
    with make_strategy(sys.argv[1], workers=2, start_method=sys.argv[2]) as strategy:
        strategy.warm_up()
        try:
            list(strategy.run(work, [Task(index, index % 2, str(index)) for index in range(6)]))
        except KeyboardInterrupt:
            sys.exit(130)
"""


@pytest.mark.parametrize(
    ("end", "name", "method"),
    [
        ("SIGINT", "pool", "forkserver"),
        ("SIGINT", "processes", "spawn"),
        ("SIGKILL", "pool", "fork"),
        ("SIGKILL", "processes", "forkserver"),
    ],
)
def test_neither_ctrl_c_nor_the_death_of_the_parent_leaves_a_worker(tmp_path, environment, name, method, end):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    line = [sys.executable, script, name, method]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(line, env=environment, text=True, start_new_session=True, **pipes) as parent:
        try:
            for _ in range(2):
                assert parent.stdout.readline() == "started\n"
            family = psutil.Process(parent.pid).children(recursive=True)
            if end == "SIGINT":
                os.killpg(parent.pid, signal.SIGINT)  # as a terminal does: to the workers, too
                _, said = parent.communicate(timeout=100)
                assert (parent.returncode, said) == (130, "")
        finally:
            parent.kill()
    _, alive = psutil.wait_procs(family, timeout=100)
    assert [process for process in alive if process.status() != psutil.STATUS_ZOMBIE] == []
