"""From what the user names to what is to be done: which files, which rects, which outputs. Nothing is written here."""

from __future__ import annotations

import os
from collections.abc import Collection, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from bgremove.batch.collisions import check_outputs
from bgremove.batch.headers import WINDOW, Counting, largest_first, uncounted
from bgremove.batch.job import Job
from bgremove.batch.jobs import Jobs
from bgremove.batch.journal import Journal
from bgremove.batch.marks import Versions, existing_in_store, marked, resume_marked
from bgremove.batch.rects import no_line
from bgremove.batch.shard import Shard
from bgremove.batch.sources import Source, find_sources, no_image
from bgremove.batch.tree import Unusable
from bgremove.errors import OutputError, RectError, UsageError
from bgremove.files import exists
from bgremove.formats import FORMAT_OF_SUFFIX, SUFFIXES, UNREAD_SUFFIXES
from bgremove.paths import StrPath, absolute, display_name
from bgremove.settings import Settings
from bgremove.types import Rect
from bgremove.url import Location, Url, located

NAMINGS = ("stem", "file")
"""How an output is named after its input ``a.jpg``: ``a.png`` (stem) or ``a.jpg.png`` (file)."""

_MARKS = {"cutout": "", "mask": ".mask"}


@dataclass(frozen=True, slots=True)
class Plan:
    """What a batch will do, known before anything is done."""

    folder: Location
    """Where the outputs go."""
    settings: Settings
    todo: Jobs
    """Of the first thousand, whose headers have been read, the largest image comes first; of the others so later."""
    shard: Shard | None = None
    """The share of the batch that this is."""
    journal_bytes: int = 0
    """Size of the folder's journal when this was planned."""
    done: Jobs = field(default_factory=lambda: Jobs(()))
    """What an earlier run has finished."""
    unusable: tuple[Unusable, ...] = ()
    left_out: Mapping[str, int] = field(default_factory=dict)
    """Files that look like photographs and are not read, see `bgremove.batch.sources.Found`."""


def make_plan(
    inputs: StrPath | Url | Iterable[StrPath | Url],
    output: StrPath | Url,
    settings: Settings,
    *,
    rects: Mapping[str, Rect | None] | None = None,
    hints: Mapping[str, StrPath | Url] | None = None,
    recursive: bool = False,
    naming: str = "stem",
    overwrite: bool = False,
    resume: bool = False,
    shard: Shard | None = None,
    counting: Counting = uncounted,
) -> Plan:
    """What is to be done for `inputs`: files, folders or glob patterns, one or many, here or, by URL, in a store.

    The tree below each input is mirrored below the folder `output`. The cutout is called ``NAME.png`` and the mask
    ``NAME.mask.png``, or as the settings' format says. `rects`, one for each image or None for the margin, and images
    of `hints`, for some, are by absolute path, as `read_table` gives them; what serves as hints is no photograph. The
    headers of the first thousand images are read, which `counting` is told of; the others are read while these are
    done. With a `shard`, only its images are done; an input or a folder that cannot be read concerns every shard.

    Cost: for a million images about half a minute, and 150 MB.

    Raises `UsageError` if there is no image at all, `OutputError` if `output` is a file, two images would have the same
    output, or an output would be an input, or exists and may not be overwritten, `RectError` if `rects` lacks an image.
    """
    if not isinstance(shard, Shard | None):
        raise UsageError(f"shard is {shard!r}; it must be a Shard, such as Shard(1, 8)")
    folder = located(output)
    check_folder(folder)
    sources, unusable, left_out = find_sources(inputs, recursive=recursive, exclude=folder)
    if not sources and not unusable:
        raise no_image(inputs, left_out)
    jobs = plan_jobs(sources, folder, settings, rects=rects, hints=hints, naming=naming, overwrite=overwrite)
    if shard is not None:  # not before all have their outputs: no two may have the same, in different shards either
        held = (isinstance(each, Source) and shard.holds(each.relative) for each in jobs.sources())
        jobs = jobs.at(index for index, is_held in enumerate(held) if is_held)
        unusable = [each for each in unusable if each.below is None or shard.holds(Path(each.below))]
    if isinstance(folder, Url):
        jobs = marked(jobs, settings)
        files = existing_in_store(folder)
        existing: Collection[Location] | Versions = files
        todo, done = resume_marked(jobs, files) if resume else (jobs, jobs.at(()))
        planned = 0
    else:
        journal = Journal(folder, settings, shard=shard)
        planned = journal.planned
        todo, done = journal.resume(jobs) if resume else (jobs, jobs.at(()))
        existing = {path for job in todo if not job.overwrite for path in job.outputs.values() if exists(path)}
        if existing and resume:
            # Read again, the journal knows of every output that a run which goes on now has written before that look.
            todo, done = journal.resume(jobs)
            todo = journal.changed(todo, existing)
    if existing:
        _check_existing(todo, existing, resume=resume)
    first = largest_first(todo[:WINDOW], counting)
    return Plan(
        folder=folder,
        settings=settings,
        shard=shard,
        todo=todo.replaced(dict(enumerate(first))),
        done=done,
        unusable=tuple(unusable),
        left_out=left_out,
        journal_bytes=planned,
    )


def check_folder(folder: Location) -> None:
    """Raise unless there may be results in `folder`."""
    name = display_name(folder)
    if isinstance(folder, Url) and folder.scheme == "zip":
        raise UsageError(f"{name}: what is in a ZIP file is only read: name another output")
    there = isinstance(folder, Path) and os.path.lexists(folder)
    if not there and folder.suffix.lower() in SUFFIXES | UNREAD_SUFFIXES:
        written = ", ".join(FORMAT_OF_SUFFIX)
        raise UsageError(f"{name} is a name for an image and not for a folder; one image is written as {written}")
    if there and isinstance(folder, Path) and not os.path.isdir(folder):
        what = "a file" if os.path.exists(folder) else "a link that leads nowhere"
        raise OutputError(f"{name} is {what}: name a folder for the results")


def plan_jobs(
    sources: Sequence[Source],
    folder: Location,
    settings: Settings,
    *,
    rects: Mapping[str, Rect | None] | None = None,
    hints: Mapping[str, StrPath | Url] | None = None,
    naming: str = "stem",
    overwrite: bool = False,
) -> Jobs:
    """One job a source; see `make_plan`."""
    if naming not in NAMINGS:
        raise UsageError(f"naming is {naming}; choose from {', '.join(NAMINGS)}")
    if rects is not None and settings.rect is not None:
        raise UsageError("a rect for all images and rects by file exclude each other")
    drawn = {absolute(image): image for image in map(located, (hints or {}).values())}
    if hints and drawn:
        for path in drawn.keys() & hints.keys():
            raise RectError(
                f"{display_name(path)}: it has hints and is an image of hints itself, which is no photograph"
            )
        sources = [source for source in sources if absolute(source.path) not in drawn]

    folder_for = cache(lambda parent: folder / Path(parent))

    def make(source: Source) -> Job:
        parent, name = os.path.split(source.below)
        outputs = output_paths(folder_for(parent), name if naming == "file" else os.path.splitext(name)[0], settings)
        return drawn_job(source.path, outputs, rects, hints, overwrite=overwrite)

    jobs = Jobs(sources, make)
    check_outputs(jobs, folder, drawn.values(), naming)
    return jobs


def output_paths(folder: Location, name: str, settings: Settings) -> dict[str, Location]:
    """The files that what is emitted of an image goes to, by kind."""
    return {kind: folder / f"{name}{_MARKS[kind]}.{settings.format_of(kind)}" for kind in settings.emit}


def _check_existing(jobs: Iterable[Job], existing: Container[Location], *, resume: bool) -> None:
    """Raise `OutputError` if one of the `existing` files is an output that may not be overwritten."""
    refused = [path for job in jobs if not job.overwrite for path in job.outputs.values() if path in existing]
    if refused:
        shown = ", ".join(display_name(path) for path in refused[:3]) + (", ..." if len(refused) > 3 else "")
        cause = " and are not of an earlier run with these very options" if resume else ""
        advice = "overwrite" if resume else "overwrite or resume"
        advice += ", or choose another folder"
        raise OutputError(f"{len(refused)} of the outputs exist already{cause} ({shown}): {advice}")


def drawn_job(
    source: Location,
    outputs: dict[str, Location],
    rects: Mapping[str, Rect | None] | None,
    hints: Mapping[str, StrPath | Url] | None,
    *,
    overwrite: bool = False,
) -> Job:
    """The job of a file with what was drawn for it; `RectError` if there are rects, and none for it."""
    path = "" if rects is None and hints is None else absolute(source)
    if rects is not None and path not in rects:
        raise no_line(source, rects)
    rect = None if rects is None else rects[path]
    marked = None if hints is None or path not in hints else located(hints[path])
    return Job(source, outputs, rect, marked, overwrite=overwrite)
