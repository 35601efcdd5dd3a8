"""Shared memory in which a worker writes what it is doing, so that it can be read after the worker's death."""

from __future__ import annotations

from typing import Any, NamedTuple


class Line(NamedTuple):
    """What is known of one task in flight."""

    worker: int
    """Process id of the worker that took the task; 0 as long as none did."""
    started_s: float
    ended_s: float
    """When the worker had the result; 0 before."""


class Board:
    """One line for every task in flight.

    Without locks, since a worker that is killed while it holds one would stop all others: only the worker that has
    the task writes to its line, and this process only between flights.
    """

    def __init__(self, context: Any, lines: int) -> None:
        self._workers = context.RawArray("q", lines)
        self._times = context.RawArray("d", 2 * lines)
        self._ready_s = context.RawArray("d", 1)
        self._given_up = context.RawArray("b", 1)

    def clear(self, line: int) -> None:
        """Prepare a line for its next task."""
        self._workers[line] = 0
        self._times[2 * line] = self._times[2 * line + 1] = 0.0

    def start(self, line: int, worker: int, started_s: float) -> None:
        """Written by the worker that takes the task."""
        self._times[2 * line] = started_s
        self._workers[line] = worker

    def end(self, line: int, ended_s: float) -> None:
        """Written by the worker before it sends the result."""
        self._times[2 * line + 1] = ended_s

    def read(self, line: int) -> Line:
        """What the worker wrote last."""
        return Line(self._workers[line], self._times[2 * line], self._times[2 * line + 1])

    def taken(self, lines: int) -> bool:
        """Whether each of the first `lines` lines has a worker."""
        return all(self._workers[:lines])

    @property
    def ready_s(self) -> float:
        """When the worker that was prepared last was; 0 before the first."""
        return float(self._ready_s[0])

    @ready_s.setter
    def ready_s(self, value: float) -> None:
        self._ready_s[0] = value

    @property
    def given_up(self) -> bool:
        """Set to end a warm-up that cannot be completed."""
        return bool(self._given_up[0])

    @given_up.setter
    def given_up(self, value: bool) -> None:
        self._given_up[0] = value
