"""How much of the machine others had while something was measured."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from time import perf_counter

import psutil


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds that a call took, and the share of all CPU time meanwhile that other processes took.

    CPU time of a process has steps of 10 ms: of a call that takes less than a second the share is rough.
    """
    busy_s, own_s, began_s = _busy_s(), _own_s(), perf_counter()
    work()
    wall_s = perf_counter() - began_s
    others_s = _busy_s() - busy_s - (_own_s() - own_s)
    return wall_s, max(0.0, others_s / wall_s / (psutil.cpu_count() or 1))


def _busy_s() -> float:
    times = psutil.cpu_times()
    return float(times.user + times.system + getattr(times, "steal", 0.0))


def _own_s() -> float:
    total = 0.0
    this = psutil.Process()
    for process in (this, *this.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            total += times.user + times.system
    return total
