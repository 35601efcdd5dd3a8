"""``bgremove compare``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from rich.console import Console

from bgremove.batch import Job
from bgremove.batch.headers import largest_first
from bgremove.batch.plan import output_paths
from bgremove.batch.sources import find_sources, left_out_text, no_image, refuse_pictures
from bgremove.cli import options
from bgremove.cli.console import EXIT_FAILURES, circumstances, counting, say, telling, told
from bgremove.cli.sections import SectionedCommand
from bgremove.cli.status import told_on_signal
from bgremove.comparison import MIN_ROUNDS, Comparison, contenders
from bgremove.comparison import compare as compare_strategies
from bgremove.comparison.compare import DEFAULT_CONTENDERS
from bgremove.comparison.report import TABLE_WIDTH, answer, choice, comparison_json, comparison_list, comparison_table
from bgremove.errors import OutputError
from bgremove.files import noting
from bgremove.machine import usable_cpus
from bgremove.pace import Pace
from bgremove.paths import STANDARD
from bgremove.progress import progress
from bgremove.report import Outputs
from bgremove.report.gallery import Gallery
from bgremove.settings import Settings
from bgremove.url import Location


@click.command(
    cls=SectionedCommand,
    examples=(
        "bgremove compare photos/ --report report.html",
        "bgremove compare photos/ --strategies threads,processes --workers 1,2,4 --rounds 9",
    ),
)
@options.inputs
@options.recursive
@click.option(
    "--strategies", type=options.Listed("NAMES"), default=",".join(DEFAULT_CONTENDERS), show_default=True,
    help="The loop, sequential, is always among them.",
)  # fmt: skip
@click.option(
    "--workers",
    type=options.Listed("COUNTS", options.whole_number),
    default=lambda: (usable_cpus(),),
    help="Default: the usable CPUs.",
)
@click.option(
    "--rounds", type=click.IntRange(min=MIN_ROUNDS), default=5, show_default=True, help="How often each runs all."
)
@options.settings
@options.outputs
@options.quiet
def compare(
    inputs: tuple[Location, ...], recursive: bool, strategies: tuple[str, ...], workers: tuple[int, ...], rounds: int,
    outputs: Outputs, quiet: bool, **fields: Any,
) -> int:  # fmt: skip
    """Does parallel pay? Run INPUTS under each strategy in turn, and say so with evidence."""
    settings = Settings(**fields)
    pace = Pace("images")
    click.get_current_context().with_resource(told_on_signal(pace))
    chosen = contenders(strategies, workers)
    sources, unusable, left_out = find_sources(inputs, recursive=recursive)
    if not sources:
        raise no_image(inputs, left_out, unusable)
    if outputs.plots is not None:
        refuse_pictures(outputs.plots, inputs)
    outputs.check([source.path for source in sources], {source.path.parent for source in sources})
    emitted = output_paths(Path(), "cutout", settings)
    jobs = largest_first([Job(source.path, emitted) for source in sources], counting("headers", quiet=quiet))
    gallery = Gallery(settings)
    pace.total = len(jobs) * (1 + rounds * len(chosen))
    with progress(pace, quiet=quiet) as advance:
        comparison = compare_strategies(
            jobs, settings, chosen, rounds=rounds, on_image=advance,
            on_cutout=gallery.add if outputs.has_pictures else None,
        )  # fmt: skip
    failures = [str(each.error) for each in unusable] + [str(error) for _, error in comparison.failed]
    unwritten: list[OutputError] = []
    try:
        content = comparison_json(comparison, **circumstances())
        unwritten += outputs.write(content, gallery.in_order())
    finally:
        if (omitted := left_out_text(left_out)) and not quiet:
            say(omitted)
        for line in failures:
            say(f"failed: {line}")
        with noting(unwritten), telling():
            _show(comparison, Console(stderr=outputs.json_file == STANDARD))
    return told(unwritten) or (EXIT_FAILURES if failures or comparison.differing else 0)


def _show(comparison: Comparison, out: Console) -> None:
    if out.is_terminal and out.width < TABLE_WIDTH:
        out.print(comparison_list(comparison), markup=False, highlight=False)
    else:
        wide = Console(width=max(out.width, TABLE_WIDTH), stderr=out.stderr)
        wide.print(comparison_table(comparison))
    for sentence in (answer(comparison), choice(comparison)):
        out.print(sentence, markup=False, highlight=False)
