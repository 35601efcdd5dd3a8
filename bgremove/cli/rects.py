"""``bgremove rects``."""

from __future__ import annotations

from pathlib import Path

import click

from bgremove.batch.sources import find_sources, left_out_text
from bgremove.cli import options
from bgremove.cli.console import EXIT_FAILURES, counting, say
from bgremove.cli.sections import SectionedCommand
from bgremove.files import check_json_file, write_text_file
from bgremove.rects import propose_rects, rects_csv
from bgremove.settings import Settings
from bgremove.types import Rect
from bgremove.url import Location


@click.command(
    cls=SectionedCommand,
    examples=("bgremove rects photos/ -o rects.csv", "bgremove remove photos/ -o cutouts/ --rects rects.csv"),
)
@options.inputs
@click.option("-o", "--output", required=True, type=options.FILE, help="CSV for the rects, path,x,y,width,height.")
@options.recursive
@click.option(
    "--margin", type=float, default=Settings().margin, show_default=True,
    help="Fraction of each side that is certain background.",
)  # fmt: skip
@options.quiet
def rects(inputs: tuple[Location, ...], output: Path, recursive: bool, margin: float, quiet: bool) -> int:
    """Propose a rectangle around the object of each of INPUTS, to be looked at, corrected, and given to remove.

    An image in which nothing is found has the rectangle that the margin leaves.
    """
    settings = Settings(margin=margin)
    sources, unusable, left_out = find_sources(inputs, recursive=recursive)
    check_json_file(output, (source.path for source in sources))
    found: dict[Location, Rect] = {}
    failures = [str(each.error) for each in unusable]
    with counting("images", quiet=quiet)(len(sources)) as advance:
        for path, proposed in propose_rects((source.path for source in sources), settings):
            if isinstance(proposed, Rect):
                found[path] = proposed
            else:
                failures.append(str(proposed))
            advance()
    write_text_file(output, rects_csv(found, output.parent))
    for line in failures:
        say(f"failed: {line}")
    if not quiet and (omitted := left_out_text(left_out)):
        say(omitted)
    return EXIT_FAILURES if failures else 0
