"""Where Pythons would load the project from that a case starts without what leads them to their own revision.

Runs inside measured processes, so it needs nothing but the standard library.
"""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from .children.sitecustomize import VARIABLE

#: Put on the path of every arm, see there.
_LEADING = os.path.join(os.path.dirname(os.path.abspath(__file__)), "children")
_PYTHON = re.compile(r"(python|pypy)[\d.]*t?")
#: Programs that start another, which is among their words.
_STARTERS = {"sh", "bash", "dash", "zsh", "env", "nice", "nohup", "setsid", "taskset", "time", "timeout"}
#: A word of options of Python: those without a value, and one that has one.
_OPTIONS = re.compile(r"-([bBdEhiIOPqRsSuvVx]*)([cmWX]?)(.*)")
#: Options that decide where modules are found, and those of them that keep the leading folder from being used.
_OF_PATHS, _MISLEADING = set("EIPsS"), set("EIS")
#: Asks a Python where it finds packages, and loads none that is no part of a namespace.
_QUESTION = """
import importlib.util, sys
if sys.path[:1] == [""] and sys.argv[1]:
    sys.path[0] = sys.argv[1]
for name in sys.argv[2:]:
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        continue
    if spec:
        print(name, spec.origin or [*spec.submodule_search_locations][0], sep="\\x1f")
"""
#: How long the answer may take, in seconds.
_ANSWER_S = 30.0


@dataclass(frozen=True)
class Spawned:
    """A program that was started, in a folder and with an environment."""

    words: tuple[str, ...]
    folder: str
    environment: tuple[tuple[str, str], ...]

    @cached_property
    def _variables(self) -> dict[str, str]:
        return dict(self.environment)

    def asked(self, names: Sequence[str]) -> dict[str, str]:
        """Where it finds these packages if it is a Python that nothing leads; nothing else."""
        words = self._python()
        if not words:
            return {}
        options, script = _options(words[1:])
        led = VARIABLE in self._variables and _LEADING in self._variables.get("PYTHONPATH", "").split(os.pathsep)
        if led and options.isdisjoint(_MISLEADING):
            return {}
        beside = os.path.dirname(os.path.realpath(os.path.join(self.folder, script))) if script else ""
        question = [words[0], *(f"-{option}" for option in sorted(options)), "-c", _QUESTION, beside, *names]
        with suppress(OSError, subprocess.SubprocessError):
            answer = subprocess.run(  # noqa: S603 (what the case has started itself)
                question, cwd=self.folder, env=self._variables, stdin=subprocess.DEVNULL, capture_output=True,
                timeout=_ANSWER_S, check=False,
            )  # fmt: skip
            lines = (line.split("\x1f") for line in os.fsdecode(answer.stdout).splitlines())
            found = {line[0]: line[1] for line in lines if len(line) == 2}
            return {name: os.path.realpath(os.path.join(self.folder, file)) for name, file in found.items()}
        return {}

    def _python(self) -> list[str]:
        """From the word on that is a Python, or a script of one; nothing if none is started."""
        starts = os.path.basename(self.words[0]) in _STARTERS
        words = " ".join(self.words).split() if starts else [*self.words]
        for index in range(len(words) if starts else 1):
            if interpreter := self._interpreter(words[index].strip("'\"")):
                return [*interpreter, *words[index + 1 :]]
        return []

    def _interpreter(self, word: str) -> list[str]:
        """A Python as it is started by its name, or by a script with its own."""
        path = os.path.join(self.folder, word) if os.sep in word else word
        file = shutil.which(path, path=self._variables.get("PATH", os.defpath))
        if file is None:
            return []
        if _PYTHON.fullmatch(os.path.basename(file)):
            return [file]
        with suppress(OSError), open(file, "rb") as lines:
            first = os.fsdecode(lines.readline(200))
            if first.startswith("#!") and (found := re.search(r"(\S*python\S*)(.*)", first[2:])):
                return [*self._interpreter(found[1]), *found[2].split(), file]
        return []


class Children:
    """Programs that this process starts from now on."""

    def __init__(self, names: Sequence[str], own: Sequence[str]) -> None:
        """`names` are the project's packages, `own` the folders of this revision."""
        self._names = [name for name in names if not any(name.startswith(f"{other}.") for other in names)]
        self._own = tuple(os.path.realpath(folder) + os.sep for folder in own)
        self._begun: dict[Spawned, None] = {}
        self._answers: dict[Spawned, dict[str, str]] = {}
        self._began_s = time.time()
        sys.addaudithook(self._hear)

    def astray(self) -> str:
        """What is wrong with the Pythons that were started since this was asked for last; nothing if nothing is."""
        begun, self._begun = [*self._begun], {}
        for spawned in begun:
            if spawned not in self._answers:
                self._answers[spawned] = spawned.asked(self._names)
        self._begun = {}  # what asked
        found = [each for spawned in begun for each in self._answers[spawned].items() if self._is_shared(each[1])]
        return "".join(
            f"it starts a Python that finds {name} in {place}, as the other arm does: pass os.environ on to it, with "
            "PYTHONPATH, and start it without -I, -E and -S"
            for name, place in found[:1]
        )

    def _is_shared(self, place: str) -> bool:
        """Whether a file is not of this revision, nor installed by the case itself."""
        with suppress(OSError):
            return not place.startswith(self._own) and os.stat(place).st_ctime < self._began_s
        return True

    def _hear(self, event: str, given: tuple[Any, ...]) -> None:
        if event == "subprocess.Popen":
            program, words, folder, environment = given
        elif event == "os.posix_spawn":
            (program, words, environment), folder = given, None
        else:
            return
        with suppress(OSError, TypeError, ValueError):  # the case's own mistake
            spawned = Spawned(
                (os.fsdecode(program), *_decoded(words)[1:]),
                os.path.abspath(os.fsdecode(folder or "")),
                tuple(_text(os.environ if environment is None else environment)),
            )
            self._begun[spawned] = None


def _decoded(words: Any) -> list[str]:
    return [os.fsdecode(word) for word in ([words] if isinstance(words, str | bytes | os.PathLike) else words)]


def _text(environment: Mapping[Any, Any]) -> Iterator[tuple[str, str]]:
    for name, value in environment.items():
        yield os.fsdecode(name), os.fsdecode(value)


def _options(words: Sequence[str]) -> tuple[set[str], str]:
    """Which options that decide where modules are found a Python is given, and its script if it has one."""
    found: set[str] = set()
    left = iter(words)
    for word in left:
        match = _OPTIONS.fullmatch(word)
        if match is None:
            return found, word
        found |= _OF_PATHS.intersection(match[1])
        if match[2] and match[2] in "cm":
            break
        if match[2] and not match[3]:
            next(left, None)
    return found, ""
