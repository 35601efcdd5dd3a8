"""Wall time, CPU time and peak memory of this process and all its descendants, as a context manager."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from threading import Event, Thread
from time import perf_counter, thread_time
from typing import Self

from bgremove.machine import usable_cpus
from bgremove.process_tree import PeakMemory, ProcessTree

_SAMPLE_S = 0.05
"""How often the processes are looked at, at most. A peak of memory that is shorter can be missed."""
_REST = 50
"""After a look, as many times its own cost is waited: the meter takes at most 2% of one CPU."""
_MOST_SAMPLES = 400
"""How many samples are kept; of a longer block, those further apart."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What the process tree has used at one moment of a block, `at_s` seconds after its beginning.

    `cpu_s` is since that beginning. `rss_bytes` is a sum of resident sizes: what processes share counts once in each.
    """

    at_s: float
    cpu_s: float
    rss_bytes: int


@dataclass(frozen=True, slots=True)
class Reading:
    """What a block of code took.

    `cpu_s` counts user and system time of the whole process tree, those that have ended included; Linux tells it in
    ticks of 10 ms, so that each process alive at the end adds an error of up to 20 ms. `peak_bytes` is the largest sum
    over the tree that was sampled: of PSS, where memory that processes share is counted once, or of RSS where the
    system does not give PSS of each; `memory_metric` says which. `cpu_utilisation` is CPU seconds / (wall seconds x
    usable CPUs), from 0 to 1. Sampling is part of `cpu_s`: with two workers 1.5 ms a look, and 3 ms a GB more when
    there may be a new peak, at most 2% of one CPU in all. `samples` are in order, a few hundred at most. The block
    began at `began_s` of `time.perf_counter`.
    """

    began_s: float
    wall_s: float
    cpu_s: float
    peak_bytes: int
    memory_metric: str
    cpu_utilisation: float
    samples: tuple[Sample, ...]


class Meter:
    """Measures its ``with`` block; afterwards `reading` holds the result.

    >>> with Meter() as meter:
    ...     total = sum(range(100_000))
    >>> meter.reading.cpu_s >= 0 and meter.reading.peak_bytes > 0
    True
    """

    reading: Reading

    def __enter__(self) -> Self:
        self._tree = ProcessTree()
        self._memory = PeakMemory()
        self._memory.look(self._tree.members())
        self._stop = Event()
        self._sampler = Thread(target=self._sample, daemon=True)
        self._cpu_s = self._tree.cpu_s()
        self._began_s = perf_counter()
        self._samples = Samples(_MOST_SAMPLES)
        self._keep_sample()
        with suppress(RuntimeError):  # no more threads may be started: of the block, only its ends are seen
            self._sampler.start()
        return self

    def __exit__(self, *_: object) -> None:
        wall_s = perf_counter() - self._began_s
        self._stop.set()
        if self._sampler.ident is not None:
            self._sampler.join()
        cpu_s = self._tree.cpu_s() - self._cpu_s
        self._memory.look(self._tree.members())
        self._samples.add(Sample(wall_s, cpu_s, self._memory.rss_bytes))
        self.reading = Reading(
            began_s=self._began_s,
            wall_s=wall_s,
            cpu_s=cpu_s,
            peak_bytes=self._memory.peak_bytes,
            memory_metric=self._memory.metric,
            # a short block's ticks may add up to more than there was
            cpu_utilisation=min(1.0, cpu_s / (wall_s * usable_cpus())),
            samples=tuple(self._samples.kept),
        )

    def _sample(self) -> None:
        rest_s = _SAMPLE_S
        while not self._stop.wait(rest_s):
            start_s = thread_time()
            self._tree.look(quickly=True)
            self._memory.look(self._tree.members())
            self._keep_sample()
            rest_s = max(_SAMPLE_S, _REST * (thread_time() - start_s))

    def _keep_sample(self) -> None:
        used_s = max(0.0, self._tree.seen_s - self._cpu_s)
        self._samples.add(Sample(perf_counter() - self._began_s, used_s, self._memory.rss_bytes))


class Samples:
    """Samples of a block of unknown length, evenly spaced, never more than `most`.

    >>> samples = Samples(4)
    >>> for second in range(9):
    ...     samples.add(Sample(second, 0, 0))
    >>> [sample.at_s for sample in samples.kept]
    [0, 4, 8]
    """

    def __init__(self, most: int) -> None:
        self.kept: list[Sample] = []
        self._most = most
        self._every = 1
        self._seen = 0

    def add(self, sample: Sample) -> None:
        """Keep the sample, unless those that are kept are further apart by now."""
        if self._seen % self._every == 0:
            if len(self.kept) == self._most:
                del self.kept[1::2]
                self._every *= 2
            if self._seen % self._every == 0:
                self.kept.append(sample)
        self._seen += 1
