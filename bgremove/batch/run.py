"""A folder in, a folder out: plan, run, and say of each image what became of it."""

from __future__ import annotations

import os
import warnings
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from itertools import chain
from typing import Any

from bgremove import matting
from bgremove.batch.headers import WINDOW, in_windows
from bgremove.batch.job import Job
from bgremove.batch.journal import Journal
from bgremove.batch.marks import Marks
from bgremove.batch.plan import Plan, make_plan
from bgremove.batch.records import ImageRecord, finished_record, settled_records, skipped_record, unstarted_record
from bgremove.batch.rects import by_file, rects_by_file
from bgremove.batch.shard import Shard
from bgremove.batch.sources import left_out_text
from bgremove.batch.worker import FileWorker
from bgremove.engines import make_engine
from bgremove.errors import NotRunError, OutputError, TaskTimeoutError, UsageError, WorkerLostError
from bgremove.files import Unfinished
from bgremove.machine import available_bytes, workers_for
from bgremove.paths import StrPath, display_name
from bgremove.preparation import Preparation
from bgremove.settings import Settings, merged
from bgremove.strategies import AUTO, DEFAULT_STRATEGY, Strategy, Task, make_strategy, strategy_class
from bgremove.url import Url

_BYTES_PER_DECODED_PIXEL = 16
"""Image, Pillow's copy, labels, mask and cutout, beyond what the engine needs."""
_S_PER_READ_AND_WRITTEN_PIXEL = 9e-9
"""Of JPEG to PNG at 12 megapixels, on the machine of `benchmarks/results/files.json`."""


def remove_backgrounds(
    inputs: StrPath | Url | Iterable[StrPath | Url],
    output: StrPath | Url,
    *,
    rects: Mapping[Any, Sequence[int] | None] | None = None,
    hints: Mapping[Any, StrPath | Url] | None = None,
    recursive: bool = False,
    naming: str = "stem",
    overwrite: bool = False,
    resume: bool = False,
    shard: Shard | None = None,
    strategy: str = DEFAULT_STRATEGY,
    workers: int | None = None,
    timeout_s: float | None = None,
    scheduler: str | None = None,
    settings: Settings | None = None,
    **options: Any,
) -> list[ImageRecord]:
    """Cut out every image under `inputs` (file, folder or glob pattern, one or many) into files under `output`.

    Both may be URLs, such as ``s3://bucket/photos/``.

    One broken image, or one worker that dies, costs that image and no other: look at each record's `status`.

    Parameters
    ----------
    rects
        By file name ``(x, y, width, height)`` around its object, in pixels, or None for the margin; for all images.
    hints
        By file name an image that marks object and background; for as many as have one.
    recursive, naming, overwrite, resume, shard
        As in `make_plan`.
    strategy, workers, timeout_s, scheduler
        As in `bgremove.strategies.make_strategy`; `workers` defaults to what the CPUs and the free memory allow.
    settings, options
        How they are cut out: a `Settings`, or fields of it by name, such as ``engine``, or both.

    Warns of photographs that are left out, because their format is not read or their name does not say what they are.
    Raises `UsageError`, `RectError` or `OutputError` before any work starts if the whole cannot be meant, as it cannot
    if there is no image at all.
    """
    plan = make_plan(
        inputs,
        output,
        merged(settings, options),
        rects=None if rects is None else rects_by_file(rects),
        hints=None if hints is None else by_file("hints", hints),
        recursive=recursive,
        naming=naming,
        overwrite=overwrite,
        resume=resume,
        shard=shard,
    )
    if omitted := left_out_text(plan.left_out):
        warnings.warn(omitted, stacklevel=2)
    return settled_records(plan) + list(
        run_plan(plan, strategy=strategy, workers=workers, timeout_s=timeout_s, scheduler=scheduler)
    )


def run_plan(
    plan: Plan,
    *,
    strategy: str = DEFAULT_STRATEGY,
    workers: int | None = None,
    timeout_s: float | None = None,
    scheduler: str | None = None,
) -> Generator[ImageRecord, None, None]:
    """Do what the plan leaves to do; a record for each image, in any order, as images are completed.

    No worker is started, and nothing written, if that is nothing. Closing it cancels the rest.
    """
    made = batch_strategy(plan, strategy, workers=workers, timeout_s=timeout_s, scheduler=scheduler)
    if plan.todo:
        with made as running:
            # Looked at when the libraries are loaded. Workers of a scheduler have budgets of their own.
            yield from run_jobs(plan, running, budget_bytes=None if scheduler else available_bytes())


def batch_strategy(
    plan: Plan,
    name: str,
    *,
    workers: int | None = None,
    timeout_s: float | None = None,
    scheduler: str | None = None,
) -> Strategy:
    """The strategy called `name` with workers prepared for the plan, as many as CPUs, memory and jobs allow.

    Or those of the scheduler, if there is one.
    """
    settings = plan.settings
    pixels = [job.pixels or 0 for job in plan.todo[:WINDOW]]
    if scheduler is None and workers is None and (name == AUTO or strategy_class(name).parallel):
        # No more than can ever run at a time.
        in_threads = name != AUTO and strategy_class(name).in_this_process
        least_bytes = min(filter(None, (peak_bytes(settings, each, in_threads) for each in pixels)), default=1)
        workers = min(workers_for(least_bytes), max(1, len(plan.todo)))
    stores = _stores(plan)
    if "memory" in stores:
        if name == AUTO and timeout_s is None:
            name = "threads"
        elif name == AUTO or not strategy_class(name).in_this_process:
            raise UsageError(
                "memory:// holds files of this process alone, which no worker process sees: choose the strategy "
                "'threads' or 'sequential', without a time limit"
            )
    # One image leaves all other CPUs idle, but those of a cluster. A model's answer may depend on its threads.
    alone = len(plan.todo) == 1 and settings.model is None and scheduler is None
    threads = None if alone else 1
    preparation = Preparation(settings.engine, settings.model, threads, settings.edge, stores)
    # The others are taken to be like the first thousand.
    task_s = [estimate_s(settings, each) for each in pixels] * (len(plan.todo) // max(1, len(pixels)))
    return make_strategy(
        name,
        workers=workers,
        timeout_s=timeout_s,
        worker_context=preparation,
        task_s=task_s,
        scheduler=scheduler,
    )


def _stores(plan: Plan) -> tuple[str, ...]:
    """The stores that something is read from or written to."""
    places = chain(
        [plan.folder], (each.source if isinstance(each, Job) else each.place for each in plan.todo.sources())
    )
    return tuple({store for place in places if isinstance(place, Url) for store in place.stores})


def estimate_s(settings: Settings, pixels: int) -> float:
    """About how long a worker takes for an image."""
    segment_s = make_engine(settings.engine, settings.model).estimate_s(pixels) * settings.iterations / 5
    return segment_s + _S_PER_READ_AND_WRITTEN_PIXEL * pixels


def peak_bytes(settings: Settings, pixels: int, in_threads: bool = False) -> int:
    """Memory that a worker takes for an image; 0 for one that will be refused, because it is too large or broken.

    Of workers that are threads, without what they share, such as a model: that is taken once.
    """
    if not 0 < pixels <= settings.max_pixels:
        return 0
    engine = make_engine(settings.engine, settings.model)
    # The engine's is free again when the edge is made soft, but for what it shares.
    stages = [engine.peak_bytes(pixels)]
    if settings.edge == "soft":
        stages.append(matting.peak_bytes(pixels))
    shared_bytes = 0 if in_threads else engine.shared_bytes()
    return max(stages) + _BYTES_PER_DECODED_PIXEL * pixels + shared_bytes


def run_jobs(plan: Plan, strategy: Strategy, *, budget_bytes: int | None = None) -> Generator[ImageRecord, None, None]:
    """Run the plan's jobs under a strategy that has been entered; `budget_bytes` is for `Strategy.run`.

    The journal is kept up to date, so that whatever happens the batch can be resumed. An image that cannot be entered
    in it, because the disk is full, is not started and fails; one that another run has taken is skipped.
    """
    unstarted: deque[ImageRecord] = deque()
    unfinished: dict[int, Job] = {}
    left, owner = Unfinished(), os.getpid()

    def tasks(journal: Journal | Marks, jobs: Iterable[Job]) -> Iterator[Task[Job]]:
        for index, job in enumerate(jobs):
            try:
                other = journal.take(job)
            except OutputError as error:
                unstarted.append(unstarted_record(job, error))
                continue
            if other is not None:
                unstarted.append(skipped_record(job, f"another run has taken it: {other}"))
                continue
            if journal.alone and job.overwrite:  # among those are all that an earlier batch was killed with
                left.remove(job.outputs.values())
            unfinished[index] = job
            value = job.absolute() if strategy.joins_cluster else job
            bytes_at_most = peak_bytes(plan.settings, job.pixels or 0, strategy.in_this_process)
            yield Task(index, value, display_name(job.source), bytes_at_most)

    kept = (
        Marks(plan.folder)
        if isinstance(plan.folder, Url)
        else Journal(plan.folder, plan.settings, plan.journal_bytes, plan.shard)
    )
    with kept as journal, closing(in_windows(plan.todo)) as jobs:
        try:
            running = strategy.run(FileWorker(plan.settings), tasks(journal, jobs), budget_bytes=budget_bytes)
            with closing(running) as outcomes:
                for outcome in outcomes:
                    job = unfinished[outcome.index]
                    if not isinstance(outcome.error, WorkerLostError | TaskTimeoutError | NotRunError):
                        del unfinished[outcome.index]
                    if outcome.index not in unfinished and outcome.error and not job.overwrite:
                        journal.failed(job)
                    lost = None
                    if outcome.value is not None and not (lost := journal.lost()):
                        with suppress(OutputError):  # it is written all the same; a resumed batch does it again
                            journal.done(job, outcome.value.digests)
                    yield unstarted_record(job, lost) if lost else finished_record(job, outcome)
                    while unstarted:
                        yield unstarted.popleft()
        finally:
            if owner == os.getpid():  # to a fork, its parent's files are not unfinished
                Unfinished().remove(path for job in unfinished.values() for path in job.outputs.values())
    yield from unstarted
