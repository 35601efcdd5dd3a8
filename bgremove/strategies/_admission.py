"""Which task is drawn next: as many are under way at a time as there is memory for."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Generic, TypeVar

from bgremove.strategies.task import Task

T = TypeVar("T")

_MOST_HELD = 64
"""Tasks that may wait for memory before no other is looked at."""


class Admission(Generic[T]):
    """Draws tasks; one that would take more memory than is left is held back.

    The `peak_bytes` of all tasks that are under way, which is from `draw` to `finish`, are never more than
    `budget_bytes`, unless there is but one. Tasks behind one that is held back overtake it if they fit beside it: it
    waits only for those that were drawn before.

    What the tasks' own iterator raises ends them, and is kept for `check`: those that were drawn before are done.
    """

    def __init__(self, tasks: Iterable[Task[T]], budget_bytes: int | None = None) -> None:
        self._source = iter(tasks)
        self._budget_bytes = budget_bytes
        self._held: list[Task[T]] = []
        self._under_way: dict[int, int] = {}
        """Bytes by the index of the task."""
        self._overtaking: dict[int, int] = {}
        """Those of them that were drawn while the first of the held ones was."""
        self._exhausted = False
        self._error: Exception | None = None

    @property
    def ended(self) -> bool:
        """Whether there are no more tasks."""
        return self._exhausted and not self._held

    def draw(self, room_bytes: float = math.inf) -> Task[T] | None:
        """The next task that takes no more than the room that its worker has.

        None if there is no more, or none now; then others are under way, or a worker with more room is to ask.
        """
        for task in self._held:
            if self._fits(task, room_bytes):
                return self._drawn(task)
        while len(self._held) < _MOST_HELD:
            task_or_none = self._next()
            if task_or_none is None:
                break
            self._held.append(task_or_none)
            if self._fits(task_or_none, room_bytes):
                return self._drawn(task_or_none)
        return None

    def finish(self, index: int) -> None:
        """The task is no longer under way."""
        self._under_way.pop(index, None)
        self._overtaking.pop(index, None)

    def check(self) -> None:
        """Raise what the tasks' iterator has raised, if it has."""
        if self._error is not None:
            raise self._error

    def _next(self) -> Task[T] | None:
        if not self._exhausted:
            try:
                return next(self._source)
            except StopIteration:
                pass
            except Exception as error:  # noqa: BLE001 - code of the caller, to whom it goes
                self._error = error
            self._exhausted = True
        return None

    def _fits(self, task: Task[T], room_bytes: float) -> bool:
        if task.peak_bytes > room_bytes:
            return False
        if self._budget_bytes is None or not self._under_way:
            return True
        if sum(self._under_way.values()) + task.peak_bytes > self._budget_bytes:
            return False
        first = self._held[0]
        beside = sum(self._overtaking.values()) + task.peak_bytes + first.peak_bytes
        return task is first or beside <= self._budget_bytes

    def _drawn(self, task: Task[T]) -> Task[T]:
        if task is self._held[0]:
            self._overtaking.clear()
        else:
            self._overtaking[task.index] = task.peak_bytes
        self._held.remove(task)
        self._under_way[task.index] = task.peak_bytes
        return task
