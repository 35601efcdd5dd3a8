"""Cases whose figures are known beforehand, or are the floor under all others; README.md says what each is for."""

import subprocess
import sys
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from benchmarks.controls import burn, hold, nothing
from benchmarks.marks import QUICK_AND_GATE
from benchmarks.measure import Measure, Reference
from benchmarks.workloads import run, started, tasks
from bgremove.machine import usable_cpus
from bgremove.strategies import BUILT_IN, strategy_class

LOOP = "sequential"
EMPTY_TASKS = 200
BURNERS, BURNT_S = 8, 0.025
BLOCK_BYTES = 64 * 10**6
ROOT = Path(__file__).parents[1]
QUICK_IMPORTS = {"nothing", "bgremove"}
GATED_DISPATCH, GATED_BURNERS = {LOOP}, {name for name in BUILT_IN if not strategy_class(name).in_this_process}
"""What the gate compares: dispatch without workers, for theirs varies too much, and how processes share the cores."""
IMPORTS = {
    "nothing": "pass",
    "numpy": "import numpy",
    "cv2": "import cv2",
    "bgremove": "import bgremove",
    "first-image": "import numpy, bgremove; bgremove.remove_background(numpy.eye(40, dtype=numpy.uint8) * 200)",
}


def gated(chosen: set[str]) -> list[object]:
    """All strategies, those chosen for the gate marked so."""
    return [pytest.param(name, marks=pytest.mark.gate if name in chosen else ()) for name in BUILT_IN]


@pytest.mark.quick
@pytest.mark.parametrize("strategy", gated(GATED_DISPATCH))
def test_empty_tasks(measure: Measure, strategy: str) -> None:
    """Dispatch alone: what a strategy adds to each task."""
    with started(strategy) as chosen:
        measure(
            partial(run, chosen, nothing, tasks(range(EMPTY_TASKS))),
            group=f"control: {EMPTY_TASKS} empty tasks",
            images=EMPTY_TASKS,
        )


@pytest.mark.parametrize("strategy", BUILT_IN)
def test_start(measure: Measure, strategy: str) -> None:
    """Starting the workers until each is ready, without their end."""
    stack = ExitStack()
    measure(
        lambda: stack.enter_context(started(strategy)),
        group="control: start of the workers",
        teardown=stack.close,
    )


@pytest.mark.quick
@pytest.mark.parametrize("strategy", gated(GATED_BURNERS))
def test_burner(measure: Measure, strategy: str) -> None:
    """CPU time of known amount, in Python, which holds the interpreter's lock: processes can share it, threads not."""
    work = tasks([BURNT_S] * BURNERS)
    with started(LOOP) as loop, started(strategy) as chosen:
        measure(
            partial(run, chosen, burn, work),
            group=f"control: {BURNERS} burners of {BURNT_S} CPU s",
            images=BURNERS,
            reference=None if strategy == LOOP else Reference(LOOP, partial(run, loop, burn, work)),
        )


@pytest.mark.parametrize("megabytes", [0, BLOCK_BYTES // 10**6])
@pytest.mark.parametrize("strategy", BUILT_IN)
def test_memory(measure: Measure, strategy: str, megabytes: int) -> None:
    """Each worker holds a block of known size: the peaks must differ by the blocks held at a time."""
    with started(strategy) as chosen:
        measure(
            partial(run, chosen, hold, tasks([megabytes * 10**6] * usable_cpus())),
            group=f"control: {megabytes} MB a worker",
        )


@pytest.mark.parametrize(
    "what", [pytest.param(name, marks=QUICK_AND_GATE if name in QUICK_IMPORTS else ()) for name in IMPORTS]
)
def test_import(measure: Measure, what: str) -> None:
    """A fresh interpreter that imports and ends."""
    line = [sys.executable, "-c", IMPORTS[what]]
    measure(partial(subprocess.run, line, check=True, cwd=ROOT), group="control: import in a fresh process")
