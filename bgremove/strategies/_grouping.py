"""How many tasks are sent to a worker of Dask together: so many that what Dask does for a group is under 2% of it."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from bgremove.errors import TaskError
from bgremove.strategies._admission import Admission
from bgremove.strategies._worker import Job, failed, pack
from bgremove.strategies.task import Outcome

GROUP_S = 0.4
"""Seconds of work in a group: fifty times the 5 to 8 ms of CPU time that a group was measured to cost client, scheduler
and worker together, beyond what they take when idle, on two cores at 2.6 GHz; 4 ms of empty tasks, one on the other."""
SCHEDULER_S = 0.001
"""Of those, what the scheduler takes, which does one group after the other: it is to be busy half of the time at most,
so that groups are longer where there are over two hundred threads."""
_MOST_TASKS = 64
_MOST_BYTES = 1_000_000
"""Of the tasks of a group, which may hold arrays."""


@dataclass(eq=False, slots=True)
class Item:
    """A task that has been drawn and is not finished."""

    job: Job[Any]
    payload: bytes
    attempts: int = 1
    deaths: int = 0
    """Workers that were lost while they ran it."""

    @property
    def peak_bytes(self) -> int:
        """See `Task.peak_bytes`."""
        return self.job[0].peak_bytes


@dataclass(frozen=True, slots=True)
class Again:
    """Calls a function for a task that may have been begun before, by a worker that was lost; see `Strategy.run`."""

    function: Any

    def __call__(self, value: Any) -> Any:
        return getattr(self.function, "again", self.function)(value)


class Grouping:
    """Draws tasks, a group at a time.

    The first groups are of one task. From then on a group has as many tasks as take `GROUP_S`, or more on a large
    cluster, by what the last ones took; at most twice as many as the last group that was finished, 64 tasks, and as
    can be drawn within that time.
    """

    def __init__(self, function: Callable[..., object], tasks: Admission[Any]) -> None:
        self._function = function
        self._tasks = tasks
        self._returned: deque[Item] = deque()
        self._task_s = 0.0
        """Of a task, lately; 0 if that is not known."""
        self._most = 1
        self.ended = False
        """Whether there are no more tasks."""

    def draw(self, threads: int, room_bytes: float = math.inf) -> tuple[list[Item], list[Outcome[Any]]]:
        """The next group, for a cluster of so many threads, and the outcomes of what cannot be sent.

        Of tasks that take no more than the room that their worker has, each: those of a group run one by one.
        """
        group_s = group_s_for(threads)
        size = min(self._most, max(1, round(group_s / self._task_s))) if self._task_s else self._most
        items: list[Item] = []
        outcomes: list[Outcome[Any]] = []
        length, began_s = 0, perf_counter()
        while len(items) < size and length < _MOST_BYTES and perf_counter() - began_s < group_s:
            if item := next((each for each in self._returned if each.peak_bytes <= room_bytes), None):
                self._returned.remove(item)
                items.append(item)
            elif task := self._tasks.draw(room_bytes):
                job = task, perf_counter()
                try:
                    items.append(Item(job, pack(self._function, job)))
                except TaskError as error:
                    outcomes.append(failed(job, error))
            else:
                self.ended = self._tasks.ended and not self._returned
                break
            length += len(items[-1].payload) if items else 0
        return items, outcomes

    def put_back(self, item: Item) -> None:
        """Have a task drawn once more, before all others."""
        self._returned.append(item)
        self.ended = False

    def learn(self, outcomes: Sequence[Outcome[Any]]) -> None:
        """Take into account how long a finished group took. Tasks that failed, mostly at once, say nothing."""
        spans = [outcome.ended_s - outcome.started_s for outcome in outcomes if outcome.error is None]
        if spans:
            mean_s = sum(spans) / len(spans)
            self._task_s = (self._task_s + mean_s) / 2 if self._task_s else mean_s
            self._most = min(_MOST_TASKS, max(self._most, 2 * len(spans)))


def group_s_for(threads: int) -> float:
    """Seconds of work in a group, on a cluster of so many threads.

    >>> group_s_for(2), group_s_for(1000)
    (0.4, 2.0)
    """
    return max(GROUP_S, 2 * SCHEDULER_S * threads)
