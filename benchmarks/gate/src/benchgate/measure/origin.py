"""What a measured process has really loaded of the project, and from where.

Runs inside measured processes, so it needs nothing but the standard library.
"""

import os
import sys
from collections.abc import Sequence

#: The name of the gate's own package here; a project may have the gate in its repository.
_GATE = __name__.partition(".")[0]
_HERE = os.path.dirname(os.path.realpath(__file__)) + os.sep


class Loaded:
    """Which files the modules of this process came from, as far as they concern the project."""

    def __init__(self, names: Sequence[str], watched: Sequence[str]) -> None:
        self._names = frozenset(names)
        self._watched = tuple(os.path.realpath(folder) + os.sep for folder in watched)
        self._elsewhere = tuple(os.path.realpath(folder) + os.sep for folder in {sys.prefix, sys.base_prefix})
        self._told: set[str] = set()

    def news(self) -> dict[str, str]:
        """Modules with their files, and shared libraries, that were loaded since this was asked for last."""
        found: dict[str, str] = {}
        for name, module in [*sys.modules.items()]:
            if name in self._told:
                continue
            self._told.add(name)
            file = None if name.partition(".")[0] == _GATE else _file_of(module)
            if file and not file.startswith(_HERE) and (self._is_of_project(name) or self._is_watched(file)):
                found[name] = file
        libraries = [file for file in _mapped_libraries() if file not in self._told and self._is_watched(file)]
        self._told.update(libraries)
        known = set(found.values())
        return found | {os.path.basename(file): file for file in libraries if file not in known}

    def _is_of_project(self, name: str) -> bool:
        parts = name.split(".")
        return any(".".join(parts[:end]) in self._names for end in range(1, len(parts) + 1))

    def _is_watched(self, file: str) -> bool:
        if "site-packages" in file or file.startswith(self._elsewhere):
            return False  # an environment that lies in the checkout
        return file.startswith(self._watched)


def _file_of(module: object) -> str | None:
    try:
        file = vars(module).get("__file__")
    except TypeError:  # something else than a module was put there
        return None
    return os.path.realpath(file) if isinstance(file, str) else None


def _mapped_libraries() -> list[str]:
    """Shared libraries of this process, extension modules and what they and ctypes loaded; none but on Linux."""
    try:
        with open("/proc/self/maps", encoding="utf-8", errors="surrogateescape") as lines:
            paths = {line.rstrip("\n").partition("/")[2] for line in lines if "/" in line}
    except OSError:
        return []
    return sorted(f"/{path}" for path in paths if ".so" in os.path.basename(path))
