"""A cluster of Dask: workers on this machine, or on many that share a file system.

Tasks are sent in groups, each to one worker that it is meant for. So Dask runs no group anew of its own accord, and
what happens to a worker is counted here: its loss costs an attempt of the tasks that it was doing, and no others.
"""

from __future__ import annotations

import pickle
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from queue import Empty
from time import perf_counter
from typing import TYPE_CHECKING, Any, TypeVar

from bgremove.errors import BgremoveError, NotRunError, WorkerLostError
from bgremove.strategies._admission import Admission
from bgremove.strategies._cluster import WORKERLESS_S, connected
from bgremove.strategies._grouping import Again, Grouping, Item
from bgremove.strategies._launch import check_guard, check_script
from bgremove.strategies._worker import as_task_error, failed, outcome_of, pack, unpack
from bgremove.strategies.base import Strategy
from bgremove.strategies.task import Outcome

if TYPE_CHECKING:
    from bgremove.strategies._dask_cluster import Cluster, DaskWorker, SentGroup

T = TypeVar("T")
R = TypeVar("R")

_LOOK_S = 1.0
"""How long no news may come before the scheduler is looked at."""
_DEATHS = 2
"""Workers that a task may cost before it is set aside."""
_FUTILE = 8
"""Workers in a row, and at least two for each that is left, that may be lost before no other is tried."""


class Dask(Strategy):
    """Goes on when workers are lost, and tries what they did once more."""

    name = "dask"
    in_this_process = False
    joins_cluster = True
    extra = "dask"

    _cluster: Cluster
    _grouping: Grouping
    _function: Callable[..., object]
    _run_number = 0
    _stopping = False
    """Whether tasks of an abandoned run may still be under way."""
    _futile = 0
    """How many workers in a row were lost."""
    _workerless_since_s = 0.0
    _hopeless = ""
    """Why no other task is sent, if so."""

    def _open(self, stack: ExitStack) -> None:
        if self._scheduler is None:
            check_guard()
            check_script()
        from bgremove.strategies._dask_cluster import Cluster  # noqa: PLC0415 - asyncio, for those who use Dask

        self._suspects: deque[Item] = deque()
        """Tasks that have cost a worker; each goes alone to a worker that has nothing else."""
        client = stack.enter_context(connected(self._scheduler, self.workers))
        self._cluster = Cluster(client, pickle.dumps(self._worker_context, pickle.HIGHEST_PROTOCOL))
        stack.callback(self._leave)
        self.workers = self._cluster.threads

    def _start(self, function: Callable[..., object] | None) -> None:
        self._stop_running()
        for address, failure in self._cluster.prepare(pickle.dumps(function, pickle.HIGHEST_PROTOCOL)):
            if isinstance(failure, BgremoveError):
                raise failure
            if failure is not None:
                raise WorkerLostError(f"{address}: the worker was lost before it could take a task ({failure})")

    def _outcomes(self, function: Callable[[T], R], tasks: Admission[T]) -> Generator[Outcome[R], None, None]:
        self._stop_running()
        self._run_number += 1
        self._grouping, self._function = Grouping(function, tasks), function
        self._futile, self._hopeless, self._workerless_since_s = 0, "", perf_counter()
        try:
            while True:
                yield from self._hand_out()
                if self._grouping.ended and not self._suspects and not self._cluster.groups:
                    return
                yield from self._hear()
        finally:
            self._abandon()

    def _hand_out(self) -> Iterator[Outcome[Any]]:
        """Give workers what they have room for; the outcomes of what cannot be given."""
        if self._hopeless:
            yield from self._not_run()
            return
        self._cluster.reserve(len(self._suspects))
        threads = self._cluster.threads
        for worker in list(self._cluster.workers.values()):
            if worker.reserved:
                if not worker.groups and self._suspects:
                    self._cluster.send(worker, [self._suspects.popleft()], self._run_number)
                continue
            while len(worker.groups) < 2 * worker.threads and not self._grouping.ended:
                items, outcomes = self._grouping.draw(threads, worker.room_bytes)
                if items:
                    self._cluster.send(worker, items, self._run_number)
                yield from outcomes
                if not items and not outcomes:
                    break  # those that are left wait for memory

    def _not_run(self) -> Iterator[Outcome[Any]]:
        """The outcomes of all that no worker has now."""
        while self._suspects or not self._grouping.ended:
            items, outcomes = ([self._suspects.popleft()], []) if self._suspects else self._grouping.draw(1)
            yield from outcomes
            for item in items:
                yield failed(item.job, NotRunError(f"{item.job[0].name}: not run, because {self._hopeless}"))

    def _hear(self) -> Iterator[Outcome[Any]]:
        """Wait for news; what became of tasks by that."""
        try:
            news = self._cluster.news.get(timeout=_LOOK_S)
        except Empty:
            yield from self._look()
            return
        with suppress(Empty):
            while True:
                yield from self._learn(*news)
                news = self._cluster.news.get_nowait()

    def _learn(self, what: SentGroup | float, content: Any) -> Sequence[Outcome[Any]]:
        if not isinstance(what, float):
            return self._answered(what, content) if what in what.worker.groups else ()
        match content:
            case {"action": "add-worker", "worker": address}:
                self._cluster.admit([address])
            case {"action": "remove-worker", "worker": address} if address in self._cluster.workers:
                return self._lose(self._cluster.workers.pop(address), content)
        return ()

    def _answered(self, group: SentGroup, answers: Any) -> Sequence[Outcome[Any]]:
        received_s = perf_counter()
        if answers is None:
            return self._disconnected(group)
        group.worker.groups.remove(group)
        if isinstance(answers, Exception):
            error = as_task_error(answers, "the tasks cannot be sent to the worker")
            return [failed(item.job, error) for item in group.items]
        self._futile = 0
        packed, their_s = answers
        outcomes = []
        for item, answer in zip(group.items, packed, strict=True):
            outcome = _by_our_clock(outcome_of(unpack(answer), item.job), received_s - their_s, received_s)
            outcomes.append(replace(outcome, attempts=item.attempts))
        self._grouping.learn(outcomes)
        return outcomes

    def _lose(self, worker: DaskWorker, event: Mapping[str, Any]) -> list[Outcome[Any]]:
        """What becomes of the tasks of a worker that is lost: the outcomes of those that have cost too many."""
        lost, worker.groups = worker.groups, []  # what still comes of them is not heard
        begun = [group for group in lost if group.key in event["processing-tasks"]][: worker.threads]
        done = [group for group in lost if group.key in event["lost-computed-tasks"]]
        blamed = [] if event["expected"] else begun
        outcomes = []
        for group in lost:
            for item in group.items:
                item.payload = pack(Again(self._function), item.job)
                item.attempts += group in begun or group in done
                item.deaths += group in blamed
                if group not in blamed:
                    self._grouping.put_back(item)
                elif item.deaths < _DEATHS:
                    self._suspects.append(item)
                else:
                    outcomes.append(_set_aside(item, worker.address))
        self._cluster.cancel(lost)
        self._futile += bool(blamed)
        if self._futile >= max(_FUTILE, 2 * len(self._cluster.workers)):
            self._hopeless = f"no worker can be kept alive: {worker.address} was the last of {self._futile} lost"
        return outcomes

    def _look(self) -> list[Outcome[Any]]:
        """After a while without news: end the run if none can come any more."""
        if self._cluster.closed:
            return [each for group in self._cluster.groups for each in self._disconnected(group)]
        if self._cluster.workers:
            self._workerless_since_s = perf_counter()
        elif perf_counter() - self._workerless_since_s > WORKERLESS_S:
            self._hopeless = f"the scheduler has had no worker for {WORKERLESS_S:g} s"
        return []

    def _disconnected(self, group: SentGroup) -> list[Outcome[Any]]:
        self._hopeless = "the connection to the scheduler is lost"
        group.worker.groups.remove(group)
        words = f"not known to be done, because {self._hopeless}"
        return [failed(item.job, NotRunError(f"{item.job[0].name}: {words}")) for item in group.items]

    def _abandon(self) -> None:
        """Forget what is not done. Workers that are not ours end what they are doing first."""
        if not self._owned:
            return
        self._suspects.clear()
        if groups := self._cluster.groups:
            for worker in self._cluster.workers.values():
                worker.groups, worker.reserved = [], False
            self._cluster.cancel(groups)
            self._stopping = True
            if self._scheduler is not None:
                self._stop_running()

    def _stop_running(self) -> None:
        """Wait for the tasks of abandoned runs that are under way, and hear which workers have come and gone."""
        if self._stopping:
            self._cluster.stop(self._run_number)
            self._stopping = False
        with suppress(Empty):
            while True:
                self._learn(*self._cluster.news.get_nowait())

    def _leave(self) -> None:
        if self._owned:
            self._cluster.close()
            if self._scheduler is not None:
                self._cluster.leave()


def _set_aside(item: Item, address: str) -> Outcome[Any]:
    words = f"worker {address} was lost while it ran this task, as was one before it"
    error = WorkerLostError(f"{item.job[0].name}: {words}; it is set aside")
    return replace(failed(item.job, error), attempts=item.deaths)


def _by_our_clock(outcome: Outcome[Any], ahead_s: float, received_s: float) -> Outcome[Any]:
    """The clocks of two machines differ: moments of a worker's, as if its answers had taken no time."""
    if not outcome.worker:  # never started: told by our clock
        return outcome
    started_s = max(outcome.created_s, outcome.started_s + ahead_s)
    ended_s = max(started_s, min(outcome.ended_s + ahead_s, received_s))
    return replace(outcome, started_s=started_s, ended_s=ended_s, received_s=max(ended_s, outcome.received_s))
