"""Loaded by Python when it starts, in a measured process and in every one below it: they find their own revision alone.

This folder is on PYTHONPATH of arms for that. A worker that is spawned, or a command of the project, would else ask the
current folder, or the finder of an editable installation, which may come before all folders of the path.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

#: The variable that names a file of packages with the folders of each, in the characters made for units and records.
VARIABLE = "GATE_FINDS"
#: The variable that holds the file in which it is noted what was found; none but on trial.
NOTES = "GATE_NOTES"
#: The variable that names a file of files that the other arm would find too, in lines; none but on trial.
SHARED = "GATE_SHARED"
_UNIT, _RECORD = "\x1f", "\x1e"
#: Audit events of programs that are started: their words come second.
_STARTS = {"subprocess.Popen", "os.posix_spawn", "os.exec"}


class OwnRevisionFinder:
    """Finds the project's packages in the folders of this revision and nowhere else.

    First of all finders, so that neither an editable installation nor a copy in site-packages comes before it, in
    whatever order pytest, plugins or a conftest arrange sys.path.
    """

    def __init__(self, folders: Mapping[str, Sequence[str]], notes: str = "") -> None:
        self._folders, self._notes = folders, notes
        self._tops = {name.partition(".")[0] for name in folders}

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The module called `name`; raises ModuleNotFoundError if it is the project's, but not this revision's.

        What is below a package of the project is looked for in that package first: a finder of an editable
        installation may offer it from elsewhere.
        """
        if name not in self._folders:
            below = path is not None and name.partition(".")[0] in self._tops
            return self._noted(PathFinder.find_spec(name, path, target)) if below else None
        found = PathFinder.find_spec(name, list(self._folders[name]), target)
        if found is None:
            raise ModuleNotFoundError(f"this revision of the project has no {name}", name=name)
        return self._noted(found)

    def _noted(self, found: ModuleSpec | None) -> ModuleSpec | None:
        """The same, once it is noted in a file that all processes of an arm share."""
        if found is None or found.origin is None or not self._notes:
            return found
        try:
            with open(self._notes, "a", encoding="utf-8", errors="surrogateescape") as notes:
                notes.write(_RECORD + written({found.name: [found.origin]}))
        except OSError:  # the case leaves no file to open
            return found
        return found


class SharedFiles:
    """Notes which of the files are read that both arms share, in this process and in all that are forked from it.

    They are the `shared` ones, and whatever is in a folder among them, which ends with a slash. What compiled code
    reads is not seen.
    """

    def __init__(self, shared: Sequence[str], notes: str) -> None:
        self._files, self._folders = frozenset(shared), tuple(file for file in shared if file.endswith("/"))
        self._notes = notes

    def hear(self, event: str, given: tuple[Any, ...]) -> None:
        """An audit hook: whatever goes wrong in it must not be the case's trouble."""
        try:
            if event == "open":
                name, _, flags = given
                if flags & os.O_ACCMODE != os.O_WRONLY:
                    self._note(name)
            elif event == "sqlite3.connect":
                self._note(given[0])
            elif event in _STARTS:
                words, folder = given[1], given[2] if event == "subprocess.Popen" else None
                for word in [words] if isinstance(words, str | bytes | os.PathLike) else [*words]:
                    for part in (os.fsdecode(word), *os.fsdecode(word).replace("=", " ").split()):
                        self._note(os.path.join(os.fsdecode(folder or ""), part))
        except Exception:  # noqa: BLE001 (such as functions of `os` that the case has put others in place of)
            return

    def _note(self, name: Any) -> None:
        path = os.path.abspath(os.fsdecode(name))
        for each in dict.fromkeys((path, os.path.realpath(path))):
            if each in self._files or each.startswith(self._folders):
                with open(self._notes, "a", encoding="utf-8", errors="surrogateescape") as notes:
                    notes.write(listed([each, ""]))
                return


def written(folders: Mapping[str, Sequence[str]]) -> str:
    """What the file holds for these packages.

    >>> read(written({"toy": ["/a", "/b c"], "other": ["/a"]}))
    {'toy': ['/a', '/b c'], 'other': ['/a']}
    """
    return _RECORD.join(_UNIT.join((name, *where)) for name, where in folders.items())


def listed(texts: Sequence[str]) -> str:
    """What a file holds for a list of texts."""
    return _RECORD.join(texts)


def unlisted(text: str) -> list[str]:
    """The texts of such a file."""
    return [each for each in text.split(_RECORD) if each]


def read(text: str) -> dict[str, list[str]]:
    """The packages that such a file holds."""
    records = (record.split(_UNIT) for record in text.split(_RECORD) if record)
    return {name: where for name, *where in records}


def _give_way() -> None:
    """Loads the module of this name that the environment has for itself."""
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [folder for folder in sys.path if folder != here]
    own = sys.modules.pop("sitecustomize")
    try:
        import_module("sitecustomize")
    except ModuleNotFoundError as error:
        if error.name != "sitecustomize":
            raise
    finally:
        sys.modules.setdefault("sitecustomize", own)


if __name__ == "sitecustomize" and VARIABLE in os.environ:
    with open(os.environ[VARIABLE], encoding="utf-8", errors="surrogateescape") as _file:
        sys.meta_path.insert(0, OwnRevisionFinder(read(_file.read()), os.environ.get(NOTES, "")))
    if SHARED in os.environ:
        with open(os.environ[SHARED], encoding="utf-8", errors="surrogateescape") as _file:
            _notes, *_shared = _file.read().split(_RECORD)
        sys.addaudithook(SharedFiles(_shared, _notes).hear)
    _give_way()
