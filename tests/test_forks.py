"""A process that is forked in the middle of a run: the fork ends at once, and leaves alone what is its parent's."""

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")

MIDDLE = """
import os, sys
from pathlib import Path
from bgremove.batch import make_plan, run_plan
from bgremove.batch.journal import _lives, _runs
from bgremove.settings import Settings

if __name__ == "__main__":
    photos, out, strategy, end = sys.argv[1:]
    workers = None if strategy == "sequential" else 2
    plan = make_plan(photos, out, Settings(engine="opencv"))
    records = run_plan(plan, strategy=strategy, workers=workers)
    assert next(records).status == "ok"
    if (fork := os.fork()) == 0:
        match end:
            case "exit":
                sys.exit(7)
            case "close":
                records.close()
            case "next":
                list(records)
        sys.exit(7)
    print(os.waitstatus_to_exitcode(os.waitpid(fork, 0)[1]), [_lives(Path(out), run) for run in _runs(Path(out))])
    print(*[record.error or record.status for record in records])
"""


@pytest.mark.parametrize(
    ("strategy", "end"),
    [
        *((name, "exit") for name in ("sequential", "threads", "processes", "pool")),
        pytest.param("dask", "exit", marks=pytest.mark.whole_run),
        *(("threads", end) for end in ("close", "next")),
        ("processes", "next"),
    ],
)
def test_a_fork_leaves_the_run_alone(photos, tmp_path, environment, strategy, end):
    (tmp_path / "script.py").write_text(MIDDLE)
    line = [sys.executable, tmp_path / "script.py", photos, tmp_path / "out", strategy, end]
    ended = subprocess.run(line, env=environment, capture_output=True, text=True, check=False, timeout=60)
    fork, rest = ended.stdout.splitlines()
    assert fork == f"{1 if end == 'next' else 7} [True]", ended.stderr
    assert rest.split() == ["ok"] * 5
    assert ("belongs to the process of which this is a fork" in ended.stderr) == (end == "next")
    if strategy != "dask":  # which tells of workers that are not the fork's
        assert ended.stderr.count("Traceback") == (end == "next"), ended.stderr


LOADING = """
import os, signal, threading, time
import numpy as np
from bgremove import remove_background
from bgremove.engines import _compile

image = np.full((40, 40, 3), 9, np.uint8)
image[10:30, 10:30] = 200
link, loading = _compile._link, threading.Event()

def link_slowly(code):
    loading.set()
    time.sleep(0.05)
    return link(code)

_compile._link = link_slowly
other = threading.Thread(target=remove_background, args=(image,))
other.start()
loading.wait()
if os.fork() == 0:
    signal.alarm(20)
    print(remove_background(image).foreground.sum())
    os._exit(0)
other.join()
os.wait()
"""


def test_a_fork_while_kernels_are_loaded_can_use_them(environment):
    line = [sys.executable, "-u", "-c", LOADING]
    ended = subprocess.run(line, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert ended.stdout == "400\n", ended.stderr


LOCKS = """
import os, threading
from bgremove.forks import lock_before_forks

one, other = lock_before_forks(), lock_before_forks()
ended = False

def nest(first, second):
    while not ended:
        with first, second:
            pass

threads = [threading.Thread(target=nest, args=pair) for pair in ((one, other), (other, threading.Lock()))]
for thread in threads:
    thread.start()
for _ in range(50):
    if os.fork() == 0:
        os._exit(one.acquire(blocking=False) + 2 * other.acquire(blocking=False))
    print(os.waitstatus_to_exitcode(os.wait()[1]), end=" ")
ended = True
"""


def test_a_fork_finds_all_locks_free_however_threads_nest_them(environment):
    line = [sys.executable, "-c", LOCKS]
    ended = subprocess.run(line, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert ended.stdout.split() == ["3"] * 50, ended.stderr


IMPORTS = """
import os, sys
import bgremove.strategies.create, bgremove.api

before = set(sys.modules)
if os.fork() == 0:
    print(sorted(set(sys.modules) - before), flush=True)
    os._exit(0)
os.wait()
"""


def test_a_fork_imports_nothing(environment):
    line = [sys.executable, "-c", IMPORTS]
    ended = subprocess.run(line, env=environment, capture_output=True, text=True, check=True, timeout=60)
    assert (ended.stdout, ended.stderr) == ("[]\n", "")
