"""Scripts that are used in other ways than they should: each ends at once, says what is wrong once, leaves nothing."""

import multiprocessing
import os
import subprocess
import sys
import time

import psutil
import pytest

from bgremove.errors import UsageError
from bgremove.machine import start_methods
from bgremove.strategies import choose, make_strategy

WAYS = [(name, method) for name in ("processes", "pool") for method in start_methods()]

OPEN = """
import sys, threading, time
from contextlib import suppress
from pathlib import Path
import numpy as np
from bgremove.strategies import Task, make_strategy, transports

def nap(seconds):
    time.sleep(seconds[0])
    return seconds

def outcomes(name, method):
    tasks = [Task(index, np.full(1000, 600 if index else 0), str(index)) for index in range(9)]
    with make_strategy(name, workers=2, start_method=method) as strategy:
        yield from transports.make_transport("shared_memory").run(strategy, nap, tasks)

def finish(kept):
    with suppress(Exception):  # its workers are ended under its hands
        list(kept)

if __name__ == "__main__":
    transports._MEMORY = Path(sys.argv[1])
    kept = outcomes(*sys.argv[2:4])
    print(next(kept).error)
    match sys.argv[4]:
        case "cycle":
            kept = [kept]
            kept.append(kept)
        case "raise":
            raise RuntimeError("my own")
        case "exit":
            sys.exit(5)
        case "thread":
            threading.Thread(target=finish, args=(kept,), daemon=True).start()
            while not kept.gi_running:
                time.sleep(0)
"""


@pytest.mark.parametrize(
    ("name", "method", "end", "status"),
    [
        *((*way, "global", 0) for way in WAYS),
        *((name, "forkserver", "cycle", 0) for name in ("processes", "pool")),
        *((name, "forkserver", "raise", 1) for name in ("processes", "pool")),
        *((name, "forkserver", "thread", 0) for name in ("processes", "pool")),
        ("processes", "forkserver", "exit", 5),
    ],
)
def test_a_script_that_leaves_a_run_open_ends_at_once(tmp_path, environment, name, method, end, status):
    script, memory = tmp_path / "script.py", tmp_path / "memory"
    script.write_text(OPEN)
    memory.mkdir()
    line = [sys.executable, script, memory, name, method, end]
    with subprocess.Popen(
        line, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            said, wrong = process.communicate(timeout=60)
            limit = time.monotonic() + 100
            while session_of(process.pid):
                assert time.monotonic() < limit, session_of(process.pid)
                time.sleep(0.02)
        finally:
            for left in session_of(process.pid):
                left.kill()
    assert (process.returncode, said) == (status, "None\n"), wrong
    assert wrong.strip().splitlines()[-1:] == (["RuntimeError: my own"] if end == "raise" else [])
    assert wrong.count("Traceback") == (end == "raise")
    assert list(memory.iterdir()) == []


def session_of(leader):
    found = []
    for each in psutil.process_iter():
        try:
            if os.getsid(each.pid) == leader and each.pid != leader and each.status() != psutil.STATUS_ZOMBIE:
                found.append(each)
        except (ProcessLookupError, psutil.NoSuchProcess):
            continue
    return found


UNGUARDED = """
import sys
from bgremove.strategies import Task, make_strategy
with make_strategy(sys.argv[1], workers=2, start_method=sys.argv[2]) as strategy:
    for outcome in strategy.run(abs, [Task(index, index, str(index)) for index in range(20)]):
        print(outcome)
"""


@pytest.mark.parametrize(("name", "method"), [way for way in WAYS if way[1] != "fork"])
def test_a_script_without_a_guard_has_one_error_that_names_it(tmp_path, environment, name, method):
    script = tmp_path / "script.py"
    script.write_text(UNGUARDED)
    line = [sys.executable, script, name, method]
    ended = subprocess.run(line, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert ended.stderr.count("Traceback") == 1, ended.stderr
    assert "UsageError: worker processes import" in ended.stderr.splitlines()[-1]
    assert 'if __name__ == "__main__":' in ended.stderr.splitlines()[-1]


@pytest.mark.parametrize(("name", "method"), WAYS)
def test_a_script_from_standard_input_has_workers_or_is_told_why_not(environment, name, method):
    line = [sys.executable, "-", name, method]
    options = {"env": environment, "capture_output": True, "text": True, "timeout": 60}
    ended = subprocess.run(line, input=UNGUARDED, check=False, **options)
    if (name, method) == ("processes", "forkserver") or method == "fork":
        assert (ended.returncode, ended.stdout.count("error=None"), ended.stderr) == (0, 20, "")
    else:
        assert (ended.returncode, ended.stdout, ended.stderr.count("Traceback")) == (1, "", 1)
        assert "<stdin> is no file: put it into one, or use" in ended.stderr.splitlines()[-1]


OTHERS_UNGUARDED = """
import multiprocessing
from bgremove.strategies import make_strategy
with make_strategy("processes", workers=1, start_method="fork"):
    process = multiprocessing.get_context("spawn").Process(target=print)
    process.start()
    process.join()
"""


def test_a_process_of_others_that_imports_such_a_script_is_told_why(tmp_path, environment):
    script = tmp_path / "script.py"
    script.write_text(OTHERS_UNGUARDED)
    ended = subprocess.run(
        [sys.executable, script], env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert ended.returncode == 0
    assert 'under `if __name__ == "__main__":`' in ended.stderr.splitlines()[-1]


def try_to_start(connection):
    for name in ("processes", "pool"):
        try:
            make_strategy(name)
            connection.send("no error")
        except UsageError as error:
            connection.send(str(error))
    connection.send(choose([10] * 100, workers=2))


def test_a_daemonic_process_is_told_to_use_threads():
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=try_to_start, args=(theirs,), daemon=True)
    process.start()
    try:
        assert 'use strategy="threads"' in ours.recv()
        assert 'use strategy="threads"' in ours.recv()
        assert ours.recv() == "threads"
    finally:
        process.join()


FORKED = """
import os, sys
from bgremove.strategies import Task, make_strategy
with make_strategy("processes", workers=2, start_method="forkserver") as strategy:
    outcomes = strategy.run(abs, [Task(index, -index, str(index)) for index in range(50)])
    next(outcomes)
    if os.fork() == 0:
        sys.exit(0)
    os.wait()
    print(sum(outcome.value for outcome in outcomes))
"""


def test_a_fork_of_the_caller_that_ends_leaves_the_run_alone(environment):
    # With the other start methods, multiprocessing itself ends the workers.
    line = [sys.executable, "-c", FORKED]
    ended = subprocess.run(line, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert ended.returncode == 0, ended.stderr
    assert int(ended.stdout) in range(sum(range(50)) - 4, sum(range(50)) + 1)


AFTER_A_POOL = """
import os, sys
from bgremove.errors import UsageError
from bgremove.strategies import Task, make_strategy

def total(name, method):
    with make_strategy(name, workers=2, start_method=method) as strategy:
        return sum(outcome.value for outcome in strategy.run(abs, [Task(i, -i, str(i)) for i in range(5)]))

if __name__ == "__main__":
    total("pool", "forkserver")
    if os.fork() == 0:
        try:
            total("pool", "forkserver")
        except UsageError as error:
            print(error, total("pool", "spawn"), total("processes", "forkserver"))
        sys.stdout.flush()
        os._exit(0)
    os.wait()
"""


def test_a_fork_of_a_caller_of_pool_is_told_what_works_there(tmp_path, environment):
    script = tmp_path / "script.py"
    script.write_text(AFTER_A_POOL)
    line = [sys.executable, script]
    ended = subprocess.run(line, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert "was forked from: use strategy 'processes', or start_method='spawn' 10 10" in ended.stdout, ended.stderr
