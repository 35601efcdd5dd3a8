"""Workers of a cluster have as many tasks at a time as their memory limit has room for."""

import time

import pytest

from bgremove.strategies import Task, make_strategy
from bgremove.strategies._dask_cluster import DaskWorker, SentGroup
from bgremove.strategies._grouping import Item
from tests.dask_cluster import DaskCluster

MEGABYTE = 1_000_000


def worker_with(*groups, threads=2, budget_bytes=10):
    worker = DaskWorker("tcp://here", threads, budget_bytes)
    worker.groups = [
        SentGroup([Item((Task(0, 0, "", peak), 0.0), b"") for peak in group], "", None, worker) for group in groups
    ]
    return worker


@pytest.mark.parametrize(
    ("worker", "room_bytes"),
    [
        (worker_with(), float("inf")),
        (worker_with([20], threads=1), float("inf")),
        (worker_with([3, 6]), 4),
        (worker_with([2], [6], [1]), 4),
        (worker_with([2], [6], [1], threads=3), 2),
        (worker_with([20]), -10),
    ],
    ids=["idle", "of one thread", "a group of two", "the largest runs beside it", "three at a time", "too large"],
)
def test_room_is_what_the_largest_that_may_run_at_a_time_leave(worker, room_bytes):
    assert worker.room_bytes == room_bytes


def nap(seconds):
    started_s = time.monotonic()
    time.sleep(seconds)
    return started_s, time.monotonic()


def most_bytes(spans, weights):
    """The largest sum of weights that ran at one moment."""
    begun = [(started_s, weight) for (started_s, _), weight in zip(spans, weights, strict=True)]
    ended = [(ended_s, -weight) for (_, ended_s), weight in zip(spans, weights, strict=True)]
    under_way = most = 0
    for _, weight in sorted(begun + ended):
        under_way += weight
        most = max(most, under_way)
    return most


@pytest.mark.whole_run
def test_large_tasks_run_fewer_at_a_time_than_small_ones(tmp_path, environment):
    # 0.8 of 1 GB, less 0.3 for the worker itself
    weights = [200 * MEGABYTE] * 5 + [900 * MEGABYTE] + [MEGABYTE] * 30
    cluster = DaskCluster(tmp_path, environment, threads=[4], memory_limit="1 GB")
    try:
        with make_strategy("dask", scheduler=str(cluster.file)) as strategy:
            tasks = (Task(index, 0.1, f"task {index}", weight) for index, weight in enumerate(weights))
            spans = {outcome.index: outcome.value for outcome in strategy.run(nap, tasks)}
    finally:
        cluster.stop()
    assert sorted(spans) == list(range(len(weights)))
    largest = spans.pop(5)
    assert all(ended_s <= largest[0] or started_s >= largest[1] for started_s, ended_s in spans.values())
    del weights[5]
    assert most_bytes([spans[index] for index in sorted(spans)], weights) <= 500 * MEGABYTE
