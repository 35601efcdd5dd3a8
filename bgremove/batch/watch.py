"""A hot folder: photographs are cut out as they arrive, and not before they are whole."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from bgremove.batch.headers import largest_first
from bgremove.batch.job import Job
from bgremove.batch.jobs import Jobs
from bgremove.batch.journal import Journal
from bgremove.batch.plan import Plan, check_folder, plan_jobs
from bgremove.batch.sources import Found, Source, find_sources
from bgremove.batch.tree import Unusable
from bgremove.errors import BgremoveError, ImageError, ImageTooLargeError, OutputError, UsageError
from bgremove.files import exists, version_of
from bgremove.formats import read
from bgremove.paths import display_name
from bgremove.settings import Settings
from bgremove.url import Location

_TICK_MS = 500
_QUIET_S = 1.0  # a file that is being copied grows several times in so long
_PATIENCE_S = 20.0  # a copy that has stalled may go on for as long


@dataclass(slots=True)
class _Waiting:
    version: tuple[int, int | str]
    since_s: float
    whole: bool | None = None
    """Whether it can be decoded; None before that has been tried."""


class Settling:
    """Tells which files are whole: unchanged for a second, and decodable, or unchanged for twenty.

    A file is ready once, and again when it has changed. One that is ready and cannot be decoded is damaged.
    """

    def __init__(self, max_pixels: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._max_pixels = max_pixels
        self._clock = clock
        self._waiting: dict[Location, _Waiting] = {}
        self._taken: dict[Location, tuple[int, int | str]] = {}

    @property
    def waits(self) -> bool:
        """Whether some file is not ready yet, and has to be looked at again."""
        return bool(self._waiting)

    def take(self, path: Location) -> None:
        """Let the file `path` be none that becomes ready, as long as it stays as it is."""
        with suppress(OSError):
            self._taken[path] = version_of(path)

    def ready(self, sources: Iterable[Source]) -> list[Source]:
        """Those of the `sources`, which are all that there are now, that have become ready."""
        present = {source.path: source for source in sources}
        self._taken = {path: version for path, version in self._taken.items() if path in present}
        self._waiting = {path: waiting for path, waiting in self._waiting.items() if path in present}
        return [source for source in present.values() if self._is_ready(source.path)]

    def _is_ready(self, path: Location) -> bool:
        try:
            version = version_of(path)
        except OSError:
            return False  # it went away
        if self._taken.get(path) == version:
            return False
        waiting = self._waiting.get(path)
        if waiting is None or waiting.version != version:
            self._waiting[path] = _Waiting(version, self._clock())
            return False
        quiet_s = self._clock() - waiting.since_s
        if quiet_s < _QUIET_S:
            return False
        if waiting.whole is None:
            waiting.whole = self._can_be_decoded(path)
        if not waiting.whole and quiet_s < _PATIENCE_S:
            return False
        del self._waiting[path]
        self._taken[path] = version
        return True

    def _can_be_decoded(self, path: Location) -> bool:
        try:
            read(path, max_pixels=self._max_pixels)
        except ImageTooLargeError:
            return True  # as whole as it will be
        except ImageError:
            return False
        return True


@dataclass(slots=True)
class HotFolder:
    """Plans what has to be done for photographs as they arrive.

    Parameters
    ----------
    find
        Gives what there is now.
    output, settings
        As in `Plan`.
    plan
        Gives the jobs of photographs, see `plan_jobs`.
    settling
        Tells which photographs are whole.
    """

    find: Callable[[], Found]
    output: Path
    settings: Settings
    plan: Callable[[Sequence[Source]], Jobs]
    settling: Settling
    _written: dict[Location, Location] = field(default_factory=dict)
    """Whose each output is that this watch has written, or finds done."""
    _unread: set[Location] = field(default_factory=set)
    """Folders that could not be read at the last quiet look."""
    _left_out: Counter[str] = field(default_factory=Counter)
    """What was left out then."""

    def plans(self, changes: Iterable[bool]) -> Iterator[Plan]:
        """A plan whenever something is to be done or told, which must be done before the next is asked for.

        The first says what an earlier run has done; the others, once, what cannot be read and what is left out. Each of
        `changes` says whether something may have changed.
        """
        yield self._done_before()
        looks = True
        for changed in changes:
            if looks or changed or self.settling.waits:
                found = self.find()
                plan = self._plan_of(self.settling.ready(found.sources))
                if not changed:  # what is being copied may have another name in the end
                    plan = self._with_news(plan, found)
                if plan.todo or plan.unusable or plan.left_out:
                    yield plan
            looks = changed

    def _done_before(self) -> Plan:
        jobs, _ = self._jobs_of(self.find().sources)
        _, done = Journal(self.output, self.settings).resume(Jobs(jobs))
        for job in done:
            self.settling.take(job.source)
            self._written.update(dict.fromkeys(job.outputs.values(), job.source))
        return Plan(self.output, self.settings, Jobs(()), done=done)

    def _plan_of(self, sources: Iterable[Source]) -> Plan:
        jobs, unusable = self._jobs_of(sources)
        todo = []
        for job in jobs:
            own = all(self._written.get(path) == job.source for path in job.outputs.values())
            if own or job.overwrite or not any(exists(path) for path in job.outputs.values()):
                self._written.update(dict.fromkeys(job.outputs.values(), job.source))
            todo.append(replace(job, overwrite=job.overwrite or own))
        planned = Journal(self.output, self.settings).planned
        return Plan(
            self.output, self.settings, Jobs(largest_first(todo)), unusable=tuple(unusable), journal_bytes=planned
        )

    def _with_news(self, plan: Plan, found: Found) -> Plan:
        """The plan, and what is not read of all that was found, as far as it was not so at the last quiet look."""
        unusable = [each for each in found.unusable if each.path not in self._unread]
        left_out = Counter(found.left_out) - self._left_out
        self._unread, self._left_out = {each.path for each in found.unusable}, Counter(found.left_out)
        return replace(plan, unusable=(*plan.unusable, *unusable), left_out=left_out)

    def _jobs_of(self, sources: Iterable[Source]) -> tuple[list[Job], list[Unusable]]:
        """A job for each source, or why there is none: what is wrong with one costs itself only."""
        jobs: list[Job] = []
        unusable: list[Unusable] = []
        for source in sources:
            try:
                made = self.plan([source])  # none of what serves as hints
                for job in made:
                    self._check_owner(job)
            except BgremoveError as error:
                unusable.append(Unusable(source.path, error))
            else:
                jobs += made
        return jobs, unusable

    def _check_owner(self, job: Job) -> None:
        for path in job.outputs.values():
            owner = self._written.get(path, job.source)
            if owner != job.source:
                names = f"{display_name(owner)} and {display_name(job.source)}"
                raise OutputError(f"{names} would both be written to {display_name(path)}: name outputs after files")


def watch(
    folders: Sequence[Location],
    output: Location,
    settings: Settings,
    plan: Callable[..., Jobs] = plan_jobs,
    *,
    recursive: bool = False,
) -> Iterator[Plan]:
    """A plan whenever photographs in the `folders` are new or have changed, or are not read; see `HotFolder`.

    What the journal of `output` says is done is not done again. An output that this watch has written is replaced when
    its photograph changes; any other that exists only if the jobs that `plan` gives may overwrite. Raises `UsageError`
    if an input is no folder or the output, or watchfiles (extra ``watch``) is not installed; `ImageError` once one of
    the folders is gone.
    """
    here = [folder for folder in folders if isinstance(folder, Path) and os.path.isdir(folder)]
    if len(here) < len(folders) or not isinstance(output, Path):
        named = next((each for each in folders if each not in here), output)
        raise UsageError(f"{display_name(named)} is no folder here: only such are watched and written to")
    check_folder(output)
    find = partial(find_sources, folders, recursive=recursive, exclude=output)
    find()
    changes = _changes(here, output, recursive)
    settled = partial(plan, folder=output, settings=settings)
    return HotFolder(find, output, settings, settled, Settling(settings.max_pixels)).plans(changes)


def _changes(folders: Sequence[Path], output: Path, recursive: bool) -> Iterator[bool]:
    """Twice a second, whether something has changed in the folders, the output left aside."""
    try:
        import watchfiles  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise UsageError("watching needs watchfiles; install it with: pip install 'bgremove[watch]'") from error
    own = os.path.join(os.path.realpath(output), "")
    found = watchfiles.watch(
        *folders,
        watch_filter=lambda _, path: not os.path.realpath(path).startswith(own),
        recursive=recursive,
        debounce=_TICK_MS,
        rust_timeout=_TICK_MS,
        yield_on_timeout=True,
    )
    return _told(found, folders)


def _identity(folder: Path) -> tuple[int, int] | None:
    try:
        status = folder.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _told(found: Iterable[object], folders: Sequence[Path]) -> Iterator[bool]:
    watched = {folder: _identity(folder) for folder in folders}
    try:
        for changed in found:
            for folder, identity in watched.items():
                if _identity(folder) != identity:  # of one in its place nothing would ever be told
                    raise ImageError(f"{display_name(folder)}: the folder that was watched is gone: watch it anew")
            yield bool(changed)
    except OSError as error:  # its text is all that watchfiles gives
        raise UsageError(f"{', '.join(map(display_name, folders))}: it cannot be watched ({error})") from error
