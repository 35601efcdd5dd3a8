"""Tasks, values and runs that fail or are broken off: nothing but what they concern is lost."""

import pytest

from bgremove.errors import BgremoveError, UsageError
from bgremove.strategies import Task, make_strategy
from tests.strategy_runs import nap, run

PROCESSES = ["pool", "processes"]


class Unpicklable:
    def __reduce__(self):
        raise ValueError("stay here")


class Unloadable:
    def __reduce__(self):
        return int, ("not a number",)


class MuteError(Exception):
    def __str__(self):
        raise ValueError("no words")


class TwoArgumentsError(BgremoveError):
    def __init__(self, first, second):
        super().__init__(f"{first} and {second}")


def make(kind):
    if issubclass(kind, TwoArgumentsError):
        raise kind(1, 2)
    if issubclass(kind, Exception):
        raise kind
    return kind()


@pytest.mark.parametrize("name", PROCESSES)
def test_values_errors_and_results_that_do_not_cross_are_errors_of_their_own_task(name):
    with make_strategy(name, workers=2) as strategy:
        outcomes = run(strategy, make, [Unpicklable, Unloadable, MuteError, TwoArgumentsError, MemoryError, int])
        assert "result cannot be pickled: ValueError: stay here" in str(outcomes[0].error)
        assert "result cannot be unpickled: ValueError" in str(outcomes[1].error)
        assert str(outcomes[2].error).startswith("MuteError: ")
        assert "result cannot be unpickled" in str(outcomes[3].error)
        assert str(outcomes[4].error).startswith("MemoryError")
        assert outcomes[5].value == 0
        outcomes = run(strategy, nap, [Unpicklable(), Unloadable(), 0])
        assert "task cannot be pickled" in str(outcomes[0].error)
        assert "task cannot be unpickled in the worker" in str(outcomes[1].error)
        assert outcomes[2].error is None


@pytest.mark.parametrize("name", ["threads", *PROCESSES])
def test_an_error_among_the_tasks_or_of_the_consumer_stops_the_run(name):
    def tasks():
        yield Task(0, 0.1, "first")
        raise OSError("no more tasks")

    with make_strategy(name, workers=2) as strategy:
        with pytest.raises(OSError, match="no more tasks"):
            list(strategy.run(nap, tasks()))
        assert run(strategy, nap, [0])[0].error is None


@pytest.mark.parametrize("name", ["sequential", "threads", *PROCESSES])
def test_a_run_ends_with_its_strategy(name):
    with make_strategy(name) as strategy:
        outcomes = strategy.run(nap, [Task(index, 0, "") for index in range(30)])
        next(outcomes)
        with pytest.raises(UsageError, match="running already"):
            strategy.run(nap, [])
    with pytest.raises(UsageError, match="left before"):
        list(outcomes)


def test_a_thousand_tasks_are_drawn_as_needed():
    drawn = []

    def tasks():
        for index in range(1000):
            drawn.append(index)
            yield Task(index, 0, "")

    for name in ("threads", *PROCESSES):
        drawn.clear()
        with make_strategy(name, workers=2) as strategy:
            for count, _ in enumerate(strategy.run(abs, tasks()), 1):
                assert len(drawn) <= count + 4
        assert len(drawn) == 1000


def no_memory(value):
    if value == 1:
        raise MemoryError
    return value


@pytest.mark.parametrize("name", ["sequential", "threads", "processes"])
def test_a_task_without_memory_costs_itself_and_says_so(name):
    with make_strategy(name, workers=None if name == "sequential" else 1) as strategy:
        outcomes = run(strategy, no_memory, [0, 1, 2])
    assert str(outcomes[1].error) == "MemoryError: there is not enough memory"
    assert [outcomes[0].value, outcomes[2].value] == [0, 2]
