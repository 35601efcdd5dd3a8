"""Bands of rows, and the threads that they are worked on in."""

import threading

import pytest

from bgremove.rows import bands_of, beside, in_threads
from tests.threads import opencv_threads


def threads_used(parts: int) -> set[str]:
    return set(in_threads(lambda _: threading.current_thread().name, range(parts)))


def test_bands_are_all_rows_in_their_order():
    for height, width in ((1, 1), (7, 3), (1000, 2999), (5, 10**7)):
        rows = [row for band in bands_of(height, width) for row in range(band.start, band.stop)]
        assert rows == list(range(height))


def test_two_threads_work_at_the_same_time_and_results_keep_their_order():
    both = threading.Barrier(2, timeout=60)

    def work(part):
        both.wait()  # for another thread, or it breaks
        return part * part

    with opencv_threads(2):
        assert in_threads(work, range(16)) == [part * part for part in range(16)]


def test_what_opencv_may_not_use_is_not_used():
    with opencv_threads(1):
        assert threads_used(100) == {threading.current_thread().name}


def test_no_more_threads_than_cpus():
    with opencv_threads(4, cpus=1):
        assert threads_used(100) == {threading.current_thread().name}


def test_few_parts_start_no_thread_and_none_is_left_behind():
    before = threading.active_count()
    with opencv_threads(4):
        assert threads_used(3) == {threading.current_thread().name}
        in_threads(str, range(100))
    assert threading.active_count() == before


def test_what_a_part_raises_is_raised():
    def work(part):
        if part == 50:
            raise ValueError("part 50")

    for threads in (1, 3):
        with opencv_threads(threads), pytest.raises(ValueError, match="part 50"):
            in_threads(work, range(100))


def test_work_beside_the_block_runs_at_the_same_time():
    both = threading.Barrier(2, timeout=60)
    with opencv_threads(2), beside(both.wait) as result:
        assert {both.wait(), result()} == {0, 1}


def test_with_one_thread_work_is_done_when_it_is_asked_for():
    done = []
    with opencv_threads(1):
        with beside(lambda: done.append("first")):
            pass
        assert not done
        with beside(lambda: done.append("second")) as result:
            result()
    assert done == ["second"]


@pytest.mark.parametrize("threads", [1, 2])
def test_what_work_beside_raises_is_raised_where_it_is_asked_for(threads):
    def fail():
        raise ValueError("beside")

    with opencv_threads(threads):
        with beside(fail):
            pass
        with pytest.raises(ValueError, match="beside"), beside(fail) as result:
            result()
