"""What the help of a command looks like: its options by section, and examples."""

from __future__ import annotations

from typing import Any

import click

from bgremove.cli.console import telling

_SECTIONS = {
    "What is cut out": {
        "recursive", "watch", "rect", "rects", "margin", "engine", "model", "iterations", "seed", "edge", "max_pixels",
    },
    "What is written": {
        "output", "emit", "format", "background", "crop", "pad", "metadata", "naming", "overwrite", "resume", "dry_run",
    },
    "How it is run": {"strategy", "strategies", "scheduler", "shard", "workers", "rounds", "timeout"},
    "What is told": {"status", "json_file", "contact_sheet", "report", "plots", "trace", "quiet", "verbose"},
}  # fmt: skip
"""Where the help shows an option, by name; any other stands under Options."""


class SectionedCommand(click.Command):
    """Its help groups the options, and ends with examples."""

    def __init__(self, *arguments: Any, examples: tuple[str, ...] = (), **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._examples = examples

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take the options, of which some write their answer, such as help, and end the command."""
        with telling():
            return super().parse_args(ctx, args)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options by section."""
        known = set[str | None]().union(*_SECTIONS.values())
        params = [param for param in self.get_params(ctx) if isinstance(param, click.Option)]
        rest = {param.name for param in params} - known
        for title, names in {**_SECTIONS, "Options": rest}.items():
            records = [param.get_help_record(ctx) for param in params if param.name in names]
            shown = [record for record in records if record is not None]
            if shown:
                with formatter.section(title):
                    formatter.write_dl(shown, col_max=min(30, formatter.width // 3))

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples, each on a line of its own, whatever the width, to be copied."""
        super().format_epilog(ctx, formatter)
        if self._examples:
            with formatter.section("Examples"):
                for line in self._examples:
                    formatter.write(f"{'':>{formatter.current_indent}}{line}\n")
