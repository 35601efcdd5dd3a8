"""What a run is asked to do: from ``[tool.benchgate]`` of a project's pyproject.toml and from the command line."""

import argparse
import os
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from .decide.rule import Rule
from .errors import WrongUseError
from .part import Part, Shard
from .revisions.git import WORKING_TREE

#: Seconds for all measuring of one run.
DEFAULT_BUDGET_S = 600.0


@dataclass(frozen=True)
class Settings:
    """What was asked for, once and for all. Paths of cases are relative to the root of the repository.

    `base` is None for the commit at which head left the main branch; `tolerances` are patterns of cases with the loss
    of them that must be seen. `prepare` is a command that builds a revision, `carry` are patterns of ignored files that
    both revisions need, `pytest_args` go to pytest as they are, and `folder` is where it is started. `part` says which
    of the selected cases are measured; a shard's rule has its share of the whole suite's alpha. The keys
    that are not from the file are `told`.
    """

    paths: tuple[str, ...]
    base: str | None = None
    head: str = WORKING_TREE
    selection: tuple[str, ...] = ()
    rule: Rule = field(default_factory=Rule)
    tolerances: Mapping[str, float] = field(default_factory=dict)
    budget_s: float = DEFAULT_BUDGET_S
    timeout_s: float = 120.0
    prepare: str | None = None
    carry: tuple[str, ...] = ()
    pytest_args: tuple[str, ...] = ()
    folder: str = "."
    output: Path | None = None
    part: Part = field(default_factory=Part)
    told: frozenset[str] = frozenset()


# --- what a value may be, whether it is written in TOML or on the command line


def _text(value: object) -> str:
    """A text with something in it; raises argparse.ArgumentTypeError for anything else."""
    if not isinstance(value, str) or not value.strip():
        raise argparse.ArgumentTypeError(f"{value!r}: give a text")
    return value


def _texts(value: object) -> list[str]:
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return value
    raise argparse.ArgumentTypeError(f"{value!r}: give a list of texts")


def _number(value: object) -> float:
    try:
        return float(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else float("nan")
    except ValueError:
        return float("nan")


def share(value: object) -> float:
    """A share between 0 and 1; raises argparse.ArgumentTypeError for anything else."""
    number = _number(value)
    if not 0 < number < 1:
        raise argparse.ArgumentTypeError(f"{value}: give a share between 0 and 1, for example 0.03 for 3%")
    return number


def seconds(value: object) -> float:
    """A positive number of seconds; raises argparse.ArgumentTypeError for anything else."""
    number = _number(value)
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{value}: give a positive number of seconds")
    return number


def _shares(value: object) -> dict[str, float]:
    if not isinstance(value, dict):
        raise argparse.ArgumentTypeError(f"{value!r}: give a table of patterns of cases, each with a share")
    return {pattern: share(number) for pattern, number in value.items()}


def _share_of(value: str) -> tuple[str, float]:
    pattern, equals, number = value.rpartition("=")
    if not equals or not pattern:
        raise argparse.ArgumentTypeError(f"{value}: give a pattern of cases and a share, as in 'test_pool*=0.1'")
    return pattern, share(number)


class Key(NamedTuple):
    """One key of ``[tool.benchgate]``: what it may hold, what it is without being given."""

    check: Callable[[object], Any]
    default: Any


KEYS: dict[str, Key] = {
    "paths": Key(_texts, ["benchmarks"]),
    "base": Key(_text, None),
    "head": Key(_text, WORKING_TREE),
    "keyword": Key(_text, None),
    "marker": Key(_text, None),
    "tolerance": Key(share, Rule().tolerance),
    "tolerances": Key(_shares, {}),
    "alpha": Key(share, Rule().alpha),
    "budget-s": Key(seconds, DEFAULT_BUDGET_S),
    "timeout-s": Key(seconds, 120.0),
    "prepare": Key(_text, None),
    "carry": Key(_texts, []),
    "pytest-args": Key(_texts, []),
    "output": Key(_text, None),
}


class Configured(NamedTuple):
    """The folder that configured paths count from, and the keys that are set there."""

    folder: Path
    keys: Mapping[str, Any]


def configured(directory: Path, root: Path) -> Configured:
    """``[tool.benchgate]`` of the nearest pyproject.toml from `directory` up to `root` that has it.

    Raises WrongUseError for a key that there is not, and for one that holds something wrong.
    """
    for folder in (directory, *directory.parents):
        file = folder / "pyproject.toml"
        if file.is_file() and (found := _table(file)) is not None:
            return Configured(folder, _checked(file, found))
        if folder == root:
            break
    return Configured(directory, {})


def _table(file: Path) -> dict[str, Any] | None:
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise WrongUseError(f"{file} cannot be read: {error}") from None
    tool = content.get("tool")
    table = tool.get("benchgate") if isinstance(tool, dict) else None
    if table is not None and not isinstance(table, dict):
        raise WrongUseError(f"{file}: [tool.benchgate] is {table!r}: write a table of keys")
    return table


def _checked(file: Path, table: Mapping[str, Any]) -> dict[str, Any]:
    unknown = sorted(set(table) - set(KEYS))
    if unknown:
        raise WrongUseError(f"{file}: [tool.benchgate] has no key {', '.join(unknown)}; it has {', '.join(KEYS)}")
    checked = {}
    for name, value in table.items():
        try:
            checked[name] = KEYS[name].check(value)
        except argparse.ArgumentTypeError as error:
            raise WrongUseError(f"{file}: [tool.benchgate] {name} = {error}") from None
    return checked


def inside(path: str, folder: Path, root: Path) -> str:
    """A path of cases, given from `folder`, as from the root of the repository; WrongUseError if it leads out of it."""
    file, colons, names = path.partition("::")
    absolute = Path(os.path.normpath(folder / file))
    if not absolute.is_relative_to(root):  # it may lead there by a link
        absolute = Path(os.path.realpath(absolute))
    if not absolute.is_relative_to(root):
        raise WrongUseError(f"{path}: give paths inside the repository {root}")
    return f"{absolute.relative_to(root).as_posix()}{colons}{names}"


# --- the command line


def add_selection(parser: argparse.ArgumentParser) -> None:
    """The arguments that choose cases, as pytest's, and what a revision needs to run them."""
    parser.add_argument("paths", nargs="*", default=None, metavar="PATH", help="as for pytest (benchmarks)")
    parser.add_argument("-k", dest="keyword", metavar="EXPRESSION", help="as for pytest")
    parser.add_argument("-m", dest="marker", metavar="EXPRESSION", help="as for pytest")
    parser.add_argument("--timeout-s", type=seconds, help="a process that is silent for so long hangs (120)")
    parser.add_argument("--output", type=_text, metavar="DIR", help="reports, raw pairs, profiles and logs go here")
    parser.add_argument(
        "--pytest-arg",
        dest="pytest_args",
        action="append",
        metavar="ARG",
        help="goes to pytest as it is; may be repeated",
    )
    parser.add_argument(
        "--prepare", type=_text, metavar="COMMAND", help="builds a revision; may name {target}, {worktree} and {python}"
    )
    parser.add_argument(
        "--carry", action="append", metavar="PATTERN", help="ignored files that both revisions need; may be repeated"
    )


def add_comparison(parser: argparse.ArgumentParser) -> None:
    """The arguments of a comparison."""
    parser.add_argument("--base", metavar="REV", help="the revision to compare with (where head left the main branch)")
    parser.add_argument("--head", metavar="REV", help=f"the revision to judge ({WORKING_TREE})")
    add_selection(parser)
    parser.add_argument(
        "--tolerance", type=share, help="the loss that must be seen, where nothing else is said of a case (0.03)"
    )
    parser.add_argument(
        "--tolerance-of",
        dest="tolerances",
        type=_share_of,
        action="append",
        metavar="PATTERN=SHARE",
        help="the loss that must be seen of the cases whose id matches; may be repeated",
    )
    parser.add_argument("--alpha", type=share, help="false alarms of the whole suite (0.01)")
    parser.add_argument("--budget-s", type=seconds, help="seconds for all measuring (600)")
    parser.add_argument(
        "--shard",
        type=Shard.parsed,
        default=Shard(),
        metavar="I/N",
        help="every N-th case from the I-th on; see benchgate merge",
    )
    parser.add_argument(
        "--confirm", type=Path, metavar="GATE.JSON", help="only the cases that regressed in that run, measured anew"
    )


def settings(given: argparse.Namespace, directory: Path, root: Path) -> Settings:
    """What was given on the command line, else what is configured, else what is usual."""
    table = configured(directory, root)
    told = {name.replace("_", "-"): value for name, value in vars(given).items() if value not in (None, [])}
    if "tolerances" in told:
        told["tolerances"] = dict(told["tolerances"])
    value = {name: told.get(name, table.keys.get(name, key.default)) for name, key in KEYS.items()}
    folder = table.folder if "paths" in table.keys and "paths" not in told else directory
    output = value["output"]
    part = Part(getattr(given, "shard", Shard()), getattr(given, "confirm", None))
    return Settings(
        paths=tuple(inside(path, folder, root) for path in value["paths"]),
        base=value["base"],
        head=value["head"],
        selection=selection(value["keyword"], value["marker"]),
        rule=Rule(value["tolerance"], value["alpha"] / part.shard.count),
        tolerances=value["tolerances"],
        budget_s=value["budget-s"],
        timeout_s=value["timeout-s"],
        prepare=value["prepare"],
        carry=tuple(
            inside(pattern, directory if "carry" in told else table.folder, root) for pattern in value["carry"]
        ),
        pytest_args=tuple(value["pytest-args"]),
        folder=table.folder.relative_to(root).as_posix(),
        output=None if output is None else (directory if "output" in told else table.folder) / output,
        part=part,
        told=frozenset(told).intersection(KEYS),
    )


def selection(keyword: str | None, marker: str | None) -> tuple[str, ...]:
    """The expressions that were given, as pytest's arguments."""
    chosen: Sequence[tuple[str, str | None]] = (("-k", keyword), ("-m", marker))
    return tuple(word for flag, text in chosen if text for word in (flag, text))
