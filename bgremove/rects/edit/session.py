"""What a person does on the page, and what is kept of it."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np

from bgremove.cutout import Cutout
from bgremove.errors import BgremoveError, ImageError, OutputError, RectError
from bgremove.files import version_of
from bgremove.formats import read
from bgremove.hints import read_hints
from bgremove.paths import display_name
from bgremove.rects.edit.reduced import Reduced, reduced, resized
from bgremove.rects.propose import rect_around
from bgremove.rects.table import Table
from bgremove.settings import Settings
from bgremove.types import DrawnRect, Label, Mask, Rect
from bgremove.url import Location

_OPEN = 2
"""Photographs that are kept in memory: the one that is shown, and the one before."""


Version = tuple[int, int | str] | None
"""Of a photograph's file; None if that is not known."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A photograph, and why its mask is probably bad."""

    path: Location
    doubts: tuple[str, ...] = ()
    shape: tuple[int, int] | None = None
    """Height and width that it had when its rect was looked at last; None if it never was."""
    failure: BgremoveError | None = None
    """Why it cannot be edited, if it was looked at and cannot."""

    @property
    def is_known(self) -> bool:
        """Whether it was looked at."""
        return self.shape is not None or self.failure is not None


@dataclass(frozen=True, slots=True)
class Opened:
    """A photograph that is being edited."""

    small: Reduced
    rect: Rect
    labels: Mask | None
    """Hints of the whole, if there are any."""
    version: Version = None

    @property
    def shown_labels(self) -> Mask | None:
        """The hints as they are shown."""
        return None if self.labels is None else resized(self.labels, *self.small.shape)


def survey(
    paths: Iterable[Location], table: Table, settings: Settings
) -> Iterator[tuple[Location, Entry | BgremoveError]]:
    """What is known of each photograph before somebody looks; those without a line in the table get a proposed rect.

    It takes the time of reading each photograph, and of cutting it out in the size in which it is shown.
    """
    for path in paths:
        try:
            small = reduced(read(path, max_pixels=settings.max_pixels))
            if table.rect(path) is None:
                yield path, Entry(path, _propose(path, table, small, settings).doubts, small.whole)
            else:
                doubts = _cut(_opened(path, table, small), settings)[1]
                shape = _shape_in(table, path, small)
                yield path, Entry(path, (*_other_size(shape, small), *doubts), shape)
        except BgremoveError as error:
            yield path, error


class Session:
    """The photographs that are edited, those known to be doubtful first, and the table that is kept of them.

    It may be called from several threads, which take turns. A photograph that is not known yet is looked at when it is
    opened, or `found` by a survey meanwhile.
    """

    def __init__(self, table: Table, entries: Iterable[Entry], settings: Settings) -> None:
        self.table = table
        self.entries = sorted(entries, key=lambda entry: not entry.doubts)
        self.is_over = False
        """Whether there is nothing more to do for a person."""
        self._settings = settings
        self._indices = {entry.path: index for index, entry in enumerate(self.entries)}
        self._news = [index for index, entry in enumerate(self.entries) if entry.is_known]
        self._opened: dict[int, Opened] = {}
        self._changes: Counter[int] = Counter()
        self._lock = threading.Lock()
        self._closed = False

    @property
    def doubtful(self) -> int:
        """How many photographs look doubtful."""
        return sum(bool(entry.doubts) for entry in self.entries)

    @property
    def failures(self) -> list[tuple[Location, BgremoveError]]:
        """The photographs that cannot be edited, and why."""
        return [(entry.path, entry.failure) for entry in self.entries if entry.failure is not None]

    @property
    def left(self) -> int:
        """How many photographs are not known yet."""
        return len(self.entries) - len(self._news)

    def unknown(self) -> Iterator[Location]:
        """The photographs that are not known yet, each unless it is when its turn has come."""
        return (entry.path for index in range(len(self.entries)) if not (entry := self.entries[index]).is_known)

    def known_since(self, count: int) -> list[int]:
        """The photographs that are known, in the order in which that was found, without the first `count`."""
        return self._news[count:]

    def found(self, path: Location, result: Entry | BgremoveError) -> None:
        """Take what a survey has found; what a person has seen meanwhile is newer."""
        with self._lock:
            index = self._indices[path]
            if self.entries[index].is_known:
                return
            if isinstance(result, BgremoveError):
                self.table.add(path)
                result = Entry(path, failure=result)
            self._know(index, result)

    def open(self, index: int) -> tuple[Opened, Cutout | None]:
        """A photograph as its files are now, and its cutout if its rect allows one."""
        with self._lock:
            self._opened.pop(index, None)
            opened = self._get(index)
            cutout, doubts = _cut(opened, self._settings)
            path = self.entries[index].path
            shape = self.entries[index].shape or _shape_in(self.table, path, opened.small)
            self._know(index, Entry(path, (*_other_size(shape, opened.small), *doubts), shape))
            return opened, cutout

    def photo(self, index: int) -> Reduced:
        """A photograph, to be shown."""
        with self._lock:
            return self._get(index).small

    def changes(self, index: int) -> int:
        """How often a photograph was changed."""
        return self._changes[index]

    def change(self, index: int, rect: Rect, shown_labels: Mask | None, *, seen: int | None = None) -> Cutout:
        """Take another rect, and other hints as they are shown unless they are None; give the new cutout.

        If it was changed more often than has been `seen`, as in another window, nothing is taken: `OutputError`.
        What cannot be cut out is not kept: `RectError`. `OutputError` if it cannot be written. `ImageError` if the
        photograph has another size by now, as the rect was drawn on another picture; what the table has is kept.
        """
        with self._lock:
            if self._closed:
                raise OutputError("the command has ended: nothing more is saved")
            if seen not in {None, self._changes[index]}:
                raise OutputError("it was changed in another window meanwhile: open it again to draw on it")
            before = self._as_it_is_now(index)
            small = before.small
            labels = before.labels
            if shown_labels is not None:
                nothing = np.full((small.height, small.width), Label.PROBABLY_FOREGROUND, np.uint8)
                labels = small.changed(nothing if labels is None else labels, shown_labels)
            opened = replace(before, rect=rect.clip(small.height, small.width), labels=labels)
            cutout = opened.small.cut(opened.rect, opened.labels, self._settings)
            path, drawn = self.entries[index].path, DrawnRect(opened.rect, *small.whole)
            if labels is None or shown_labels is None:
                self.table.put(path, drawn, self.table.hints(path))
                self.table.save()
            else:
                self.table.save_marked(path, drawn, labels)
            self._opened[index] = opened
            self._changes[index] += 1
            self._know(index, Entry(path, cutout.doubts, small.whole))
            return cutout

    def close(self) -> None:
        """Take no more changes; what is being written is finished first."""
        with self._lock:
            self._closed = True

    def _know(self, index: int, entry: Entry) -> None:
        is_new = not self.entries[index].is_known
        self.entries[index] = entry
        if is_new:  # told of when it is there
            self._news.append(index)

    def _get(self, index: int) -> Opened:
        if index not in self._opened:
            path = self.entries[index].path
            version = _version(path)
            small = reduced(read(path, max_pixels=self._settings.max_pixels))
            if not self.entries[index].is_known and self.table.rect(path) is None:
                _propose(path, self.table, small, self._settings)
            while len(self._opened) >= _OPEN:
                del self._opened[next(iter(self._opened))]
            self._opened[index] = _opened(path, self.table, small, version)
        return self._opened[index]

    def _as_it_is_now(self, index: int) -> Opened:
        """A photograph that is being edited, with the pixels that its file has now."""
        before = self._get(index)
        path = self.entries[index].path
        version = _version(path)
        if version in {before.version, None}:
            return before
        small = None
        with suppress(ImageError):  # half written, perhaps: what was drawn on the one before is no worse for it
            small = reduced(read(path, max_pixels=self._settings.max_pixels))
        if small is None:
            return before
        if small.whole != before.small.whole:
            sizes = f"{_size(small.whole)} pixels now, and {_size(before.small.whole)} as it is shown"
            raise ImageError(f"{display_name(path)}: the file has changed and has {sizes}: open it again to draw on it")
        return replace(before, small=small, version=version)


def _propose(path: Location, table: Table, small: Reduced, settings: Settings) -> Cutout:
    """Give a photograph a rect, if it has none, around what is found without one; gives that."""
    proposed = small.cut(None, None, settings)
    table.propose(path, DrawnRect(small.larger(rect_around(proposed)), *small.whole))
    return proposed


def _shape_in(table: Table, path: Location, small: Reduced) -> tuple[int, int]:
    """Height and width that a photograph had when its rect was drawn, as far as the table knows."""
    rect = table.rect(path)
    return rect.image_size if isinstance(rect, DrawnRect) else small.whole


def _version(path: Location) -> Version:
    try:
        return version_of(path)
    except OSError:
        return None


def _other_size(shape: tuple[int, int], small: Reduced) -> Iterator[str]:
    """What to say of a photograph whose rect was drawn on another `shape`, height and width, than it has now."""
    if small.whole != shape:
        yield f"it had {_size(shape)} pixels when its rect was looked at, and has {_size(small.whole)} now"


def _size(shape: tuple[int, int]) -> str:
    return f"{shape[1]} x {shape[0]}"


def _opened(path: Location, table: Table, small: Reduced, version: Version = None) -> Opened:
    """A photograph with what the table says of it; a rect that lies outside is replaced."""
    rect, file = table.rect(path), table.hints(path)
    try:
        rect = (rect or _everything(small)).clip(small.height, small.width)
    except RectError:
        rect = _everything(small)
    labels = None if file is None else read_hints(file, small.height, small.width)
    return Opened(small, rect, labels, version)


def _everything(small: Reduced) -> Rect:
    return Rect(0, 0, small.width, small.height)


def _cut(opened: Opened, settings: Settings) -> tuple[Cutout | None, tuple[str, ...]]:
    """The cutout and its doubts; a rect that allows none, as one that covers all of the image, is one to correct."""
    try:
        cutout = opened.small.cut(opened.rect, opened.labels, settings)
    except RectError as error:
        return None, (str(error),)
    return cutout, cutout.doubts
