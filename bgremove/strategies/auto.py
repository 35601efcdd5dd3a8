"""Which strategy to choose, from what is known of the work before it starts."""

from __future__ import annotations

import multiprocessing
from collections.abc import Sequence

AUTO = "auto"
"""Names no strategy, but the one that `choose` gives."""

START_S = 0.25
"""Seconds that `processes` takes to start.

From entering the strategy to two workers that are warm, engine `exact`, kernels compiled: 0.22 to 0.24 s in five runs
on two cores. What `threads` would take to load the same is not taken off, so that the rule is on the careful side.
"""
SHARE = 0.05
"""Of the run, that the start of processes may take."""


def choose(task_s: Sequence[float] | None, *, workers: int, timeout_s: float | None = None) -> str:
    """The name of the strategy to run tasks of `task_s` seconds each under, in this order:

    1. `processes` if there is a time limit, since nothing else can stop a task.
    2. `threads` if the tasks are not known before, as those of a stream, which start at once then; and in a daemonic
       process, such as a worker of Celery, which may not start others.
    3. `sequential` if there is one task, or one worker.
    4. `processes`, of which a crash costs one task, as soon as their start is 5% of the run at most; else `threads`.

    The run is taken to last as long as the longest task, or as all of them shared among the workers.

    >>> choose([0.2] * 4, workers=2)
    'threads'
    >>> choose([0.2] * 400, workers=2)
    'processes'
    """  # noqa: D400, D415 - the list is part of the sentence
    if timeout_s is not None:
        return "processes"
    if task_s is None or not may_start_processes():
        return "threads" if workers > 1 or task_s is None else "sequential"
    if len(task_s) <= 1 or workers == 1:
        return "sequential"
    run_s = max(*task_s, sum(task_s) / workers)
    return "processes" if SHARE * run_s >= START_S else "threads"


def may_start_processes() -> bool:
    """Whether this process may have children by the rules of `multiprocessing`: daemonic ones may not."""
    return not multiprocessing.current_process().daemon
