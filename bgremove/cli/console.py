"""What the command says: results on standard output, everything else on standard error."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import click

from bgremove.pace import Pace

if TYPE_CHECKING:
    from bgremove.progress import Advance

EXIT_FAILURES = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130


def say(text: str) -> None:
    """A line on standard error."""
    click.echo(text, file=sys.stderr)


def tell(text: str) -> None:
    """A line on standard output."""
    click.echo(text)


def counting(what: str, *, quiet: bool) -> Callable[[int], AbstractContextManager[Callable[[], None]]]:
    """Called with how many there are, it shows how far a loop over them is: see `bgremove.progress.progress`."""
    return lambda total: shown(Pace(what, total), quiet=quiet)


def shown(pace: Pace, *, quiet: bool) -> AbstractContextManager[Advance]:
    """On standard error: see `bgremove.progress.progress`."""
    from rich.console import Console  # noqa: PLC0415 - help does without

    from bgremove.progress import progress  # noqa: PLC0415

    return progress(Console(stderr=True), pace, quiet=quiet)


def circumstances() -> dict[str, Any]:
    """By which command figures were made, and where."""
    from bgremove.machine import describe  # noqa: PLC0415 - help does without

    return {"command": ["bgremove", *click.get_current_context().obj], "environment": describe()}
