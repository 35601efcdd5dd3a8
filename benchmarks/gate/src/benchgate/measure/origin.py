"""What a measured process has really loaded of the project, and from where.

Runs inside measured processes, so it needs nothing but the standard library.
"""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress

from .children.sitecustomize import read, unlisted
from .system import contents

#: The name of the gate's own package here; a project may have the gate in its repository.
_GATE = __name__.partition(".")[0]
_HERE = os.path.dirname(os.path.realpath(__file__)) + os.sep


class Loaded:
    """Which files the modules of this process came from, as far as they concern the project.

    And those of the processes below, which they note in the file `notes`. Of the project are what is in the packages
    `names`, and modules that are called, or whose file is, as one of the `copies`.
    """

    def __init__(
        self, names: Sequence[str], watched: Sequence[str], notes: str = "", copies: Sequence[str] = ()
    ) -> None:
        self._names, self._notes, self._copies = frozenset(names), notes, frozenset(copies)
        self._watched = tuple(os.path.realpath(folder) + os.sep for folder in watched)
        prefixes = {os.path.realpath(folder) + os.sep for folder in (sys.prefix, sys.base_prefix)}
        # environments in the checkout, which may itself lie in one: in /usr, say
        self._elsewhere = tuple(each for each in prefixes.difference(self._watched) if each.startswith(self._watched))
        self._told: set[tuple[str, str | None]] = set()

    def news(self) -> dict[str, str]:
        """Modules with their files, and shared libraries, that were loaded since this was asked for last."""
        found: dict[str, str] = {}
        own = [(name, _file_of(module)) for name, module in [*sys.modules.items()]]
        for name, file in [*own, *self._of_children()]:
            if (name, file) in self._told:
                continue
            self._told.add((name, file))
            path = os.path.realpath(file) if file and name.partition(".")[0] != _GATE else ""
            if path and not path.startswith(_HERE) and (self._is_of_project(name, path) or self._is_watched(path)):
                found[name] = path
        libraries = [file for file in _mapped_libraries() if ("", file) not in self._told and self._is_watched(file)]
        self._told.update(("", file) for file in libraries)
        known = set(found.values())
        return found | {os.path.basename(file): file for file in libraries if file not in known}

    def _of_children(self) -> Iterator[tuple[str, str]]:
        """What processes below have found, without what this one has loaded itself."""
        with suppress(OSError):
            found = read(os.fsdecode(contents(self._notes))) if self._notes else {}
            yield from ((name, file) for name, files in found.items() for file in files if name not in sys.modules)

    def _is_of_project(self, name: str, path: str) -> bool:
        parts = name.split(".")
        return not self._copies.isdisjoint((name, f"*/{os.path.basename(path)}")) or any(
            ".".join(parts[:end]) in self._names for end in range(1, len(parts) + 1)
        )

    def _is_watched(self, file: str) -> bool:
        return file.startswith(self._watched) and "site-packages" not in file and not file.startswith(self._elsewhere)


class Read:
    """Files that were read in this process and those below it, though both arms share them: those noted in `notes`."""

    def __init__(self, notes: str) -> None:
        self._notes, self._told = notes, 0

    def news(self) -> list[str]:
        """Those that were read since this was asked for last."""
        found: list[str] = []
        with suppress(OSError):
            found = unlisted(os.fsdecode(contents(self._notes))) if self._notes else []
        self._told, told = len(found), self._told
        return sorted({*found[told:]})


def _file_of(module: object) -> str | None:
    try:
        file = vars(module).get("__file__")
    except TypeError:  # something else than a module was put there
        return None
    return file if isinstance(file, str) else None


def _mapped_libraries() -> list[str]:
    """Shared libraries of this process, extension modules and what they and ctypes loaded; none but on Linux."""
    try:
        with open("/proc/self/maps", encoding="utf-8", errors="surrogateescape") as lines:
            paths = {line.rstrip("\n").partition("/")[2] for line in lines if "/" in line}
    except OSError:
        return []
    return sorted(f"/{path}" for path in paths if ".so" in os.path.basename(path))
