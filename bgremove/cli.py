"""The command: the only place that wires everything together."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import astuple
from itertools import chain
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bgremove import __version__
from bgremove import compare as comparing
from bgremove.batch import (
    ImageRecord,
    batch_strategy,
    longest_first,
    prepare_jobs,
    run_jobs,
    skipped_record,
    unusable_record,
)
from bgremove.edges import EDGES
from bgremove.engines import DEFAULT_ENGINE, ENGINES
from bgremove.errors import BgremoveError, OutputError, RectError, UsageError
from bgremove.images import DEFAULT_MAX_PIXELS
from bgremove.jsonfile import check_json_file, write_json_file
from bgremove.machine import describe, describe_opencv, usable_cpus
from bgremove.outputs import OUTPUT_FORMATS, parse_colour
from bgremove.paths import display_name
from bgremove.plan import NAMINGS, find_sources, plan_jobs, read_rects
from bgremove.progress import progress
from bgremove.report import answer, comparison_json, comparison_table, failures_text, records_json
from bgremove.strategies import DEFAULT_STRATEGY, STRATEGIES
from bgremove.types import GrabCutSettings, Rect, as_rect
from bgremove.worker import EMITS, Job, Recipe

EXIT_FAILURES = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130

_out = Console()
_err = Console(stderr=True)


class _Listed(click.ParamType[tuple[Any, ...]]):
    """Comma-separated values, each converted by `convert_one`."""

    def __init__(self, name: str, convert_one: Callable[[str], Any] = str) -> None:
        self.name = name
        self._convert_one = convert_one

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[Any, ...]:
        if isinstance(value, tuple):
            return value
        try:
            return tuple(self._convert_one(part.strip()) for part in str(value).split(","))
        except (ValueError, BgremoveError) as error:
            self.fail(f"{value!r}: {error}", param, ctx)


# Not readable: what cannot be read costs itself, and click would refuse the rest along with it.
_inputs = click.argument("inputs", nargs=-1, required=True, type=click.Path(path_type=Path, readable=False))
_engine = click.option("--engine", type=click.Choice(ENGINES), default=DEFAULT_ENGINE, show_default=True)
_recursive = click.option("-r", "--recursive", is_flag=True, help="Go down into folders.")
_json_file = click.option(
    "--json", "json_file", type=click.Path(path_type=Path, dir_okay=False), help="Write all figures here."
)
_margin = click.option(
    "--margin", type=float, default=0.05, show_default=True, help="Fraction of each side that is certain background."
)
_iterations = click.option("--iterations", type=click.IntRange(min=1), default=5, show_default=True)
_max_pixels = click.option(
    "--max-pixels", type=click.IntRange(min=1), default=DEFAULT_MAX_PIXELS, show_default=True,
    help="Refuse larger images before decoding them.",
)  # fmt: skip
_quiet = click.option("-q", "--quiet", is_flag=True, help="Only errors.")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="bgremove")
def cli() -> None:
    """Remove the background of photographs, one or a million."""


@cli.command()
@_inputs
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path, file_okay=False), help="Folder for the results."
)
@_recursive
@_margin
@click.option("--rect", type=_Listed("X,Y,W,H", int), help="Rectangle around the object, in pixels, for every image.")
@click.option(
    "--rects", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="CSV: path,x,y,width,height."
)
@_iterations
@_engine
@click.option(
    "--edge", type=click.Choice(EDGES), default="hard", show_default=True, help="Soft needs PyMatting: bgremove[soft]."
)
@click.option("--strategy", type=click.Choice(STRATEGIES), default=DEFAULT_STRATEGY, show_default=True)
@click.option("--workers", type=click.IntRange(min=1), help="Default: what CPUs and memory allow.")
@click.option("--timeout", type=click.FloatRange(min=0, min_open=True), help="Seconds that one image may take.")
@click.option("--emit", type=_Listed("KINDS"), default="cutout", show_default=True, help=f"Out of {','.join(EMITS)}.")
@click.option("--format", "format_", type=click.Choice(OUTPUT_FORMATS), default="png", show_default=True)
@click.option("--background", metavar="COLOUR", help="Fill the background with a colour, such as white or #fafafa.")
@click.option(
    "--naming", type=click.Choice(NAMINGS), default="stem", show_default=True, help="a.jpg becomes a.png, or a.jpg.png."
)
@_max_pixels
@click.option("--overwrite", is_flag=True, help="Replace outputs that exist.")
@click.option("--resume", is_flag=True, help="Do only what an interrupted run has left.")
@click.option("--dry-run", is_flag=True, help="Show what would be written, and write nothing.")
@_json_file
@_quiet
@click.option("-v", "--verbose", is_flag=True, help="A line for each image.")
def remove(
    inputs: tuple[Path, ...], output: Path, recursive: bool, margin: float, rect: tuple[int, ...] | None,
    rects: Path | None, iterations: int, engine: str, edge: str, strategy: str, workers: int | None,
    timeout: float | None, emit: tuple[str, ...], format_: str, background: str | None, naming: str,
    max_pixels: int, overwrite: bool, resume: bool, dry_run: bool, json_file: Path | None, quiet: bool, verbose: bool,
) -> int:  # fmt: skip
    """Cut the objects out of INPUTS (files, folders, glob patterns) into the folder OUTPUT."""
    if rect is not None and rects is not None:
        raise UsageError("--rect and --rects exclude each other")
    if quiet and verbose:
        raise UsageError("--quiet and --verbose exclude each other")
    if dry_run and json_file is not None:
        raise UsageError("--dry-run writes nothing: leave --json out")
    recipe = Recipe(
        engine=engine, margin=margin, settings=GrabCutSettings(iterations=iterations), emit=emit, format=format_,
        background=None if background is None else parse_colour(background), max_pixels=max_pixels, edge=edge,
    )  # fmt: skip
    Rect.from_margin(margin, 100, 100)
    sources, unusable = find_sources(inputs, recursive=recursive, exclude=output)
    if not sources and not unusable:
        raise UsageError("there is no image under " + ", ".join(display_name(path) for path in inputs))
    jobs = plan_jobs(
        sources, output, emit=emit, file_format=format_, naming=naming, overwrite=overwrite,
        rect=None if rect is None else as_rect(rect), rects=None if rects is None else read_rects(rects),
    )  # fmt: skip
    with progress(_err, "headers", len(jobs), quiet=quiet) as advance:
        todo, done = prepare_jobs(jobs, output, recipe, resume=resume, on_header=advance)
    records = [unusable_record(each) for each in unusable] + [skipped_record(job) for job in done]
    if dry_run:
        _show_plan(todo)
        return _conclude(records, to_do=len(todo), quiet=quiet)
    if json_file is not None:
        outputs = chain.from_iterable(job.outputs.values() for job in jobs)
        check_json_file(json_file, chain((source.path for source in sources), outputs, filter(None, [rects])))
    records += _run(todo, output, recipe, strategy, workers, timeout, quiet=quiet, verbose=verbose)
    try:
        if json_file is not None:
            write_json_file(json_file, records_json(records))
    finally:  # what was done is told, too, where the figures do not fit on the disk
        status = _conclude(records, quiet=quiet)
    return status


def _show_plan(jobs: Sequence[Job]) -> None:
    for job in jobs:
        for path in job.outputs.values():
            _out.print(
                f"{display_name(job.source)} -> {display_name(path)}", markup=False, highlight=False, soft_wrap=True
            )


def _run(
    jobs: Sequence[Job], folder: Path, recipe: Recipe, strategy: str, workers: int | None, timeout: float | None,
    *, quiet: bool, verbose: bool,
) -> list[ImageRecord]:  # fmt: skip
    records: list[ImageRecord] = []
    if not jobs:
        return records
    with (
        progress(_err, "images", len(jobs), quiet=quiet) as advance,
        batch_strategy(strategy, jobs, recipe, workers=workers, timeout_s=timeout) as running,
    ):
        for record in run_jobs(jobs, folder, recipe, running):
            records.append(record)
            advance()
            if verbose:
                _say(_line(record))
    return records


def _line(record: ImageRecord) -> str:
    seconds = "" if record.times is None else f" {sum(astuple(record.times)):.2f} s"
    return f"{record.status:>7}{seconds} {display_name(record.path)}"


def _conclude(records: Sequence[ImageRecord], *, to_do: int | None = None, quiet: bool) -> int:
    """Tell what became of each, and give the exit status; `to_do` is the number of images that a dry run leaves."""
    failures = failures_text(records)
    if not quiet:
        for record in records:
            for warning in record.warnings:
                _say(f"warning: {display_name(record.path)}: {warning}")
    for line in failures:
        _say(f"failed: {line}")
    if not quiet:
        count = Counter(record.status for record in records)
        first = f"{count['ok']} ok" if to_do is None else f"{to_do} to do"
        _say(f"{first}, {count['skipped']} skipped, {count['failed']} failed")
    return EXIT_FAILURES if failures else 0


@cli.command()
@_inputs
@_recursive
@click.option(
    "--strategies", type=_Listed("NAMES"), default=",".join(comparing.CONTENDERS), show_default=True,
    help="The loop, sequential, is always among them.",
)  # fmt: skip
@click.option(
    "--workers", type=_Listed("COUNTS", int), default=lambda: (usable_cpus(),), help="Default: the usable CPUs."
)
@click.option("--rounds", type=click.IntRange(min=comparing.MIN_ROUNDS), default=5, show_default=True)
@_engine
@_margin
@_iterations
@_json_file
@_quiet
def compare(
    inputs: tuple[Path, ...], recursive: bool, strategies: tuple[str, ...], workers: tuple[int, ...], rounds: int,
    engine: str, margin: float, iterations: int, json_file: Path | None, quiet: bool,
) -> int:  # fmt: skip
    """Does parallel pay? Run INPUTS under each strategy in turn, and say so with evidence."""
    recipe = Recipe(engine=engine, margin=margin, settings=GrabCutSettings(iterations=iterations))
    chosen = comparing.contenders(strategies, workers)
    sources, unusable = find_sources(inputs, recursive=recursive)
    if json_file is not None:
        check_json_file(json_file, (source.path for source in sources))
    with progress(_err, "headers", len(sources), quiet=quiet) as advance:
        jobs = longest_first((Job(source.path, {"cutout": Path("cutout.png")}) for source in sources), advance)
    with progress(_err, "images", len(jobs) * (1 + rounds * len(chosen)), quiet=quiet) as advance:
        comparison = comparing.compare(jobs, recipe, chosen, rounds=rounds, on_image=advance)
    failures = [str(each.error) for each in unusable] + [str(error) for _, error in comparison.failed]
    try:
        if json_file is not None:
            write_json_file(json_file, comparison_json(comparison, describe()))
    finally:
        # Narrower, its figures would be cut off; a terminal that is too narrow wraps the lines.
        Console(width=max(_out.width, 132)).print(comparison_table(comparison))
        _out.print(answer(comparison), markup=False, highlight=False)
        for line in failures:
            _say(f"failed: {line}")
    return EXIT_FAILURES if failures or comparison.differing else 0


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
        status: int | None = cli.main(list(arguments), prog_name="bgremove", standalone_mode=False)
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
