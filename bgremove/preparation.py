"""What makes a process ready to cut images out, so that no image has to wait for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

import cv2
import numpy as np

from bgremove import matting
from bgremove.engines import Model, make_engine, model_threads, warm_up_log_odds, warm_up_overlap
from bgremove.formats import decode, encode
from bgremove.machine import usable_cpus
from bgremove.overrides import Override
from bgremove.storage import load_store

_KEPT_BYTES = 2**25 - 2**16
"""The GNU C library learns from what is freed: blocks of up to the size of the largest one, and 32 MB at most, it then
takes from memory that it keeps, instead of having the system clear pages and take them back for each image; it keeps
twice as much at most (mallopt(3), M_MMAP_THRESHOLD). Nothing is written to this one, so it takes no memory itself."""
_opencv_threads = Override(cv2.getNumThreads, cv2.setNumThreads)


@dataclass(frozen=True, slots=True)
class Preparation:
    """Enters a worker: OpenCV's threads set, all it will run imported, compiled and run once. Left, all is put back.

    `threads` is the number of threads that OpenCV, and a model, may use in this process; None leaves them free.
    """

    engine: str
    model: Model | None = None
    threads: int | None = 1
    edge: str = "hard"
    stores: tuple[str, ...] = ()
    """Which will be read from or written to."""

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """See the class."""
        limited = nullcontext() if self.threads is None else _opencv_threads(self.threads)
        with limited, model_threads(self.threads or usable_cpus()):
            self.load()
            if self.model is not None:
                make_engine(self.engine, self.model).warm_up()
            yield

    def load(self) -> None:
        """Import, compile and run once all that a worker will run, in one thread; see `WorkerContext`."""
        np.empty(_KEPT_BYTES, np.uint8)
        with _opencv_threads(1):
            decode(encode(np.zeros((2, 2, 3), np.uint8)))  # the first of each loads what knows the formats
            # The runtime of models starts threads. What refines their edges are kernels of `multiscale`.
            make_engine(self.engine if self.model is None else "multiscale").warm_up()
            warm_up_log_odds()  # doubts about masks are founded on these two
            warm_up_overlap()
            if self.edge == "soft":
                matting.warm_up()
            for store in self.stores:
                load_store(store)
