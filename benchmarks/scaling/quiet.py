"""How much of the machine others had while something was measured."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from time import perf_counter
from typing import NamedTuple

import psutil


class Taken(NamedTuple):
    """What a call took, and what others took meanwhile."""

    wall_s: float
    cpu_s: float
    """Of this process and those that it has started. In steps of 10 ms for each."""
    others: float
    """Share of all CPU time that other processes took; rough, because of the steps, if the call is short."""


def timed(work: Callable[[], object]) -> Taken:
    """Call once."""
    busy_s, own_s, began_s = _busy_s(), _own_s(), perf_counter()
    work()
    wall_s, cpu_s = perf_counter() - began_s, _own_s() - own_s
    others_s = _busy_s() - busy_s - cpu_s
    return Taken(wall_s, cpu_s, max(0.0, others_s / wall_s / (psutil.cpu_count() or 1)))


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
