"""What the command says of a run in the end."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import click

from bgremove.batch.plan import Plan
from bgremove.batch.sources import left_out_text
from bgremove.batch.summary import Summary
from bgremove.cli.console import EXIT_FAILURES, say
from bgremove.errors import OutputError
from bgremove.formats import DEFAULT_MAX_PIXELS
from bgremove.paths import STANDARD, command_line
from bgremove.url import Location


@contextmanager
def concluding(plan: Plan, summary: Summary, *, quiet: bool) -> Iterator[None]:
    """Tell what became of all, too, if the block ends because something cannot be written."""
    try:
        yield
    except OutputError:
        conclude(plan, summary, quiet=quiet)
        raise


def conclude(plan: Plan, summary: Summary, *, to_do: int | None = None, quiet: bool) -> int:
    """Tell what became of all, and give the exit status; `to_do` is the number of images that a dry run leaves."""
    if not quiet:
        for line in summary.warnings:
            say(f"warning: {line}")
    for line in summary.failures:
        say(f"failed: {line}")
    if not quiet:
        remark(plan, summary)
        first = f"{summary.ok} ok" if to_do is None else f"{to_do} to do"
        say(f"{first}, {summary.skipped} skipped, {len(summary.failures)} failed")
    return EXIT_FAILURES if summary.failures else 0


def remark(plan: Plan, summary: Summary) -> None:
    """Tell what was left out, and which masks are doubtful."""
    if omitted := left_out_text(plan.left_out):
        say(omitted)
    for line in summary.remarks(_advice(summary.doubtful)):
        say(line)


def _advice(doubtful: Sequence[Location]) -> str:
    """The command that corrects what is doubtful, by the user's own inputs unless the doubtful ones are fewer."""
    given = click.get_current_context().params
    if STANDARD in given["inputs"]:
        return "a rect drawn around the object helps, see --rect"
    named = given["inputs"] if len(given["inputs"]) <= len(doubtful) else doubtful
    line = ["bgremove", "rects", "--edit", *(["-r"] if given["recursive"] else [])]
    line += ["-o", os.fspath(given["rects"] or "rects.csv")]
    line += ["--max-pixels", str(given["max_pixels"])] if given["max_pixels"] > DEFAULT_MAX_PIXELS else []
    if any(str(path).startswith("-") for path in named):
        line.append("--")
    return f"`{command_line([*line, *map(str, named)])}`"
