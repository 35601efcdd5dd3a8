"""``bgremove report``."""

from __future__ import annotations

from pathlib import Path

import click

from bgremove.cli import options
from bgremove.cli.console import told
from bgremove.cli.sections import SectionedCommand
from bgremove.errors import UsageError
from bgremove.report import Outputs
from bgremove.report.report import load_json


@click.command(cls=SectionedCommand, examples=("bgremove report figures.json --report report.html --plots plots/",))
@click.argument("figures", type=options.Here(exists=True))
@options.made_of_json
def report(figures: Path, outputs: Outputs) -> int:
    """Make a report of FIGURES, a file that compare or remove wrote with --json. It then holds no pictures."""
    if not outputs:
        raise UsageError("say what to make: --report, --plots or --trace")
    content = load_json(figures)
    outputs.check([figures])
    return told(outputs.write(content))
