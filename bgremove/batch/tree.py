"""What is below folders: what is gone down into, what a pattern matches, and a word for all that is passed over."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from glob import has_magic
from pathlib import Path

from bgremove.errors import BgremoveError, ImageError
from bgremove.paths import display_name
from bgremove.url import Location

JOURNAL_PREFIX = ".bgremove-journal"
"""How the names of the files begin that an output folder is known by; see `bgremove.batch.journal`."""

LINKED = "/"
"""Among what is left out by suffix, links to folders; no suffix is called so."""

RESULTS = "//"
"""Likewise, folders that hold the results of an earlier run."""


@dataclass(frozen=True, slots=True)
class Unusable:
    """An input from which nothing can be read, and why; the batch goes on without it."""

    path: Location
    error: BgremoveError
    below: str | None = None
    """Of one file, its path relative to the input that it was found under; None if there may be others behind it."""


class Tree:
    """Looks into folders, of which it passes over `skip`, hidden ones, links to folders, and results of earlier runs.

    The last two are counted in `left_out`; what cannot be read is added to `unusable`. A folder that is named is
    looked into whatever it is.
    """

    def __init__(self, skip: str | None, unusable: list[Unusable], left_out: Counter[str]) -> None:
        self._skip = skip
        self._unusable = unusable
        self._left_out = left_out

    def walk(self, top: str | Path, *, recursive: bool) -> Iterator[tuple[str, list[str], list[str]]]:
        """As `os.walk`, sorted by name; without `recursive`, only what is directly in the folder `top`."""
        start = os.fspath(top)
        for parent, folders, files in os.walk(start or ".", onerror=self._report):
            if parent != (start or ".") and any(name.startswith(JOURNAL_PREFIX) for name in files):
                self._left_out[RESULTS] += 1
                folders.clear()
                continue
            folders[:] = sorted(f for f in folders if recursive and self._is_entered(os.path.join(parent, f)))
            linked = sum(os.path.islink(os.path.join(parent, f)) for f in folders)  # os.walk passes them over
            if linked:
                self._left_out[LINKED] += linked
            yield parent, folders, sorted(files)

    def matches(self, pattern: Path) -> list[Path]:
        """What a pattern as that of a shell matches, by name; ``**`` stands for any number of folders."""
        parts = pattern.parts[1:] if pattern.anchor else pattern.parts
        return sorted(map(Path, self._matches(pattern.anchor, parts)))

    def _matches(self, folder: str, parts: Sequence[str]) -> Iterator[str]:
        head, rest = parts[0], parts[1:]
        if head == "**":
            for parent, _, files in self.walk(folder, recursive=True):
                if rest:
                    yield from self._matches(parent, rest)
                else:
                    yield from (os.path.join(parent, name) for name in files if not name.startswith("."))
        elif has_magic(head):
            for name in self._names(folder, only_folders=bool(rest)):
                if fnmatch(name, head) and (head.startswith(".") or not name.startswith(".")):
                    path = os.path.join(folder, name)
                    yield from self._matches(path, rest) if rest else [path]
        elif rest:
            yield from self._matches(os.path.join(folder, head), rest)
        elif self._is_there(path := os.path.join(folder, head)):
            yield path

    def _is_entered(self, folder: str) -> bool:
        hidden = os.path.basename(folder).startswith(".")
        return not hidden and (self._skip is None or os.path.realpath(folder) != self._skip)

    def _names(self, folder: str, *, only_folders: bool) -> list[str]:
        try:
            with os.scandir(folder or ".") as entries:
                return [entry.name for entry in entries if not only_folders or entry.is_dir()]
        except (FileNotFoundError, NotADirectoryError, ValueError):  # the last of a null character
            return []
        except OSError as error:
            self._report(error)
            return []

    def _is_there(self, path: str) -> bool:
        try:
            os.lstat(path)
        except (FileNotFoundError, NotADirectoryError, ValueError):
            return False
        except OSError as error:
            self._report(error)
            return False
        return True

    def _report(self, error: OSError) -> None:
        path = Path(error.filename)
        reason = f"{display_name(path)}: the folder cannot be read: {error.strerror}"
        self._unusable.append(Unusable(path, ImageError(reason)))
