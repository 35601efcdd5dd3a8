"""Runs of a strategy of which every outcome is looked at, and a task for them."""

import os
import time

from bgremove.strategies import Task


def run(strategy, function, values):
    tasks = [Task(index, value, f"task {index}") for index, value in enumerate(values)]
    outcomes = {}
    for outcome in strategy.run(function, tasks):
        assert outcome.index not in outcomes
        assert outcome.created_s <= outcome.started_s <= outcome.ended_s <= outcome.received_s
        outcomes[outcome.index] = outcome
    assert sorted(outcomes) == list(range(len(tasks)))
    return outcomes


def nap(seconds):
    time.sleep(seconds)
    return os.getpid()
