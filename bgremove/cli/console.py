"""What the command says: results on standard output, everything else on standard error."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import click

from bgremove.errors import OutputError
from bgremove.pace import Pace
from bgremove.progress import progress

EXIT_FAILURES = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130


def say(text: str) -> None:
    """A line on standard error. What a full disk has no room for is lost, and the work goes on."""
    try:
        click.echo(text, file=sys.stderr)
    except BrokenPipeError:
        raise  # nobody is there any more
    except OSError:
        pass


@contextmanager
def telling() -> Iterator[None]:
    """A block that writes results to standard output; `OutputError` if that cannot be written."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(f"standard output: it cannot be written ({error.strerror})") from error


def told(unwritten: Iterable[OutputError]) -> int:
    """Tell what was to stand beside the results and could not be written; the exit status for that, 0 if it is nothing.

    It is not that of wrong use, after which nothing has been done.
    """
    code = 0
    for error in unwritten:
        say(f"error: {error}")
        code = EXIT_FAILURES
    return code


def flushed(status: int) -> int:
    """The exit status of a command that would end with `status`, when all it has said is written or given up."""
    for stream in filter(None, (sys.stdout, sys.stderr)):
        try:
            stream.flush()
        except OSError:  # Python would try again, and end with 120
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
            status = status or (EXIT_FAILURES if stream is sys.stdout else status)
    return status


def counting(what: str, *, quiet: bool) -> Callable[[int], AbstractContextManager[Callable[[], None]]]:
    """Called with how many there are, it shows how far a loop over them is: see `bgremove.progress.progress`."""
    return lambda total: progress(Pace(what, total), quiet=quiet)


def circumstances() -> dict[str, Any]:
    """By which command figures were made, and where."""
    from bgremove.machine import describe  # noqa: PLC0415 - help does without

    return {"command": ["bgremove", *click.get_current_context().obj], "environment": describe()}
