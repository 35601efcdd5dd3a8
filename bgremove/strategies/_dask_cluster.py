"""The workers of a cluster of Dask, as the client knows them: what each has, and what is heard of them."""

from __future__ import annotations

import asyncio
import concurrent.futures
import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any
from uuid import uuid4
from warnings import warn

from bgremove.errors import ClusterError
from bgremove.strategies import _dask_worker as remote
from bgremove.strategies._grouping import Item

if TYPE_CHECKING:
    from distributed import Client, Future

_CANCELLED = (asyncio.CancelledError, concurrent.futures.CancelledError)
"""What is raised for a group that was cancelled: by us, or because the connection is lost."""


@dataclass(eq=False, slots=True)
class SentGroup:
    """Tasks that were sent to a worker together."""

    items: list[Item]
    key: str
    future: Future[Any] | None
    """Until it is finished."""
    worker: DaskWorker

    @property
    def peak_bytes(self) -> int:
        """Memory that it takes, whose tasks run one by one."""
        return max(item.peak_bytes for item in self.items)


@dataclass(eq=False, slots=True)
class DaskWorker:
    """A worker of Dask."""

    address: str
    threads: int
    budget_bytes: float
    """Memory that tasks may take together."""
    groups: list[SentGroup] = field(default_factory=list)
    """What it has, in the order in which it does it."""
    reserved: bool = False
    """Whether it is for one task that has cost a worker before, and nothing beside that."""

    @property
    def room_bytes(self) -> float:
        """Memory that a further task may take, beside the largest of those that may run with it; alone any."""
        if not self.groups or self.threads == 1:
            return math.inf
        largest = sorted((group.peak_bytes for group in self.groups), reverse=True)
        return self.budget_bytes - sum(largest[: self.threads - 1])


class Cluster:
    """Workers that groups of tasks are sent to, each to the one that it is meant for."""

    def __init__(self, client: Client, worker_context: bytes) -> None:
        """Raises `ClusterError` if there is a worker that cannot be used."""
        self._client = client
        self._session = uuid4().hex
        self._worker_context = worker_context
        self.workers: dict[str, DaskWorker] = {}
        self.news: SimpleQueue[tuple[Any, Any]] = SimpleQueue()
        """As they come: a time and an event of the scheduler, or a group and its answers, None if it was cancelled."""
        client.subscribe_topic("all", self.news.put)
        self.admit(None)

    @property
    def threads(self) -> int:
        """How many groups run at a time."""
        return sum(worker.threads for worker in self.workers.values())

    @property
    def groups(self) -> list[SentGroup]:
        """All that workers have."""
        return [group for worker in self.workers.values() for group in worker.groups]

    @property
    def closed(self) -> bool:
        """Whether the scheduler is gone."""
        return self._client.status == "closed"

    def admit(self, addresses: list[str] | None) -> None:
        """Use these workers, or all there are. Raises `ClusterError` if one of those has other versions."""
        own = remote.versions()
        for address, found in self._run_on(addresses, remote.describe):
            reason = ""
            if isinstance(found, Exception):
                reason = f"bgremove cannot be used there ({type(found).__name__}: {found})"
            else:
                theirs = found.versions
                names = remote.differing(own, theirs)
                reason = "; ".join(f"{name} is {theirs.get(name)} there and {own.get(name)} here" for name in names)
            if not reason:
                self.workers[address] = DaskWorker(address, found.threads, found.budget_bytes)
            elif addresses is None:
                raise ClusterError(f"worker {address}: {reason}; all must be the same, for the same bytes are promised")
            else:
                warn(f"worker {address} has come and is not used: {reason}", RuntimeWarning, stacklevel=2)

    def prepare(self, function: bytes) -> list[tuple[str, Any]]:
        """Have every worker enter the worker context; by address None, or why it cannot."""
        return self._run_on(list(self.workers), remote.prepare, self._session, self._worker_context, function)

    def send(self, worker: DaskWorker, items: list[Item], run: int) -> None:
        """Send tasks; the answers come as news."""
        group = remote.Group(self._session, self._worker_context, run, [item.payload for item in items])
        key = f"bgremove-{uuid4().hex}"
        future = self._client.submit(
            group, key=key, workers=[worker.address], allow_other_workers=False, pure=False,
            fifo_timeout=0,
        )  # fmt: skip
        sent = SentGroup(items, key, future, worker)
        worker.groups.append(sent)
        self._client.loop.add_callback(self._fetch, sent)  # type: ignore[union-attr]

    def reserve(self, suspects: int) -> None:
        """Let as many workers become idle as there are tasks that want one for themselves."""
        reserved = [worker for worker in self.workers.values() if worker.reserved]
        if not suspects and not reserved:
            return
        at_work = sum(any(item.deaths for item in group.items) for worker in reserved for group in worker.groups)
        missing = suspects + at_work - len(reserved)
        for worker in sorted(self.workers.values(), key=lambda each: len(each.groups)):
            if missing > 0 and not worker.reserved:
                worker.reserved = True
                missing -= 1
            elif missing < 0 and worker.reserved and not worker.groups:
                worker.reserved = False
                missing += 1

    def cancel(self, groups: Sequence[SentGroup]) -> None:
        """Have groups not begun, if they are not yet."""
        with suppress(OSError, *_CANCELLED):
            self._client.cancel([group.future for group in groups if group.future is not None], force=True)

    def stop(self, run: int) -> None:
        """Wait for the tasks that are under way of runs up to this one; the rest of their groups is not begun."""
        self._run_on(list(self.workers), remote.stop, self._session, run)

    def leave(self) -> None:
        """Leave the worker contexts; the workers are not ours."""
        self._run_on(list(self.workers), remote.leave, self._session)

    def close(self) -> None:
        """Hear no more."""
        if self._client.status == "running":
            self._client.unsubscribe_topic("all")

    async def _fetch(self, group: SentGroup) -> None:
        """Wait for the answers to a group, in the client's thread."""
        from distributed.scheduler import KilledWorker  # noqa: PLC0415 - is loaded already

        answers: Any
        try:
            answers = await self._client.gather(group.future, asynchronous=True)
        except KilledWorker:  # where Dask allows no failures; that the worker is lost is news of its own
            return
        except _CANCELLED:
            answers = None
        except Exception as error:  # noqa: BLE001 - told as the outcome of each task
            answers = error
        finally:
            group.future = None  # it ends here: where its end is interrupted by Ctrl-C, that is lost
        self.news.put((group, answers))

    def _run_on(
        self, addresses: list[str] | None, function: Callable[..., Any], *arguments: Any
    ) -> list[tuple[str, Any]]:
        """What a function gives on these workers, or on all: by address a value, or the error."""
        if self._client.status != "running":
            return []
        with suppress(OSError, *_CANCELLED):  # the connection has just been lost, which will be found
            return list((self._client.run(function, *arguments, workers=addresses, on_error="return") or {}).items())
        return []
