"""What a person does on the page, and what is kept of it."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from bgremove.cutout import Cutout
from bgremove.errors import BgremoveError, OutputError, RectError
from bgremove.formats import read
from bgremove.hints import read_hints
from bgremove.rects.edit.reduced import Reduced, reduced, resized
from bgremove.rects.propose import rect_around
from bgremove.rects.table import Table
from bgremove.settings import Settings
from bgremove.types import Label, Mask, Rect

_OPEN = 2
"""Photographs that are kept in memory: the one that is shown, and the one before."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A photograph that can be edited, and why its mask is probably bad."""

    path: Path
    doubts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Opened:
    """A photograph that is being edited."""

    small: Reduced
    rect: Rect
    labels: Mask | None
    """Hints of the whole, if there are any."""

    @property
    def shown_labels(self) -> Mask | None:
        """The hints as they are shown."""
        return None if self.labels is None else resized(self.labels, *self.small.shape)


def survey(paths: Iterable[Path], table: Table, settings: Settings) -> Iterator[tuple[Path, Entry | BgremoveError]]:
    """What is known of each photograph before somebody looks; those without a line in the table get a proposed rect.

    It takes the time of reading each photograph, and of cutting it out in the size in which it is shown.
    """
    for path in paths:
        try:
            small = reduced(read(path, max_pixels=settings.max_pixels))
            if table.rect(path) is None:
                proposed = small.cut(None, None, settings)
                table.put(path, small.larger(rect_around(proposed)))
                yield path, Entry(path, proposed.doubts)
            else:
                yield path, Entry(path, _cut(_opened(path, table, small), settings)[1])
        except BgremoveError as error:
            yield path, error


class Session:
    """The photographs that are edited, the doubtful ones first, and the table that is kept of them.

    It may be called from several threads, which take turns.
    """

    def __init__(self, table: Table, entries: Iterable[Entry], settings: Settings) -> None:
        self.table = table
        self.entries = sorted(entries, key=lambda entry: not entry.doubts)
        self._settings = settings
        self._opened: dict[int, Opened] = {}
        self._lock = threading.Lock()
        self._closed = False

    @property
    def doubtful(self) -> int:
        """How many photographs look doubtful."""
        return sum(bool(entry.doubts) for entry in self.entries)

    def open(self, index: int) -> tuple[Opened, Cutout | None]:
        """A photograph as its files are now, and its cutout if its rect allows one."""
        with self._lock:
            self._opened.pop(index, None)
            opened = self._get(index)
            cutout, doubts = _cut(opened, self._settings)
            self._doubt(index, doubts)
            return opened, cutout

    def photo(self, index: int) -> Reduced:
        """A photograph, to be shown."""
        with self._lock:
            return self._get(index).small

    def change(self, index: int, rect: Rect, shown_labels: Mask | None) -> Cutout:
        """Take another rect, and other hints as they are shown unless they are None; give the new cutout.

        What cannot be cut out is not kept: `RectError`. `OutputError` if it cannot be written.
        """
        with self._lock:
            if self._closed:
                raise OutputError("the command has ended: nothing more is saved")
            before = self._get(index)
            small = before.small
            labels = before.labels
            if shown_labels is not None:
                nothing = np.full((small.height, small.width), Label.PROBABLY_FOREGROUND, np.uint8)
                labels = small.changed(nothing if labels is None else labels, shown_labels)
            opened = Opened(small, rect.clip(small.height, small.width), labels)
            cutout = opened.small.cut(opened.rect, opened.labels, self._settings)
            path = self.entries[index].path
            if labels is None or shown_labels is None:
                self.table.put(path, opened.rect, self.table.hints(path))
                self.table.save()
            else:
                self.table.save_marked(path, opened.rect, labels)
            self._opened[index] = opened
            self._doubt(index, cutout.doubts)
            return cutout

    def close(self) -> None:
        """Take no more changes; what is being written is finished first."""
        with self._lock:
            self._closed = True

    def _doubt(self, index: int, doubts: tuple[str, ...]) -> None:
        self.entries[index] = replace(self.entries[index], doubts=doubts)

    def _get(self, index: int) -> Opened:
        if index not in self._opened:
            path = self.entries[index].path
            small = reduced(read(path, max_pixels=self._settings.max_pixels))
            while len(self._opened) >= _OPEN:
                del self._opened[next(iter(self._opened))]
            self._opened[index] = _opened(path, self.table, small)
        return self._opened[index]


def _opened(path: Path, table: Table, small: Reduced) -> Opened:
    """A photograph with what the table says of it; a rect that lies outside is replaced."""
    rect, file = table.rect(path), table.hints(path)
    try:
        rect = (rect or _everything(small)).clip(small.height, small.width)
    except RectError:
        rect = _everything(small)
    return Opened(small, rect, None if file is None else read_hints(file, small.height, small.width))


def _everything(small: Reduced) -> Rect:
    return Rect(0, 0, small.width, small.height)


def _cut(opened: Opened, settings: Settings) -> tuple[Cutout | None, tuple[str, ...]]:
    """The cutout and its doubts; a rect that allows none, as one that covers all of the image, is one to correct."""
    try:
        cutout = opened.small.cut(opened.rect, opened.labels, settings)
    except RectError as error:
        return None, (str(error),)
    return cutout, cutout.doubts
