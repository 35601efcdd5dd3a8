"""What a batch has to do, kept small: a million jobs are two paths each, and hundreds of bytes a path."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import overload

from bgremove.batch.job import Job
from bgremove.batch.sources import Source
from bgremove.url import Location


class Jobs(Sequence[Job]):
    """Jobs that are made when they are looked at: of each, only the source is kept, until there is more to say of it.

    Parameters
    ----------
    items
        Sources and jobs, in the order of the jobs.
    make
        Gives the job of a source; not needed if there are only jobs.
    """

    def __init__(self, items: Iterable[Source | Job], make: Callable[[Source], Job] | None = None) -> None:
        self.items = list(items)
        self._make = make

    def __len__(self) -> int:
        return len(self.items)

    @overload
    def __getitem__(self, index: int) -> Job: ...
    @overload
    def __getitem__(self, index: slice) -> Jobs: ...
    def __getitem__(self, index: int | slice) -> Job | Jobs:
        return self.of(self.items[index]) if isinstance(index, slice) else self._job(self.items[index])

    def __iter__(self) -> Iterator[Job]:
        return map(self._job, self.items)

    def of(self, items: Iterable[Source | Job]) -> Jobs:
        """The jobs of other items, or of some of these."""
        return Jobs(items, self._make)

    def replaced(self, changed: Mapping[int, Job]) -> Jobs:
        """The same with other jobs in some places."""
        return self.of(changed.get(index, item) for index, item in enumerate(self.items))

    def then(self, function: Callable[[Job], Job]) -> Jobs:
        """The same, each changed by `function` when it is made."""
        return Jobs(
            [function(item) if isinstance(item, Job) else item for item in self.items],
            lambda source: function(self._job(source)),
        )

    def places(self) -> Iterator[Location]:
        """Where the sources are: a file in a store, or a folder here."""
        return (item.source if isinstance(item, Job) else item.place for item in self.items)

    def _job(self, item: Source | Job) -> Job:
        if isinstance(item, Job):
            return item
        assert self._make is not None, "there are sources, and nothing to make jobs of them"  # noqa: S101
        return self._make(item)
