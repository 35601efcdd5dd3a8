"""One image to a file or a pipe: no folder, no journal, no workers."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from bgremove.batch.jobs import Jobs
from bgremove.batch.marks import marked
from bgremove.batch.plan import Plan, check_folder, drawn_job, output_paths
from bgremove.batch.records import ImageRecord, finished_record
from bgremove.batch.run import batch_strategy
from bgremove.batch.sources import find_sources
from bgremove.batch.worker import FileWorker
from bgremove.errors import OutputError, UsageError
from bgremove.files import exists
from bgremove.formats import FORMAT_OF_SUFFIX, LOSSLESS_FORMATS
from bgremove.paths import STANDARD, StrPath, display_name, file_key
from bgremove.settings import Settings
from bgremove.strategies import Task
from bgremove.types import Rect
from bgremove.url import Location, Url


def names_a_file(output: Location) -> bool:
    """Whether an output is a file and no folder: it has the suffix of a format that is written, or is `STANDARD`."""
    is_folder = isinstance(output, Path) and os.path.isdir(output)
    return output == STANDARD or (output.suffix.lower() in FORMAT_OF_SUFFIX and not is_folder)


def plan_single(
    inputs: Sequence[Location],
    output: Location,
    settings: Settings,
    *,
    rects: Mapping[str, Rect | None] | None = None,
    hints: Mapping[str, StrPath | Url] | None = None,
    overwrite: bool = False,
) -> Plan:
    """The plan that makes one file, or what a pipe carries, out of one image, for `run_single`.

    `rects` and `hints` are as in `make_plan`. Raises `UsageError` if there is more than one image, or a terminal
    instead of a pipe, `OutputError` if the output exists and may not be overwritten, or is the input, and `RectError`
    if `rects` lacks the image.
    """
    if not names_a_file(output):
        raise UsageError("what comes from standard input has no name: name the output, such as -o cut.png, or -o -")
    source = _only_one(inputs)
    if source == STANDARD and (sys.stdin is None or sys.stdin.isatty()):
        what = "closed" if sys.stdin is None else "a terminal"
        raise UsageError(f"standard input is {what}: send an image through a pipe, or name a file")
    kind = "cutout" if "cutout" in settings.emit else "mask"
    if settings.format_of(kind) != settings.format:
        lossless = ", ".join(LOSSLESS_FORMATS)
        raise UsageError(f"a mask is not written as {settings.format}, which is not exact: choose one of {lossless}")
    if output == STANDARD:
        if sys.stdout is not None and sys.stdout.isatty():
            raise UsageError("standard output is a terminal: send it to a file or a pipe, or name a file with -o")
        if len(settings.emit) > 1:
            raise UsageError("standard output takes one image: emit the cutout or the mask")
        return Plan(output.parent, settings, Jobs([drawn_job(source, {kind: STANDARD}, rects, hints)]))
    check_folder(output.parent)
    outputs = output_paths(output.parent, output.stem, settings)
    outputs[kind] = output
    for path in outputs.values():
        if file_key(path, folds_case=False) == file_key(source, folds_case=False):
            raise OutputError(f"{display_name(path)} is the input and would be replaced: choose another output")
        if exists(path) and not overwrite:
            raise OutputError(f"{display_name(path)} exists already: overwrite it, or choose another output")
    job = drawn_job(source, outputs, rects, hints, overwrite=overwrite)
    return Plan(output.parent, settings, marked(Jobs([job]), settings))


def run_single(plan: Plan) -> Iterator[ImageRecord]:
    """Do a plan of `plan_single` in this process, whose standard input and output the worker uses."""
    (job,) = plan.todo
    with batch_strategy(plan, "sequential") as strategy:
        for outcome in strategy.run(FileWorker(plan.settings), [Task(0, job, display_name(job.source))]):
            yield finished_record(job, outcome)


def _only_one(inputs: Sequence[Location]) -> Location:
    """The one image that is meant; standard input, or a file that is there."""
    one_file = "the output is one file, and takes one image"
    if STANDARD in inputs:
        if len(inputs) > 1:
            raise UsageError(f"{one_file}: name standard input alone, or a folder as the output")
        return STANDARD
    folders = [path for path in inputs if isinstance(path, Path) and os.path.isdir(path)]
    if folders:
        raise UsageError(f"{one_file}, but {display_name(folders[0])} is a folder: name a folder as the output too")
    sources, unusable, _ = find_sources(inputs)
    if unusable:
        raise UsageError(str(unusable[0].error))
    if len(sources) != 1:
        raise UsageError(f"{one_file}, but there are {len(sources)}: name a folder as the output")
    return sources[0].path
