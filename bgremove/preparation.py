"""What makes a process ready to cut images out, so that no image has to wait for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import cv2
import numpy as np

from bgremove import matting
from bgremove.engines import make_engine
from bgremove.formats import decode, encode


@dataclass(frozen=True, slots=True)
class Preparation:
    """Enters a worker: OpenCV's threads set, all it will run imported, compiled and run once. Left, all is put back.

    `threads` is the number of threads that OpenCV may use in this process; None leaves its own choice.
    """

    engine: str
    threads: int | None = 1
    edge: str = "hard"

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """See the class."""
        with _opencv_threads(self.threads):
            self.load()
            yield

    def load(self) -> None:
        """Import, compile and run once all that a worker will run, in one thread; see `WorkerContext`."""
        with _opencv_threads(1):
            decode(encode(np.zeros((2, 2, 3), np.uint8)))  # the first of each loads what knows the formats
            make_engine(self.engine).warm_up()
            if self.edge == "soft":
                matting.warm_up()


@contextmanager
def _opencv_threads(count: int | None) -> Iterator[None]:
    before = cv2.getNumThreads()
    if count is not None:
        cv2.setNumThreads(count)
    try:
        yield
    finally:
        cv2.setNumThreads(before)
