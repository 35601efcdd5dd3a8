"""What `processes` promises beyond the contract of all strategies."""

import os
import resource
import signal
import sys
import threading
import time
import traceback
from contextlib import nullcontext
from pathlib import Path

import psutil
import pytest

from bgremove.errors import TaskError, TaskTimeoutError, UsageError, WorkerLostError
from bgremove.machine import start_methods
from bgremove.preparation import Preparation
from bgremove.strategies import Task, make_strategy


def run(strategy, function, values):
    tasks = [Task(index, value, f"task {index}") for index, value in enumerate(values)]
    return {outcome.index: outcome for outcome in strategy.run(function, tasks)}


def server():
    """The process that workers are forked from."""
    (found,) = [each for each in psutil.Process().children() if "_forkserver" in " ".join(each.cmdline())]
    return found


def turn_round(data):
    return data[::-1]


@pytest.mark.parametrize("method", [method for method in start_methods() if method != "fork"])
def test_large_values_cross_both_ways_at_a_time(method):
    large = b"<" + bytes(50_000_000) + b">"
    with make_strategy("processes", workers=2, start_method=method) as strategy:
        outcomes = run(strategy, turn_round, [b"", b"", b"", *[large] * 5])
    assert all(outcomes[index].value[:1] == b">" for index in range(3, 8))


def return_more_than_fits(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))  # to a process, a file that may not grow is a full disk
    return bytes(size)


def test_a_result_for_which_there_is_no_room_is_the_error_of_its_own_task():
    with make_strategy("processes", workers=1) as strategy:
        outcomes = run(strategy, return_more_than_fits, [10, 100_000, 10])
    assert isinstance(outcomes[1].error, TaskError)
    assert "no room for" in str(outcomes[1].error)
    assert outcomes[0].error is outcomes[2].error is None


def stop_while_sending(size):
    main = threading.get_ident()

    def stop_once_sending():
        while "send" not in {frame.f_code.co_name for frame, _ in traceback.walk_stack(sys._current_frames()[main])}:
            time.sleep(0)
        os.kill(os.getpid(), signal.SIGSTOP)

    if size:
        threading.Thread(target=stop_once_sending).start()
    return bytes(size)


def test_a_worker_stopped_while_it_sends_costs_its_own_task_only():
    with make_strategy("processes", workers=2, timeout_s=3) as strategy:
        strategy.warm_up(stop_while_sending)
        outcomes = run(strategy, stop_while_sending, [300_000_000, 0, 0, 0])
    assert [index for index, outcome in outcomes.items() if outcome.error] == [0]
    assert isinstance(outcomes[0].error, TaskTimeoutError)


def leave_a_child(seconds):
    if os.fork() == 0:
        time.sleep(seconds)
        os._exit(0)
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="only the end of the connection tells a death")
def test_a_dead_worker_is_noticed_though_a_child_of_it_holds_its_connection():
    start = time.monotonic()
    with make_strategy("processes", workers=1) as strategy:
        assert isinstance(run(strategy, leave_a_child, [60])[0].error, WorkerLostError)
    assert time.monotonic() - start < 50


def nap(seconds):
    time.sleep(seconds)
    return os.getpid()


def test_no_task_waits_behind_a_long_one_while_a_worker_is_idle():
    with make_strategy("processes", workers=2) as strategy:
        outcomes = run(strategy, nap, [0, 0, 2, 0.1, 0.1, 0.1, 0.1])
    assert outcomes[2].received_s == max(outcome.received_s for outcome in outcomes.values())


@pytest.mark.skipif(sys.platform != "linux", reason="threads are counted in /proc")
@pytest.mark.parametrize("engine", ["exact", "opencv"])
def test_the_server_has_one_thread_and_workers_need_load_nothing(engine):
    with make_strategy("processes", workers=2, worker_context=Preparation(engine)) as strategy:
        strategy.warm_up()
        assert len(list(Path(f"/proc/{server().pid}/task").iterdir())) == 1


def test_workers_survive_their_server_and_another_takes_its_place():
    with make_strategy("processes", workers=2) as strategy:
        strategy.warm_up()
        server().kill()
        outcomes = run(strategy, nap_or_die, [0, 0, "die", 0, 0, 0])
        assert [index for index, outcome in outcomes.items() if outcome.error] == [2]
        strategy.warm_up()
        workers = {outcome.worker for outcome in run(strategy, nap, [0.1] * 6).values()}
        assert len(workers) == 2


def nap_or_die(value):
    if value == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    return nap(value)


def test_64_workers_start_and_end():
    with make_strategy("processes", workers=64) as strategy:
        strategy.warm_up()
        family = [*server().children(), server()]
        assert len(family) == 65
        assert len(run(strategy, abs, range(500))) == 500
    assert not any(each.is_running() and each.status() != psutil.STATUS_ZOMBIE for each in family)


class RoomForOne:
    """Leaves the server room for one worker: no second fork, or no thread in it."""

    def __init__(self, lacking):
        self.lacking = lacking

    def load(self):
        fork, start, left = os.fork, threading.Thread.start, [1]

        def fork_or_fail():
            left[0] -= 1
            if left[0] < 0 and self.lacking == "process":
                raise BlockingIOError(11, "Resource temporarily unavailable")
            return fork()

        def start_or_fail(thread):
            if left[0] < 0:
                raise RuntimeError("can't start new thread")
            start(thread)

        os.fork, threading.Thread.start = fork_or_fail, start_or_fail

    def __call__(self):
        return nullcontext()


@pytest.mark.parametrize("lacking", ["process", "thread"])
def test_the_workers_that_there_is_room_for_do_the_work(lacking, capfd):
    with make_strategy("processes", workers=4, worker_context=RoomForOne(lacking)) as strategy:
        outcomes = run(strategy, nap, [0] * 20)
        assert [outcome.error for outcome in outcomes.values()] == [None] * 20
        assert len({outcome.worker for outcome in outcomes.values()}) == 1
        with pytest.raises(WorkerLostError, match="gives no more processes, threads or open files"):
            strategy.warm_up()
    assert not capfd.readouterr().err


class Unloadable:
    def load(self):
        raise RuntimeError("no room")

    def __call__(self):
        self.load()


def test_what_cannot_be_loaded_is_the_error_of_each_task():
    with make_strategy("processes", workers=2, worker_context=Unloadable()) as strategy:
        with pytest.raises(TaskError, match="no room"):
            strategy.warm_up()
        assert all("no room" in str(outcome.error) for outcome in run(strategy, nap, [0, 0]).values())


def refuse(*_):
    raise OSError(38, "Function not implemented")


def test_without_semaphores_processes_work_and_a_pool_says_so(monkeypatch):
    import multiprocessing.synchronize  # noqa: PLC0415 - so that it is there to be changed

    monkeypatch.setattr(multiprocessing.synchronize._multiprocessing, "SemLock", refuse)
    with make_strategy("processes", workers=2) as strategy:
        assert len(run(strategy, nap, [0] * 4)) == 4
    with pytest.raises(UsageError, match="use strategy 'processes'"), make_strategy("pool", workers=2):
        pass
