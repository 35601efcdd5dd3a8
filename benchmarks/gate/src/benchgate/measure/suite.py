"""What pytest is asked to run in both arms, and which of the project's own options stay."""

import configparser
import os
import shlex
import tomllib
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import WrongUseError

#: Options of a project that would spoil a measurement: the first word of each, and whether a word of its own follows.
_SPOILING = {
    "-n": True, "--numprocesses": True, "--dist": True, "--maxprocesses": True, "--tx": True, "-d": False,
    "-x": False, "--exitfirst": False, "--maxfail": True, "--stepwise": False, "--sw": False,
    "--stepwise-skip": False, "--sw-skip": False, "--lfnf": True, "--last-failed-no-failures": True, "--lf": False,
    "--last-failed": False, "--ff": False, "--failed-first": False, "--nf": False, "--co": False,
    "--collect-only": False, "--collectonly": False, "--pdb": False, "--trace": False, "--junitxml": True,
    "--junit-xml": True, "--forked": False, "--reruns": True, "--count": True, "--html": True, "--setup-only": False,
    "--setup-plan": False, "--help": False, "-h": False, "--version": False, "--fixtures": False, "--markers": False,
    "--random-order": False, "--codspeed": False, "--memray": False, "--profile": False, "--profile-svg": False,
    "--basetemp": True, "--json-report": False, "--log-file": True, "--debug": False, "--color": True,
    "--testmon": False, "--parallel-threads": True, "--iterations": True, "--forever": False, "--flake-finder": False,
    "--flake-runs": True, "--flake-max-minutes": True, "--picked": False,
}  # fmt: skip
_SPOILING_FAMILIES = ("--cov", "--no-cov", "--benchmark-", "--codspeed-", "--report-log", "--json-report-")
#: Plugins that a project loads for what is left out here.
_SPOILING_PLUGINS = ("pytest_cov", "pytest_cov.plugin", "xdist", "xdist.plugin", "pytest_randomly")
#: Plugins that a project may switch off in its tests, and that are needed here.
_NEEDED = ("no:benchmark", "no:pytest_benchmark", "no:terminal", "no:python", "no:codspeed")
#: Files in which pytest looks for its options, each with the section that makes it one.
_CONFIGURATION = ("pytest.toml", ".pytest.toml", "pytest.ini", ".pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg")


@dataclass(frozen=True)
class Suite:
    """Pytest's selection, `extra` arguments of the user's, and the folder that pytest is started in."""

    paths: tuple[str, ...]
    selection: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    folder: str = "."

    def arguments(self, root: Path) -> list[str]:
        """Pytest's arguments in the worktree `root`, without the selected paths that it does not have."""
        home, options = configured(root, self.paths)
        start = self.start(root)
        # relative, since pytest reads more into a path than its name: variables, brackets
        paths = [os.path.join(os.path.relpath(root, start), path) for path in self.present(root)]
        # first, lest an option that may have a value takes a path for it
        return [*paths, *kept_options(options), *self.selection, *self.extra,
                f"--rootdir={os.path.relpath(home, start)}", "-o", "addopts=", "-p", "no:benchgate.guard.plugin",
                # its time would count the other arm's turns
                *([] if "no:faulthandler" in options else ["-o", "faulthandler_timeout=0"]),
                # it lies among the files of the worktree
                *([] if "no:logging" in options else ["-o", "log_file="]),
                "--continue-on-collection-errors"]  # fmt: skip

    def present(self, root: Path) -> list[str]:
        """The selected paths that there are in the worktree `root`."""
        return [path for path in self.paths if (root / path.partition("::")[0]).exists()]

    def start(self, root: Path) -> Path:
        """The folder in which pytest is started."""
        return root / self.folder if (root / self.folder).is_dir() else root


def configured(root: Path, paths: Sequence[str]) -> tuple[Path, list[str]]:
    """Where pytest would find its configuration for these paths (else `root`), and the `addopts` that stand there."""
    folders = [(root / path.partition("::")[0]) for path in paths]
    common = Path(os.path.commonpath([folder if folder.is_dir() else folder.parent for folder in folders]))
    for folder in (common, *common.parents):
        for name in _CONFIGURATION:
            if (options := _options_in(folder / name)) is not None:
                return folder, options
        if folder == root:
            break
    return root, []


def _options_in(file: Path) -> list[str] | None:
    """The `addopts` of a file, or None if it has no options for pytest."""
    if not file.is_file():
        return None
    text = file.read_text(encoding="utf-8", errors="surrogateescape")
    try:
        if file.suffix == ".toml":
            return _toml_options(tomllib.loads(text), whole=file.name != "pyproject.toml")
        parser = configparser.ConfigParser(interpolation=None, strict=False)
        parser.read_string(text)
    except (tomllib.TOMLDecodeError, configparser.Error):
        return None  # pytest says so itself
    section = "tool:pytest" if file.name == "setup.cfg" else "pytest"
    if not parser.has_section(section):
        return [] if file.name in {"pytest.ini", ".pytest.ini"} else None
    return shlex.split(parser.get(section, "addopts", fallback=""))


def _toml_options(content: dict[str, Any], *, whole: bool) -> list[str] | None:
    tool = content if whole else content.get("tool", {})
    table = tool.get("pytest", {} if whole else None)
    if table is None:
        return None
    options = table.get("ini_options", table).get("addopts", [])
    return shlex.split(options) if isinstance(options, str) else [str(option) for option in options]


def kept_variables(environment: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Of the caller's variables for pytest, what does not spoil a measurement; raises WrongUseError for an odd quote.

    >>> dict(kept_variables({"PYTEST_ADDOPTS": "-n 4 --basetemp=/a -m 'not b'", "PYTEST_PLUGINS": "helper,pytest_cov"}))
    {'PYTEST_ADDOPTS': "-m 'not b'", 'PYTEST_PLUGINS': 'helper'}
    """
    try:
        options = shlex.split(environment.get("PYTEST_ADDOPTS", ""))
    except ValueError as error:
        raise WrongUseError(f"PYTEST_ADDOPTS cannot be read: {error}") from None
    plugins = environment.get("PYTEST_PLUGINS", "").split(",")
    yield "PYTEST_ADDOPTS", shlex.join(kept_options(options))
    yield "PYTEST_PLUGINS", ",".join(name for name in plugins if name not in _SPOILING_PLUGINS)


def kept_options(options: Sequence[str]) -> Iterator[str]:
    """Of a project's `addopts`, what does not spoil a measurement.

    >>> list(kept_options(["-p", "pytest_cov", "-pxdist"]))
    []
    >>> list(kept_options(["-n", "4", "--import-mode=importlib", "-x", "-p", "helper", "--cov=a", "-m", "not slow"]))
    ['--import-mode=importlib', '-p', 'helper', '-m', 'not slow']
    """
    words = deque(options)
    while words:
        word = words.popleft()
        name, equals, _ = word.partition("=")
        if word == "-p":
            plugin = words.popleft() if words else ""
            if plugin not in _SPOILING_PLUGINS + _NEEDED:
                yield from (word, plugin)
        elif name in _SPOILING:
            if _SPOILING[name] and not equals and words:
                words.popleft()
        elif name.startswith(_SPOILING_FAMILIES):
            if not equals and words and not words[0].startswith("-"):
                words.popleft()
        elif not _is_glued(word):
            yield word


def _is_glued(word: str) -> bool:
    """Whether a short option is written together with its value: -nauto, -pno:terminal."""
    auto = word.startswith("-n") and not word.startswith("--")
    return auto or (word.startswith("-p") and word[2:] in _SPOILING_PLUGINS + _NEEDED)
