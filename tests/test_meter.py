import resource
import subprocess
import sys
import time

import numpy as np
import psutil
import pytest

from bgremove.meter import Meter

BURN = "import time\nwhile time.process_time() < 1.5: pass\n"
NEST = f"import subprocess, sys\nsubprocess.run([sys.executable, '-S', '-c', {BURN!r}])\n"
TELL = "import os, sys\nprint(sum(os.times()[:4]), flush=True)\nsys.stdin.read()\n"


def cpu_of_ended_children():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


@pytest.mark.whole_run
@pytest.mark.parametrize("ended", [True, False])
def test_cpu_seconds_of_a_child_and_a_grandchild_are_read_within_two_percent(ended):
    lines = [[sys.executable, "-S", "-c", script + ("" if ended else TELL)] for script in (BURN, NEST)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with Meter() as meter:
        own, before = time.process_time(), cpu_of_ended_children()
        children = [subprocess.Popen(line, text=True, **pipes) for line in lines]
        if ended:
            for child in children:
                child.wait()
            used = cpu_of_ended_children() - before
        else:
            used = sum(float(child.stdout.readline()) for child in children)
        used += time.process_time() - own
    for child in children:
        child.communicate()
    assert used > 3
    assert meter.reading.cpu_s == pytest.approx(used, rel=0.02)
    assert meter.reading.memory_metric in ("pss", "rss")


def hold(size, connection):
    held = np.ones(size, np.uint8)
    connection.send(held[-1])
    connection.recv()


def growth_of_the_peak(block, environment):
    """Metric and growth, in bytes, of a `block` in a fresh process: this one may share memory that comes and goes."""
    script = (
        "import multiprocessing, os, signal, subprocess, sys, time\n"
        "from bgremove.meter import Meter\nfrom tests.test_meter import hold\n"
        "with Meter() as without:\n    pass\n"
        f"{block}\n"
        "print(meter.reading.memory_metric, meter.reading.peak_bytes - without.reading.peak_bytes)\n"
    )
    line = [sys.executable, "-c", script]
    done = subprocess.run(line, env=environment, capture_output=True, text=True, check=True, timeout=100)
    metric, size = done.stdout.split()
    return metric, int(size)


CHILD = """
context = multiprocessing.get_context("spawn")
mine, theirs = context.Pipe()
child = context.Process(target=hold, args=(200_000_000, theirs))
with Meter() as meter:
    child.start()
    mine.recv()
    time.sleep(0.2)
mine.send(None)
child.join()
"""


def test_memory_of_a_child_is_seen(environment):
    assert growth_of_the_peak(CHILD, environment)[1] > 200_000_000


SHARED = """
script = (
    "import os, time; held = b'x' * 300_000_000\\n"
    "children = [os.fork() for _ in range(2)]\\n"  # four processes, one memory
    "print(flush=True) if all(children) else None; time.sleep(60)"
)
with Meter() as meter:
    line = [sys.executable, "-S", "-c", script]
    parent = subprocess.Popen(line, stdout=subprocess.PIPE, start_new_session=True)
    parent.stdout.readline()
    time.sleep(0.5)  # until a child has forked too, and the meter has looked
os.killpg(parent.pid, signal.SIGKILL)
parent.communicate()
"""


def test_memory_that_processes_share_is_counted_once(environment):
    metric, size = growth_of_the_peak(SHARED, environment)
    assert metric == "rss" or 300_000_000 < size < 450_000_000


def test_the_sum_is_of_rss_if_pss_of_one_process_is_not_given(monkeypatch):
    monkeypatch.setattr("bgremove.process_tree._pss", lambda _: None)
    with Meter() as meter:
        pass
    assert meter.reading.memory_metric == "rss"
    assert meter.reading.peak_bytes >= psutil.Process().memory_info().rss // 2


def test_cpu_seconds_of_a_process_that_outlives_its_parent_are_counted():
    # It outlives its parent, so that no process of the tree ever counts its time. The sleeps give the meter time
    # to look, which it does less often the more a look costs: at the orphan with its parent, and at its end.
    orphan = "import time\nwhile time.process_time() < 1: pass\ntime.sleep(1.5)\n"
    script = (
        f"import subprocess, sys, time\nsubprocess.Popen([sys.executable, '-S', '-c', {orphan!r}])\ntime.sleep(1.5)"
    )
    with Meter() as meter:
        own, before = time.process_time(), cpu_of_ended_children()
        with subprocess.Popen([sys.executable, "-S", "-c", script], stdout=subprocess.PIPE) as parent:
            parent.stdout.read()  # until the orphan has ended
        used = 1 + time.process_time() - own + cpu_of_ended_children() - before
    assert meter.reading.cpu_s == pytest.approx(used, rel=0.05)
