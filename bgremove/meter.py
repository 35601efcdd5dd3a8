"""Wall time, CPU time and peak memory of this process and all its descendants, as a context manager."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from time import perf_counter
from types import TracebackType
from typing import Self

import psutil

from bgremove.machine import usable_cpus

_SAMPLE_S = 0.05
"""How often memory is summed. A peak that is shorter can be missed."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a block of code took.

    `cpu_s` counts user and system time of the whole process tree, to about 10 ms a process. `peak_bytes` is the
    largest sum over the tree that was sampled: of PSS, where memory that processes share is counted once, or of RSS
    where the system does not give PSS; `memory_metric` says which. `cpu_utilisation` is CPU seconds / (wall seconds
    x usable CPUs).
    """

    wall_s: float
    cpu_s: float
    peak_bytes: int
    memory_metric: str
    cpu_utilisation: float


class Meter:
    """Measures its ``with`` block; afterwards `reading` holds the result.

    CPU time that ended processes have used is in their parent's account of its children, which is why a worker that
    is forked by a server and not by this process counts too. What a process has used that ended unseen, with a parent
    that is gone as well, is lost.

    >>> with Meter() as meter:
    ...     total = sum(range(100_000))
    >>> meter.reading.cpu_s >= 0 and meter.reading.peak_bytes > 0
    True
    """

    reading: Reading

    def __init__(self) -> None:
        self._root = psutil.Process()
        self._metric = "pss" if _pss(self._root) is not None else "rss"

    def __enter__(self) -> Self:
        self._peak = self._memory()
        self._stop = Event()
        self._sampler = Thread(target=self._sample, daemon=True)
        self._cpu_s = self._tree_cpu_s()
        self._wall_s = perf_counter()
        self._sampler.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        wall_s = perf_counter() - self._wall_s
        cpu_s = self._tree_cpu_s() - self._cpu_s
        self._stop.set()
        self._sampler.join()
        self._peak = max(self._peak, self._memory())
        utilisation = cpu_s / (wall_s * usable_cpus())
        self.reading = Reading(wall_s, cpu_s, self._peak, self._metric, utilisation)

    def _sample(self) -> None:
        while not self._stop.wait(_SAMPLE_S):
            self._peak = max(self._peak, self._memory())

    def _tree(self) -> Iterator[psutil.Process]:
        yield self._root
        yield from self._root.children(recursive=True)

    def _tree_cpu_s(self) -> float:
        total = 0.0
        for process in self._tree():
            with contextlib.suppress(psutil.Error):
                times = process.cpu_times()
                total += times.user + times.system
                total += getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)
        return total

    def _memory(self) -> int:
        total = 0
        for process in self._tree():
            with contextlib.suppress(psutil.Error):
                total += (_pss(process) or 0) if self._metric == "pss" else process.memory_info().rss
        return total


def _pss(process: psutil.Process) -> int | None:
    """Proportional set size in bytes, None where the system does not give it or the process has ended."""
    try:
        with Path(f"/proc/{process.pid}/smaps_rollup").open(encoding="ascii", errors="replace") as lines:
            for line in lines:
                if line.startswith("Pss:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        return None
    return None
