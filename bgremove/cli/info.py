"""``bgremove info``."""

from __future__ import annotations

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bgremove.cli.console import telling
from bgremove.cli.sections import SectionedCommand
from bgremove.machine import describe, describe_opencv


@click.command(cls=SectionedCommand)
def info() -> None:
    """What this machine offers: CPUs, memory, library versions, start methods."""
    table = Table(show_header=False)
    for key, value in {**describe(), "opencv": describe_opencv()}.items():
        table.add_row(key, escape(str(value)))
    with telling():
        Console().print(table)
