"""Threads in which one image may be done."""

from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

import cv2

from bgremove import machine


@contextmanager
def opencv_threads(count: int, cpus: int | None = None) -> Iterator[None]:
    """Let OpenCV, and what goes by its number of threads, use so many, on a machine with `cpus`, or as many."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(count)
    try:
        with mock.patch.object(machine, "usable_cpus", return_value=cpus or count):
            yield
    finally:
        cv2.setNumThreads(before)
