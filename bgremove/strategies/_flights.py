"""The tasks in flight: taken from the caller, not yet given back as outcomes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Generic, TypeVar

from bgremove.strategies import Outcome, Task
from bgremove.strategies._attempt import Attempt

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class Flight(Generic[T]):
    """One task on its way."""

    task: Task[T]
    line: int
    """Its line on the `Board`, its own as long as it flies."""
    created_s: float


class Flights(Generic[T]):
    """At most `lines` tasks in flight at a time, so that a million tasks need the memory of a few."""

    def __init__(self, tasks: Iterable[Task[T]], lines: int) -> None:
        self._tasks = iter(tasks)
        self._free = list(range(lines))
        self._flying: dict[int, Flight[T]] = {}

    def __len__(self) -> int:
        return len(self._flying)

    def __iter__(self) -> Iterator[Flight[T]]:
        return iter(list(self._flying.values()))

    def __contains__(self, flight: Flight[T]) -> bool:
        return self._flying.get(flight.line) is flight

    def departures(self) -> Iterator[Flight[T]]:
        """New flights, as many as there is room for."""
        while self._free:
            task = next(self._tasks, None)
            if task is None:
                return
            line = self._free.pop()
            flight = self._flying[line] = Flight(task, line, perf_counter())
            yield flight

    def land(self, flight: Flight[T], attempt: Attempt[Any]) -> Outcome[Any]:
        """The outcome of a flight, which is over."""
        del self._flying[flight.line]
        self._free.append(flight.line)
        return attempt.outcome(flight.task, flight.created_s)

    def grounded(self) -> Iterator[Flight[T]]:
        """Every flight still in the air, then every task that never took off, each to be landed before the next."""
        yield from self
        while True:
            flight = next(self.departures(), None)
            if flight is None:
                return
            yield flight
