"""Bands of rows, and the threads that they are worked on in."""

import threading

import pytest

from bgremove.rows import bands_of, in_threads
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
