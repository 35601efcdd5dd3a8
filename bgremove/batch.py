"""A folder in, a folder out: run the jobs, longest first, and say of each what became of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bgremove import edges
from bgremove.engines import DEFAULT_ENGINE, make_engine
from bgremove.errors import BgremoveError, NotRunError, OutputError, TaskTimeoutError, WorkerLostError
from bgremove.images import header_pixels
from bgremove.journal import Journal
from bgremove.machine import workers_for
from bgremove.outputs import remove_unfinished
from bgremove.paths import StrPath, display_name
from bgremove.plan import Unusable, existing_outputs, find_sources, plan_jobs
from bgremove.strategies import DEFAULT_STRATEGY, Strategy, Task, make_strategy
from bgremove.types import GrabCutSettings, as_rect
from bgremove.worker import Done, FileWorker, Job, Preparation, Recipe, Times

_BYTES_PER_DECODED_PIXEL = 16
"""Image, Pillow's copy, labels, mask and cutout, beyond what the engine needs."""


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """What became of one image: `status` is ``ok``, ``skipped`` or ``failed``, the last with its `error`."""

    path: Path
    outputs: tuple[Path, ...]
    status: str
    error: BgremoveError | None = None
    times: Times | None = None
    warnings: tuple[str, ...] = ()


def remove_backgrounds(
    inputs: StrPath | Iterable[StrPath],
    output: StrPath,
    *,
    rect: Any = None,
    margin: float = 0.05,
    settings: GrabCutSettings = GrabCutSettings(),
    engine: str = DEFAULT_ENGINE,
    edge: str = "hard",
    strategy: str = DEFAULT_STRATEGY,
    workers: int | None = None,
    timeout_s: float | None = None,
    recursive: bool = False,
    overwrite: bool = False,
    resume: bool = False,
) -> list[ImageRecord]:
    """Cut out every image under `inputs` (file, folder or glob pattern, one or many) into PNG files under `output`.

    One broken image, or one worker that dies, costs that image and no other: look at each record's `status`.
    `workers` defaults to what the CPUs and the free memory allow. For masks, other formats and rects by file,
    build the jobs yourself: `find_sources`, `plan_jobs`, `run_jobs`.

    Raises `UsageError`, `RectError` or `OutputError` before any work starts if the whole cannot be meant.
    """
    folder = Path(output)
    recipe = Recipe(engine=engine, margin=margin, settings=settings, edge=edge)
    sources, unusable = find_sources(inputs, recursive=recursive, exclude=folder)
    jobs = plan_jobs(sources, folder, rect=None if rect is None else as_rect(rect), overwrite=overwrite)
    jobs, done = prepare_jobs(jobs, folder, recipe, resume=resume)
    records = [unusable_record(each) for each in unusable] + [skipped_record(job) for job in done]
    with batch_strategy(strategy, jobs, recipe, workers=workers, timeout_s=timeout_s) as running:
        records.extend(run_jobs(jobs, folder, recipe, running))
    return records


def prepare_jobs(
    jobs: Sequence[Job], folder: Path, recipe: Recipe, *, resume: bool, on_header: Callable[[], None] = lambda: None
) -> tuple[list[Job], list[Job]]:
    """The jobs to do, as `longest_first` gives them, and those that `resume` may skip.

    Raises `OutputError` if an output exists that may not be overwritten.
    """
    todo, done = Journal(folder, recipe).resume(jobs) if resume else (list(jobs), [])
    existing = existing_outputs(todo)
    if existing:
        shown = ", ".join(display_name(path) for path in existing[:3]) + (", ..." if len(existing) > 3 else "")
        cause = " and are not of an earlier run with these very options" if resume else ""
        advice = "overwrite" if resume else "overwrite or resume"
        raise OutputError(f"{len(existing)} of the outputs exist already{cause} ({shown}): {advice}, or go elsewhere")
    return longest_first(todo, on_header), done


def longest_first(jobs: Iterable[Job], on_header: Callable[[], None] = lambda: None) -> list[Job]:
    """`jobs` by their number of pixels, so that no long image is left for last; `on_header` is called for each."""

    def pixels(job: Job) -> int:
        on_header()
        return _pixels(job)

    return sorted(jobs, key=pixels, reverse=True)


def batch_strategy(
    name: str,
    jobs: Sequence[Job],
    recipe: Recipe,
    *,
    workers: int | None = None,
    timeout_s: float | None = None,
    start_method: str | None = None,
) -> Strategy:
    """The strategy called `name` with workers prepared for `recipe`, as many as CPUs, memory and jobs allow."""
    if workers is None and name != "sequential":
        # The longest comes first, but what is beyond the limit is refused and takes no memory.
        largest = max(1, next((pixels for pixels in map(_pixels, jobs) if pixels <= recipe.max_pixels), 1))
        workers = min(workers_for(_peak_bytes(recipe, largest)), max(1, len(jobs)))
    preparation = Preparation(recipe.engine, edge=recipe.edge)
    return make_strategy(
        name, workers=workers, timeout_s=timeout_s, start_method=start_method, worker_context=preparation
    )


def _peak_bytes(recipe: Recipe, pixels: int) -> int:
    """Memory that a worker takes for an image. The engine's is free again when the edge is made soft."""
    stages = [make_engine(recipe.engine).peak_bytes(pixels)]
    if recipe.edge == "soft":
        stages.append(edges.peak_bytes(pixels))
    return max(stages) + _BYTES_PER_DECODED_PIXEL * pixels


def run_jobs(jobs: Sequence[Job], folder: Path, recipe: Recipe, strategy: Strategy) -> Iterator[ImageRecord]:
    """Run `jobs` under a strategy that has been entered; records come as images are completed, in any order.

    The journal in `folder` is kept up to date, so that whatever happens the batch can be resumed. An image that cannot
    be entered in it, because the disk is full, is not started and fails.
    """
    unstarted: list[ImageRecord] = []
    unfinished: dict[int, Job] = {}
    # Among those that may overwrite are all that an earlier batch was killed with.
    remove_unfinished(_outputs(job for job in jobs if job.overwrite))

    def tasks(journal: Journal) -> Iterator[Task[Job]]:
        for index, job in enumerate(jobs):
            try:
                journal.started(job)
            except OutputError as error:
                unstarted.append(_record(job, None, error))
                continue
            unfinished[index] = job
            yield Task(index, job, display_name(job.source))

    try:
        with (
            Journal(folder, recipe) as journal,
            closing(strategy.run(FileWorker(recipe), tasks(journal))) as outcomes,
        ):
            for outcome in outcomes:
                job = jobs[outcome.index]
                if not isinstance(outcome.error, WorkerLostError | TaskTimeoutError | NotRunError):
                    del unfinished[outcome.index]
                if outcome.error is None:
                    with suppress(OutputError):  # it is written all the same; a resumed batch does it again
                        journal.done(job)
                yield _record(job, outcome.value, outcome.error)
    finally:
        remove_unfinished(_outputs(unfinished.values()))
    yield from unstarted


def _outputs(jobs: Iterable[Job]) -> Iterator[Path]:
    return (path for job in jobs for path in job.outputs.values())


def _record(job: Job, done: Done | None, error: BgremoveError | None) -> ImageRecord:
    outputs = tuple(job.outputs.values())
    if done is None:
        return ImageRecord(job.source, outputs, "failed", error=error)
    return ImageRecord(job.source, outputs, "ok", times=done.times, warnings=done.warnings)


def skipped_record(job: Job) -> ImageRecord:
    """Record of a job that an earlier run has done."""
    return ImageRecord(job.source, tuple(job.outputs.values()), "skipped")


def unusable_record(unusable: Unusable) -> ImageRecord:
    """Record of an input in which there is nothing to do."""
    return ImageRecord(unusable.path, (), "failed", error=unusable.error)


def _pixels(job: Job) -> int:
    try:
        return header_pixels(job.source)
    except BgremoveError:
        return 0  # it will fail in its turn, with its reason
