"""What a batch has to do, kept small: a million jobs are two paths each, and hundreds of bytes a path."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, overload

from bgremove.batch.job import Job
from bgremove.batch.sources import Source


class Jobs(Sequence[Job]):
    """Jobs that are made when they are looked at: only their sources are kept, until there is more to say of some.

    Parameters
    ----------
    items
        Sources, or jobs; kept as they are.
    make
        Gives the job of a source; not needed for jobs.
    """

    def __init__(self, items: Sequence[Source] | Sequence[Job], make: Callable[[Any], Job] = lambda job: job) -> None:
        self._items = items
        self._make = make
        self._order: Sequence[int] = range(len(items))
        """Which of the items are meant."""
        self._changed: Mapping[int, Job] = {}
        """What is meant instead of some of them."""

    def __len__(self) -> int:
        return len(self._order)

    @overload
    def __getitem__(self, index: int) -> Job: ...
    @overload
    def __getitem__(self, index: slice) -> Jobs: ...
    def __getitem__(self, index: int | slice) -> Job | Jobs:
        places = self._order[index]
        return self._job(places) if isinstance(places, int) else self._with(places, self._changed)

    def __iter__(self) -> Iterator[Job]:
        return map(self._job, self._order)

    def at(self, indices: Iterable[int]) -> Jobs:
        """Some of these jobs."""
        return self._with(array("q", (self._order[index] for index in indices)), self._changed)

    def replaced(self, changed: Mapping[int, Job]) -> Jobs:
        """The same with other jobs in some places."""
        return self._with(self._order, {**self._changed, **{self._order[index]: job for index, job in changed.items()}})

    def then(self, function: Callable[[Job], Job]) -> Jobs:
        """The same, each changed by `function` when it is made."""
        changed = {place: function(job) for place, job in self._changed.items()}
        return Jobs(self._items, lambda item: function(self._make(item)))._with(self._order, changed)

    def sources(self) -> Iterator[Source | Job]:
        """Where they come from, of which no job is made."""
        return (self._items[place] for place in self._order)

    def _job(self, place: int) -> Job:
        return self._changed.get(place) or self._make(self._items[place])

    def _with(self, order: Sequence[int], changed: Mapping[int, Job]) -> Jobs:
        jobs = Jobs(self._items, self._make)
        jobs._order, jobs._changed = order, changed
        return jobs
