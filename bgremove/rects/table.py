"""The CSV of rects, as it is written."""

from __future__ import annotations

import csv
import hashlib
import io
import os
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from bgremove.batch import RectTable, read_table
from bgremove.batch.rects import COLUMNS, HINTS, SIZE_COLUMNS
from bgremove.errors import OutputError
from bgremove.files import replace_file, version_of, write_bytes
from bgremove.formats import encode
from bgremove.hints import as_gray
from bgremove.paths import absolute, display_name
from bgremove.types import DrawnRect, Label, Mask, Rect
from bgremove.url import Location, Url

_NAME_LENGTH = 20  # of what is taken of an image's name in that of its hints


def is_filled(file: Path) -> bool:
    """Whether there is a file that would be lost."""
    return os.path.isfile(file) and os.path.getsize(file) > 0


@dataclass(slots=True)
class Table:
    """A CSV that `bgremove.batch.read_table` reads, and the images of hints beside it, in a folder of their own.

    Each file is written whole or not at all. Lines of other images, and other columns, stay as they are. It may be
    called from several threads.

    >>> table = Table(Path("/photos/rects.csv"))
    >>> table.put(Path("/photos/cup.jpg"), DrawnRect(Rect(10, 12, 60, 40), height=80, width=90))
    >>> table.text().splitlines()
    ['path,x,y,width,height,image_width,image_height', 'cup.jpg,10,12,60,40,90,80']
    """

    file: Path
    read: RectTable = field(default_factory=lambda: RectTable(COLUMNS, {}, {}, {}))
    _version: tuple[int, int | str] | None = None
    """Of the file, as it was read or written last."""
    unsaved: bool = False
    """Whether there is something that the file lacks."""
    _opened_with: int = 0
    """How many lines were there before any was added."""
    _lock: threading.RLock = field(default_factory=threading.RLock, repr=False, compare=False)

    @classmethod
    def opened(cls, file: Path) -> Self:
        """The table that `file` holds; an empty one if there is nothing. `RectError` if it is something else."""
        if not is_filled(file):
            return cls(file)
        version, read = version_of(file), read_table(file)
        return cls(file, _version=version, read=read, _opened_with=len(read.lines))

    @property
    def hints_folder(self) -> Path:
        """Where the images of hints are."""
        return self.file.with_suffix(".hints")

    def name(self, path: Location) -> str:
        """What an image is called in the table."""
        line = self.read.lines.get(absolute(path))
        return self._relative(path) if line is None else line["path"]

    def rect(self, path: Location) -> Rect | None:
        """The rect of an image, if it has one."""
        return self.read.rects.get(absolute(path))

    def hints(self, path: Location) -> Location | None:
        """The image of hints of an image, if it has one."""
        return self.read.hints.get(absolute(path))

    def put(self, path: Location, rect: Rect, hints: Location | None = None) -> None:
        """Set the line of an image; `save` brings it to the disk."""
        key = absolute(path)
        with self._lock:
            self.unsaved = True
            line = self.read.lines.setdefault(key, {"path": self._relative(path)})
            line.update(zip(COLUMNS[1:], map(str, rect), strict=True))
            size = map(str, reversed(rect.image_size)) if isinstance(rect, DrawnRect) else ("", "")
            line.update(zip(SIZE_COLUMNS, size, strict=True))
            line[HINTS] = "" if hints is None else self._relative(hints)
            self.read.rects[key] = rect
            if hints is None:
                self.read.hints.pop(key, None)
            else:
                self.read.hints[key] = hints

    def propose(self, path: Location, rect: Rect) -> None:
        """Set the line of an image, unless it has a rect by now."""
        with self._lock:
            if self.rect(path) is None:
                self.put(path, rect, self.hints(path))

    def add(self, path: Location) -> None:
        """Give an image a line without a rect, if it has none: it is cut out by the margin, or fails by itself."""
        key = absolute(path)
        with self._lock:
            self.unsaved |= key not in self.read.lines
            self.read.rects.setdefault(key, None)
            self.read.lines.setdefault(key, {"path": self._relative(path)})

    def arrange(self, paths: Iterable[Location]) -> None:
        """Let the lines that were added stand in the order of `paths`, whichever image was looked at first."""
        with self._lock:
            lines = self.read.lines
            added = set(list(lines)[self._opened_with :])
            self.unsaved |= bool(added)
            for key in [key for key in map(absolute, paths) if key in added]:
                lines[key] = lines.pop(key)

    def save(self) -> None:
        """Write the CSV. `OutputError` if it cannot be, or somebody else has changed it, whose lines would be lost."""
        with self._lock:
            self._check_version()
            replace_file(self.file, self.read.dialect.encode(self.text()))
            self._version = version_of(self.file)
            self.unsaved = False

    def save_marked(self, path: Location, rect: Rect, labels: Mask) -> None:
        """Set the line of an image and write its hints and the CSV; if `labels` leave all open, it has no hints."""
        file = self._hints_file(path)
        with self._lock:
            self._check_version()
            self._write_marked(path, rect, labels, file)

    def _write_marked(self, path: Location, rect: Rect, labels: Mask, file: Path) -> None:
        if self.hints_folder.is_symlink():
            raise OutputError(f"{display_name(self.hints_folder)} is a link: hints are written into a folder only")
        try:
            if (labels == Label.PROBABLY_FOREGROUND).all():
                self.put(path, rect)
                self.save()  # before the file is gone that it named
                file.unlink(missing_ok=True)
            else:
                self.hints_folder.mkdir(exist_ok=True)
                write_bytes(file, encode(as_gray(labels)), overwrite=True)
                self.put(path, rect, file)
                self.save()
        except OSError as error:
            raise OutputError(f"{display_name(file)}: it cannot be written ({error.strerror})") from error

    def text(self) -> str:
        """The content of the CSV: paths are relative to it where they can be."""
        lines = self.read.lines.values()
        columns = list(self.read.columns)
        for column in (*SIZE_COLUMNS, HINTS):
            if column not in columns and any(line.get(column) for line in lines):
                columns.append(column)
        # Before Python 3.13 csv leaves a carriage return bare, which ends a line for who reads it.
        bare = any("\r" in value for line in lines for value in line.values())
        text = io.StringIO()
        rows = csv.DictWriter(
            text, columns, restval="", extrasaction="ignore", lineterminator="\n",
            delimiter=self.read.dialect.delimiter, quoting=csv.QUOTE_ALL if bare else csv.QUOTE_MINIMAL,
        )  # fmt: skip
        rows.writeheader()
        rows.writerows(lines)
        return text.getvalue()

    def _check_version(self) -> None:
        """Raise `OutputError` if the file is another than was read or written last; one that is gone is made anew."""
        if self._version is not None and os.path.isfile(self.file) and version_of(self.file) != self._version:
            name = display_name(self.file)
            raise OutputError(f"{name} was changed elsewhere, and is left as it is: start the command again to go on")

    def _hints_file(self, path: Location) -> Path:
        """Named after the image, and after where it is: there may be others of that name."""
        where = os.fsencode(self._relative(path))
        return self.hints_folder / f"{path.stem[:_NAME_LENGTH]}.{hashlib.blake2b(where, digest_size=4).hexdigest()}.png"

    def _relative(self, path: Location) -> str:
        if isinstance(path, Url):
            return path.text
        try:
            return os.path.relpath(path, self.file.parent)
        except ValueError:  # another drive
            return absolute(path)
