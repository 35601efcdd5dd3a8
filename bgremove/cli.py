"""The command: the only place that wires everything together."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from itertools import chain
from pathlib import Path
from shutil import get_terminal_size
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bgremove import __version__, options
from bgremove.batch import NAMINGS, ImageRecord, Job, make_plan, read_rects, run_plan
from bgremove.batch.plan import Counting, Plan, largest_first
from bgremove.batch.records import failures_text, records_json, settled_records
from bgremove.batch.run import batch_strategy
from bgremove.batch.sources import find_sources, left_out_text
from bgremove.comparison import MIN_ROUNDS, contenders
from bgremove.comparison import compare as compare_strategies
from bgremove.comparison.compare import CONTENDERS
from bgremove.comparison.report import TABLE_WIDTH, answer, choice, comparison_json, comparison_list, comparison_table
from bgremove.errors import BgremoveError, OutputError, RectError, UsageError
from bgremove.files import check_json_file, write_json_file
from bgremove.machine import describe, describe_opencv, usable_cpus
from bgremove.meter import Meter
from bgremove.paths import display_name
from bgremove.progress import progress
from bgremove.report import MOST_PICTURES, Gallery, Outputs, Picture, load_json
from bgremove.settings import Settings
from bgremove.strategies import AUTO, DEFAULT_STRATEGY, STRATEGIES

EXIT_FAILURES = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130

_out = Console()
_err = Console(stderr=True)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="bgremove")
def cli() -> None:
    """Remove the background of photographs, one or a million."""


@cli.command(
    cls=options.SectionedCommand,
    examples=(
        "bgremove remove photos/ --output cutouts/",
        "bgremove remove photos/ -r -o cutouts/ --background white --report report.html",
        "bgremove remove photos/ -o cutouts/ --rects rects.csv --resume",
    ),
)
@options.inputs
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path, file_okay=False), help="Folder for the results."
)
@options.recursive
@options.settings
@click.option(
    "--rects", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="CSV: path,x,y,width,height."
)
@click.option(
    "--strategy", type=click.Choice((AUTO, *STRATEGIES)), default=DEFAULT_STRATEGY, show_default=True,
    help="How images are run; auto goes by their number and sizes.",
)  # fmt: skip
@click.option("--workers", type=click.IntRange(min=1), help="Default: what CPUs and memory allow.")
@click.option("--timeout", type=click.FloatRange(min=0, min_open=True), help="Seconds that one image may take.")
@click.option(
    "--naming", type=click.Choice(NAMINGS), default="stem", show_default=True, help="a.jpg becomes a.png, or a.jpg.png."
)
@click.option("--overwrite", is_flag=True, help="Replace outputs that exist.")
@click.option("--resume", is_flag=True, help="Do only what an interrupted run has left.")
@click.option("--dry-run", is_flag=True, help="Show what would be written, and write nothing.")
@options.json_file
@options.outputs
@options.quiet
@click.option("-v", "--verbose", is_flag=True, help="A line for each image.")
def remove(
    inputs: tuple[Path, ...], output: Path, recursive: bool, rects: Path | None, strategy: str, workers: int | None,
    timeout: float | None, naming: str, overwrite: bool, resume: bool, dry_run: bool, json_file: Path | None,
    outputs: Outputs, quiet: bool, verbose: bool, **chosen_settings: Any,
) -> int:  # fmt: skip
    """Cut the objects out of INPUTS (files, folders, glob patterns) into the folder OUTPUT."""
    if chosen_settings["rect"] is not None and rects is not None:
        raise UsageError("--rect and --rects exclude each other")
    if quiet and verbose:
        raise UsageError("--quiet and --verbose exclude each other")
    if dry_run and (json_file is not None or outputs):
        raise UsageError("--dry-run writes nothing: leave --json and what is made of it out")
    settings = Settings(**chosen_settings)
    plan = make_plan(
        inputs, output, settings, rects=None if rects is None else read_rects(rects), recursive=recursive,
        naming=naming, overwrite=overwrite, resume=resume, counting=_headers(quiet),
    )  # fmt: skip
    records = settled_records(plan)
    if dry_run:
        _show_plan(plan.todo)
        return _conclude(plan, records, to_do=len(plan.todo), quiet=quiet)
    files = chain.from_iterable((job.source, *job.outputs.values()) for job in (*plan.todo, *plan.done))
    _check_figures(json_file, outputs, [*files, *filter(None, [rects])])
    with Meter() as meter, progress(_err, "images", len(plan.todo), quiet=quiet or not plan.todo) as advance:
        for record in run_plan(plan, strategy=strategy, workers=workers, timeout_s=timeout):
            records.append(record)
            advance()
            if verbose:
                _say(record.line())
    chosen = batch_strategy(plan, strategy, workers=workers, timeout_s=timeout).name  # of auto, what that is
    facts = {**_circumstances(), "settings": asdict(settings), "strategy": chosen}
    content = records_json(records, plan.left_out, meter.reading, facts)
    try:
        pictures = _pictures(plan, records, quiet=quiet) if outputs.has_pictures else []
        _write_figures(json_file, outputs, content, pictures)
    finally:  # what was done is told, too, where the figures do not fit on the disk
        status = _conclude(plan, records, quiet=quiet)
    return status


def _pictures(plan: Plan, records: Sequence[ImageRecord], *, quiet: bool) -> list[Picture]:
    """Pictures of what was cut out, made from the files that were written."""
    done = {record.path: record.crop for record in records if record.status == "ok"}
    jobs = [job for job in plan.todo if job.source in done][:MOST_PICTURES]
    gallery = Gallery(plan.settings)
    with progress(_err, "pictures", len(jobs), quiet=quiet) as advance:
        for job in jobs:
            gallery.add_written(job, done[job.source])
            advance()
    return gallery.in_order()


def _circumstances() -> dict[str, Any]:
    """Where a report was made, and by which command."""
    return {"command": ["bgremove", *click.get_current_context().obj], "environment": describe()}


def _check_figures(json_file: Path | None, outputs: Outputs, keep: Sequence[Path]) -> None:
    if json_file is not None:
        check_json_file(json_file, keep)
    outputs.check(keep)


def _write_figures(
    json_file: Path | None, outputs: Outputs, content: dict[str, Any], pictures: Sequence[Picture]
) -> None:
    if json_file is not None:
        write_json_file(json_file, content)
    if outputs:
        outputs.write(content, pictures)


def _headers(quiet: bool) -> Counting:
    """Shows how many of all headers have been read."""
    return partial(progress, _err, "headers", quiet=quiet)


def _show_plan(jobs: Sequence[Job]) -> None:
    for job in jobs:
        for path in job.outputs.values():
            _out.print(
                f"{display_name(job.source)} -> {display_name(path)}", markup=False, highlight=False, soft_wrap=True
            )


def _conclude(plan: Plan, records: Sequence[ImageRecord], *, to_do: int | None = None, quiet: bool) -> int:
    """Tell what became of each, and give the exit status; `to_do` is the number of images that a dry run leaves."""
    failures = failures_text(records)
    if not quiet:
        for record in records:
            for warning in record.warnings:
                _say(f"warning: {display_name(record.path)}: {warning}")
    for line in failures:
        _say(f"failed: {line}")
    if not quiet:
        if omitted := left_out_text(plan.left_out):
            _say(omitted)
        count = Counter(record.status for record in records)
        first = f"{count['ok']} ok" if to_do is None else f"{to_do} to do"
        _say(f"{first}, {count['skipped']} skipped, {count['failed']} failed")
    return EXIT_FAILURES if failures else 0


@cli.command(
    cls=options.SectionedCommand,
    examples=(
        "bgremove compare photos/ --report report.html",
        "bgremove compare photos/ --strategies threads,processes --workers 1,2,4 --rounds 9",
    ),
)
@options.inputs
@options.recursive
@click.option(
    "--strategies", type=options.Listed("NAMES"), default=",".join(CONTENDERS), show_default=True,
    help="The loop, sequential, is always among them.",
)  # fmt: skip
@click.option(
    "--workers", type=options.Listed("COUNTS", int), default=lambda: (usable_cpus(),), help="Default: the usable CPUs."
)
@click.option(
    "--rounds",
    type=click.IntRange(min=MIN_ROUNDS),
    default=5,
    show_default=True,
    help="How often each strategy runs all.",
)
@options.settings
@options.json_file
@options.outputs
@options.quiet
def compare(
    inputs: tuple[Path, ...], recursive: bool, strategies: tuple[str, ...], workers: tuple[int, ...], rounds: int,
    json_file: Path | None, outputs: Outputs, quiet: bool, **chosen_settings: Any,
) -> int:  # fmt: skip
    """Does parallel pay? Run INPUTS under each strategy in turn, and say so with evidence."""
    settings = Settings(**chosen_settings)
    chosen = contenders(strategies, workers)
    sources, unusable, left_out = find_sources(inputs, recursive=recursive)
    _check_figures(json_file, outputs, [source.path for source in sources])
    emitted = {kind: Path(f"{kind}.{settings.format}") for kind in settings.emit}
    jobs = largest_first([Job(source.path, emitted) for source in sources], _headers(quiet))
    gallery = Gallery(settings)
    with progress(_err, "images", len(jobs) * (1 + rounds * len(chosen)), quiet=quiet) as advance:
        comparison = compare_strategies(
            jobs, settings, chosen, rounds=rounds, on_image=advance,
            on_cutout=gallery.add if outputs.has_pictures else None,
        )  # fmt: skip
    failures = [str(each.error) for each in unusable] + [str(error) for _, error in comparison.failed]
    try:
        content = comparison_json(comparison, **_circumstances())
        _write_figures(json_file, outputs, content, gallery.in_order())
    finally:
        if _out.is_terminal and _out.width < TABLE_WIDTH:
            _out.print(comparison_list(comparison), markup=False, highlight=False)
        else:
            Console(width=max(_out.width, TABLE_WIDTH)).print(comparison_table(comparison))
        for sentence in (answer(comparison), choice(comparison)):
            _out.print(sentence, markup=False, highlight=False)
        if (omitted := left_out_text(left_out)) and not quiet:
            _say(omitted)
        for line in failures:
            _say(f"failed: {line}")
    return EXIT_FAILURES if failures or comparison.differing else 0


@cli.command(
    cls=options.SectionedCommand, examples=("bgremove report figures.json --report report.html --plots plots/",)
)
@click.argument("figures", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@options.outputs
def report(figures: Path, outputs: Outputs) -> int:
    """Make a report of FIGURES, a file that compare or remove wrote with --json. It then holds no pictures."""
    if not outputs:
        raise UsageError("say what to make: --report, --plots or --trace")
    content = load_json(figures)
    outputs.check([figures])
    outputs.write(content)
    return 0


@cli.command()
def info() -> None:
    """What this machine offers: CPUs, memory, library versions, start methods."""
    table = Table(show_header=False)
    for key, value in {**describe(), "opencv": describe_opencv()}.items():
        table.add_row(key, escape(str(value)))
    _out.print(table)


def _say(text: str) -> None:
    _err.print(text, markup=False, highlight=False, soft_wrap=True)


def main() -> None:
    """Run the command, and end the process with its exit status."""
    sys.exit(run(sys.argv[1:]))


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
        _say(f"error: {error}")
        return EXIT_USAGE if isinstance(error, UsageError | RectError | OutputError) else EXIT_FAILURES
    except (KeyboardInterrupt, click.Abort):
        rest = "; what is written is whole, and `--resume` does the rest" if arguments[:1] == ["remove"] else ""
        _say(f"interrupted{rest}")
        return EXIT_INTERRUPTED
    return status or 0
