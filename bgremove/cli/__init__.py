"""The command: the only place that wires everything together."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from shutil import get_terminal_size

import click

from bgremove import __version__
from bgremove.cli.console import EXIT_FAILURES, EXIT_INTERRUPTED, EXIT_USAGE, flushed, say, telling
from bgremove.errors import BgremoveError, OutputError, RectError, UsageError

SUMMARIES = {
    "remove": "Cut the objects out of photographs.",
    "rects": "Propose a rectangle for each photograph.",
    "compare": "Does parallel pay? Say so with evidence.",
    "report": "Make a report of figures that were written with --json.",
    "info": "What this machine offers.",
}


class _Commands(click.Group):
    """Imports a command when it is asked for: help need not wait for OpenCV."""

    # ruff: noqa: ARG002, PLC0415

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of all."""
        return list(SUMMARIES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, None if there is none."""
        match cmd_name:
            case "remove":
                from bgremove.cli.remove import remove

                return remove
            case "rects":
                from bgremove.cli.rects import rects

                return rects
            case "compare":
                from bgremove.cli.compare import compare

                return compare
            case "report":
                from bgremove.cli.report import report

                return report
            case "info":
                from bgremove.cli.info import info

                return info
        return None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """See `click.Group.resolve_command`. Who names a file, and no command, is shown the line that was meant."""
        if self.get_command(ctx, args[0]) is None and os.path.exists(args[0]):
            from bgremove.paths import command_line

            meant = command_line(["bgremove", "remove", *args])
            ctx.fail(f"No such command {args[0]!r}. Did you mean `{meant}`?")
        return super().resolve_command(ctx, args)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """See `bgremove.cli.sections.SectionedCommand.parse_args`."""
        with telling():
            return super().parse_args(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Their part of the help."""
        with formatter.section("Commands"):
            formatter.write_dl(list(SUMMARIES.items()))


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="bgremove")
def cli() -> None:
    """Remove the background of photographs, one or a million."""


def main() -> None:
    """Run the command, and end the process with its exit status."""
    _hold_standard_streams()
    try:
        os.getcwd()
    except OSError as error:  # names are relative to it
        say(f"error: the current folder cannot be used ({error.strerror}): go to another one")
        sys.exit(EXIT_USAGE)
    sys.exit(flushed(run(sys.argv[1:])))


def _hold_standard_streams() -> None:
    """Let nothing else have the number of a standard stream that is closed, and messages go nowhere then."""
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(number, True)
    os.close(number)
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - as long as the process


def run(arguments: Sequence[str]) -> int:
    """Run the command and give its exit status: 0 all done, 1 some images failed, 2 wrong use, 130 interrupted."""
    try:
        status: int | None = cli.main(
            list(arguments),
            prog_name="bgremove",
            standalone_mode=False,
            obj=tuple(arguments),
            terminal_width=min(80, get_terminal_size().columns),  # click itself never goes under 50
        )
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except BgremoveError as error:
        say(f"error: {error}")
        return EXIT_USAGE if isinstance(error, UsageError | RectError | OutputError) else EXIT_FAILURES
    except (KeyboardInterrupt, click.Abort) as error:
        if isinstance(error.__cause__, EOFError):  # which click takes for an interruption, too
            say(f"error: the connection to another process has ended ({error.__cause__})")
            return EXIT_FAILURES
        rest = "; what is written is whole, and `--resume` does the rest" if arguments[:1] == ["remove"] else ""
        say(f"interrupted{rest}")
        return EXIT_INTERRUPTED
    except (RuntimeError, OSError) as error:
        from bgremove.machine import may_start_no_more

        if not may_start_no_more(error):
            raise
        what = "threads, processes or open files (ulimit -u, ulimit -n)"
        say(f"error: the system gives no more {what}: take fewer --workers: {error}")
        return EXIT_FAILURES
    return status or 0
