"""Work whose cost is known beforehand, for workers to run."""

from __future__ import annotations

import time

import numpy as np

HOLD_S = 0.12
"""Longer than two samples of the meter are apart."""


def nothing(_value: object) -> None:
    """Costs what a task costs that does nothing."""


def burn(cpu_s: float) -> None:
    """Computes in Python until this thread has used `cpu_s` seconds of CPU, however long that takes."""
    end_s = time.thread_time() + cpu_s
    while time.thread_time() < end_s:
        sum(range(200))


def hold(size_bytes: int) -> int:
    """Keeps `size_bytes` of memory, all of it written to, for `HOLD_S`."""
    block = np.ones(size_bytes, np.uint8)
    time.sleep(HOLD_S)
    return int(block[-1]) if size_bytes else 0
