"""The command line of the gate."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .verdict import Rule
from .worktrees import WORKING_TREE

#: Seconds for all measuring of one run.
DEFAULT_BUDGET_S = 600.0


@dataclass(frozen=True)
class Options:
    """What was asked for, once and for all."""

    base: str
    head: str
    paths: tuple[str, ...]
    selection: tuple[str, ...]
    rule: Rule
    budget_s: float
    timeout_s: float
    output: Path | None


def _share(text: str) -> float:
    value = float(text)
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"{text}: give a share between 0 and 1, for example 0.03 for 3%")
    return value


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text}: give a positive number of seconds")
    return value


def add_selection(parser: argparse.ArgumentParser) -> None:
    """The arguments that choose cases, as pytest's."""
    parser.add_argument("paths", nargs="*", default=["benchmarks"], metavar="PATH", help="as for pytest (benchmarks)")
    parser.add_argument("-k", dest="keyword", metavar="EXPRESSION", help="as for pytest")
    parser.add_argument("-m", dest="marker", metavar="EXPRESSION", help="as for pytest")
    parser.add_argument("--timeout-s", type=_seconds, default=120.0, help="a silent process hangs (%(default)s)")


def selection(given: argparse.Namespace) -> tuple[str, ...]:
    """The expressions that were given, as pytest's arguments."""
    chosen = (("-k", given.keyword), ("-m", given.marker))
    return tuple(word for flag, text in chosen if text for word in (flag, text))


def parse(arguments: Sequence[str] | None) -> Options:
    """Options from the command line; ends the program with status 2 when they are wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gate",
        description="Says whether head is slower than base, case by case.",
        epilog="Exit status: 0 nothing regressed, 1 something did, 2 wrong use, 3 something could not be decided.",
    )
    parser.add_argument("--base", required=True, metavar="REV", help="the revision to compare with")
    parser.add_argument("--head", default=WORKING_TREE, metavar="REV", help="the revision to judge (%(default)s)")
    add_selection(parser)
    parser.add_argument(
        "--tolerance",
        type=_share,
        default=0.03,
        help="the loss that must be seen, where a case's marker says nothing else (%(default)s)",
    )
    parser.add_argument("--alpha", type=_share, default=0.01, help="false alarms of the whole suite (%(default)s)")
    parser.add_argument(
        "--budget-s", type=_seconds, default=DEFAULT_BUDGET_S, help="seconds for all measuring (%(default)s)"
    )
    parser.add_argument(
        "--output", type=Path, metavar="DIR", help="report, JUnit, raw pairs, profiles and logs go here"
    )
    given = parser.parse_args(arguments)
    return Options(
        base=given.base,
        head=given.head,
        paths=tuple(given.paths),
        selection=selection(given),
        rule=Rule(given.tolerance, given.alpha),
        budget_s=given.budget_s,
        timeout_s=given.timeout_s,
        output=given.output,
    )
