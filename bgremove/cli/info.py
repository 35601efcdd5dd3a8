"""``bgremove info``."""

from __future__ import annotations

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bgremove.cli.console import telling
from bgremove.cli.sections import SectionedCommand
from bgremove.machine import describe, describe_opencv
from bgremove.report.facts import rows_of


@click.command(cls=SectionedCommand)
def info() -> None:
    """What this machine offers: CPUs, memory, library versions, start methods."""
    table = Table(show_header=False)
    for name, value in rows_of({**describe(), "opencv": describe_opencv()}):
        table.add_row(name, escape(value))
    with telling():
        Console().print(table)
