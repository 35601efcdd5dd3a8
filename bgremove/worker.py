"""What runs inside a worker: its preparation, and the whole way of one file."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from bgremove import edges
from bgremove.engines import DEFAULT_ENGINE, make_engine
from bgremove.errors import OutputError
from bgremove.images import DEFAULT_MAX_PIXELS, decode, read
from bgremove.outputs import encode, flatten, write
from bgremove.paths import display_name
from bgremove.remove import Cutout, segment
from bgremove.types import GrabCutSettings, Rect

EMITS = ("cutout", "mask")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What is done to every image of a batch; two equal recipes give equal files.

    `background`, BGR, fills the cutout where the object is not; None leaves it transparent. Raises `UsageError` for an
    `edge` that is unknown, or soft without PyMatting.
    """

    engine: str = DEFAULT_ENGINE
    margin: float = 0.05
    settings: GrabCutSettings = GrabCutSettings()
    emit: tuple[str, ...] = ("cutout",)
    format: str = "png"
    background: tuple[int, int, int] | None = None
    max_pixels: int = DEFAULT_MAX_PIXELS
    edge: str = "hard"

    def __post_init__(self) -> None:
        edges.check_edge(self.edge)


@dataclass(frozen=True, slots=True)
class Job:
    """One file to do: where it is, its rect if it has one, and the file that each emitted kind goes to."""

    source: Path
    outputs: dict[str, Path]
    rect: Rect | None = None
    overwrite: bool = False


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds that one image took, by stage."""

    read_s: float
    segment_s: float
    write_s: float


@dataclass(frozen=True, slots=True)
class Done:
    """What a worker sends back of one file: small, whatever the size of the image."""

    times: Times
    warnings: tuple[str, ...]


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
                edges.warm_up()


@contextmanager
def _opencv_threads(count: int | None) -> Iterator[None]:
    before = cv2.getNumThreads()
    if count is not None:
        cv2.setNumThreads(count)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


def cut_file(job: Job, recipe: Recipe) -> tuple[Cutout, Times]:
    """Read, segment and write one file; every error that names a reason is a `BgremoveError`."""
    start = time.perf_counter()
    photo = read(job.source, max_pixels=recipe.max_pixels)
    decoded = time.perf_counter()
    cutout = segment(photo, job.rect, recipe.margin, None, recipe.settings, recipe.engine, recipe.edge)
    segmented = time.perf_counter()
    for kind, path in job.outputs.items():
        _make_folder(path.parent)
        write(path, _pixels(cutout, kind, recipe), file_format=recipe.format, overwrite=job.overwrite)
    written = time.perf_counter()
    return cutout, Times(decoded - start, segmented - decoded, written - segmented)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{display_name(folder)}: the folder cannot be made ({error.strerror})") from error


def _pixels(cutout: Cutout, kind: str, recipe: Recipe) -> np.ndarray:
    if kind == "mask":
        return cutout.foreground.view(np.uint8) * np.uint8(255)
    return cutout.image if recipe.background is None else flatten(cutout.image, recipe.background)


@dataclass(frozen=True, slots=True)
class FileWorker:
    """The function that a batch runs over its jobs."""

    recipe: Recipe

    def __call__(self, job: Job) -> Done:
        """Do one file; see `cut_file`."""
        cutout, times = cut_file(job, self.recipe)
        return Done(times, cutout.warnings)
