import multiprocessing
import os
import time

import numpy as np
import pytest

from bgremove.meter import Meter


def burn(cpu_s):
    before = time.process_time()
    while time.process_time() - before < cpu_s:
        pass


def burn_and_tell(cpu_s, connection):
    burn(cpu_s)
    connection.send(time.process_time())
    connection.recv()


def nest(cpu_s, connection):
    child = multiprocessing.get_context("spawn").Process(target=burn, args=(cpu_s,))
    child.start()
    child.join()
    connection.send(sum(os.times()[:4]))
    connection.recv()


@pytest.mark.parametrize("target", [burn_and_tell, nest])
@pytest.mark.parametrize("ended", [True, False])
def test_cpu_seconds_of_children_are_read_within_two_percent(target, ended):
    context = multiprocessing.get_context("spawn")
    with Meter() as meter:
        own = time.process_time()
        pipes, children = [], []
        for _ in range(2):
            mine, theirs = context.Pipe()
            child = context.Process(target=target, args=(1.5, theirs))
            child.start()
            pipes.append(mine)
            children.append(child)
        used = sum(pipe.recv() for pipe in pipes)
        if ended:
            for pipe, child in zip(pipes, children, strict=True):
                pipe.send(None)
                child.join()
        own = time.process_time() - own
    if not ended:
        for pipe, child in zip(pipes, children, strict=True):
            pipe.send(None)
            child.join()
    assert meter.reading.cpu_s == pytest.approx(used + own, rel=0.02)
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
