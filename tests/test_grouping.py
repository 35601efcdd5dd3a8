"""How many tasks go to a worker of Dask together."""

import time
from itertools import count

import pytest

from bgremove.errors import TaskError
from bgremove.strategies import Outcome, Task
from bgremove.strategies._admission import Admission
from bgremove.strategies._grouping import GROUP_S, Grouping, group_s_for


def took(seconds, count=1):
    return [Outcome(index=0, value=0, created_s=0, started_s=0, ended_s=seconds, received_s=seconds, worker=1)] * count


def endless():
    return Admission(Task(index, index, f"task {index}") for index in count())


def drawn(grouping, threads=2):
    items, outcomes = grouping.draw(threads)
    assert outcomes == []
    return len(items)


@pytest.mark.parametrize(("task_s", "size"), [(0.0001, 64), (0.02, 20), (0.3, 1), (3, 1)])
def test_a_group_is_as_much_work_as_pays_for_its_sending(task_s, size):
    grouping = Grouping(abs, endless())
    sizes = [drawn(grouping)]
    for _ in range(8):
        grouping.learn(took(task_s, sizes[-1]))
        sizes.append(drawn(grouping))
        assert sizes[-1] <= 2 * sizes[-2]
    assert sizes[0] == 1
    assert sizes[-1] == size
    assert size == 64 or size * task_s >= GROUP_S or (size + 1) * task_s > GROUP_S


def test_a_large_cluster_has_longer_groups_for_its_one_scheduler():
    assert group_s_for(2) == group_s_for(100) == GROUP_S
    grouping = Grouping(abs, endless())
    for _ in range(8):
        grouping.learn(took(0.1, drawn(grouping, threads=1000)))
    assert drawn(grouping, threads=1000) == 20


def test_tasks_that_fail_at_once_say_nothing_of_the_others():
    grouping = Grouping(abs, endless())
    drawn(grouping)
    error = Outcome(index=0, error=TaskError("x"), created_s=0, started_s=0, ended_s=0, received_s=0, worker=1)
    for _ in range(8):
        grouping.learn([error] * drawn(grouping))
    assert drawn(grouping) == 1


def test_tasks_that_come_slowly_are_not_waited_for():
    def slow():
        for task in iter(endless().draw, None):
            time.sleep(GROUP_S / 2)
            yield task

    grouping = Grouping(abs, Admission(slow()))
    for size in (1, 2, 4, 8):
        grouping.learn(took(0, size))
    assert 1 <= drawn(grouping) <= 3


def test_large_tasks_go_alone():
    grouping = Grouping(len, Admission(Task(index, bytes(2_000_000), "") for index in range(3)))
    grouping.learn(took(0, 8))
    assert [drawn(grouping) for _ in range(4)] == [1, 1, 1, 0]
    assert grouping.ended


def test_what_comes_back_is_drawn_first_and_what_cannot_be_sent_has_an_error():
    grouping = Grouping(abs, Admission([Task(0, 0, "good"), Task(1, lambda: 0, "bad")]))
    ((item,), _) = grouping.draw(1)
    grouping.put_back(item)
    grouping.learn(took(0, 8))
    (again,), (failed,) = grouping.draw(1)
    assert again is item
    assert isinstance(failed.error, TaskError)
    assert (failed.index, grouping.ended) == (1, True)


def test_what_has_no_room_waits_and_is_overtaken_whether_new_or_come_back():
    weights = [6, 5, 1, 1, 7]
    grouping = Grouping(abs, Admission(Task(index, index, "", weight) for index, weight in enumerate(weights)))
    [large], _ = grouping.draw(2)
    grouping.put_back(large)
    assert [grouping.draw(2, 4)[0][0].job[0].index for _ in range(2)] == [2, 3]
    assert grouping.draw(2, 4) == ([], [])
    assert not grouping.ended
    assert [grouping.draw(2)[0][0].job[0].index for _ in range(3)] == [0, 1, 4]
    assert grouping.draw(2) == ([], [])
    assert grouping.ended


def test_the_last_one_that_came_back_waits_for_room():
    grouping = Grouping(abs, Admission([Task(0, 0, "", 6)]))
    [last], _ = grouping.draw(2)
    assert grouping.draw(2) == ([], [])
    grouping.put_back(last)
    assert grouping.draw(2, 4) == ([], [])
    assert not grouping.ended
    assert grouping.draw(2) == ([last], [])
