import multiprocessing
import resource
import subprocess
import sys
import time

import numpy as np
import pytest

from bgremove.meter import Meter

BURN = "import time\nwhile time.process_time() < 1.5: pass\n"
NEST = f"import subprocess, sys\nsubprocess.run([sys.executable, '-S', '-c', {BURN!r}])\n"
TELL = "import os, sys\nprint(sum(os.times()[:4]), flush=True)\nsys.stdin.read()\n"


def cpu_of_ended_children():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


@pytest.mark.parametrize("script", [BURN, NEST], ids=["child", "grandchild"])
@pytest.mark.parametrize("ended", [True, False])
def test_cpu_seconds_of_children_are_read_within_two_percent(script, ended):
    line = [sys.executable, "-S", "-c", script + ("" if ended else TELL)]
    with Meter() as meter:
        own, before = time.process_time(), cpu_of_ended_children()
        children = [subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)]
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


def test_memory_of_a_child_is_seen():
    context = multiprocessing.get_context("spawn")
    mine, theirs = context.Pipe()
    child = context.Process(target=hold, args=(200_000_000, theirs))
    with Meter() as meter:
        child.start()
        mine.recv()
        time.sleep(0.2)
    mine.send(None)
    child.join()
    with Meter() as without:
        pass
    assert meter.reading.peak_bytes - without.reading.peak_bytes > 200_000_000
