"""The same images in sequence and in parallel: files and arrays, generated images and fixtures, every transport.

Workers are ready before the first round, as in a long batch; what their start costs is in `bench_controls`, and from
how many images on it is repaid in `bench_scaling`. Speed-ups are against the loop of the same group.
"""

from functools import partial
from pathlib import Path

import pytest

from benchmarks.marks import QUICK_AND_GATE
from benchmarks.measure import Measure, Reference
from benchmarks.workloads import SOURCES, cut, cut_file, jobs, pictures, run, started, tasks
from bgremove.strategies import BUILT_IN, strategy_class
from bgremove.strategies.transports import TRANSPORTS, make_transport

LOOP = "sequential"
HERE = [name for name in BUILT_IN if strategy_class(name).in_this_process]
"""Strategies whose workers are in this process, so that arrays need no transport."""
BY_ARRAY = [*HERE, *(f"{name}-{way}" for name in BUILT_IN if name not in HERE for way in TRANSPORTS)]


@pytest.mark.parametrize(
    "source", [pytest.param(source, marks=QUICK_AND_GATE if source == "generated" else ()) for source in SOURCES]
)
@pytest.mark.parametrize("strategy", BUILT_IN)
def test_files(measure: Measure, tmp_path: Path, strategy: str, source: str) -> None:
    """Files in, files out: each worker reads, segments and writes."""
    work = tasks(jobs(source, tmp_path))
    with started(LOOP) as loop, started(strategy) as chosen:
        measure(
            partial(run, chosen, cut_file, work),
            group=f"files: {source}",
            images=len(work),
            reference=None if strategy == LOOP else Reference(LOOP, partial(run, loop, cut_file, work)),
        )


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("strategy", BY_ARRAY)
def test_arrays(measure: Measure, strategy: str, source: str) -> None:
    """Arrays in, arrays out: the pixels go to the worker and the cutout comes back."""
    name, _, way = strategy.partition("-")
    work = tasks(pictures(source))
    with started(LOOP) as loop, started(name) as chosen:
        measure(
            partial(run, chosen, cut, work, make_transport(way) if way else None),
            group=f"arrays: {source}",
            images=len(work),
            reference=None if name == LOOP else Reference(LOOP, partial(run, loop, cut, work)),
        )
