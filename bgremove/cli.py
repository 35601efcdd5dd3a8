"""The command: the only place that wires everything together."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bgremove import __version__
from bgremove.batch import NAMINGS, ImageRecord, Job, make_plan, read_rects, run_plan
from bgremove.batch.plan import Counting, largest_first
from bgremove.batch.records import failures_text, records_json, settled_records
from bgremove.batch.sources import find_sources
from bgremove.comparison import MIN_ROUNDS, contenders
from bgremove.comparison import compare as compare_strategies
from bgremove.comparison.compare import CONTENDERS
from bgremove.comparison.report import answer, comparison_json, comparison_table
from bgremove.engines import ENGINES, PRESETS
from bgremove.errors import BgremoveError, OutputError, RectError, UsageError
from bgremove.files import check_json_file, write_json_file
from bgremove.formats import OUTPUT_FORMATS
from bgremove.machine import describe, describe_opencv, usable_cpus
from bgremove.matting import EDGES
from bgremove.paths import display_name
from bgremove.progress import progress
from bgremove.settings import EMITS, Settings
from bgremove.strategies import AUTO, DEFAULT_STRATEGY, STRATEGIES

EXIT_FAILURES = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130

_DEFAULTS = Settings()

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
_recursive = click.option("-r", "--recursive", is_flag=True, help="Go down into folders.")
_json_file = click.option(
    "--json", "json_file", type=click.Path(path_type=Path, dir_okay=False), help="Write all figures here."
)
_quiet = click.option("-q", "--quiet", is_flag=True, help="Only errors.")


def _setting(*names: str, help: str | None = None, **options: Any) -> Callable[[Any], Any]:  # noqa: A002
    """An option for the field of `Settings` of that name, with the field's default."""
    field = names[-1].removeprefix("--").replace("-", "_")
    default = getattr(_DEFAULTS, field)
    shown = ",".join(default) if isinstance(default, tuple) else default
    return click.option(*names, default=shown, show_default=shown is not None, help=help, **options)


_SETTINGS = (
    _setting("--engine", type=click.Choice(ENGINES)),
    _setting("--model", metavar="[PRESET=]FILE", help=f"For onnx, which needs bgremove[onnx]. {', '.join(PRESETS)}."),
    _setting("--iterations", type=click.IntRange(min=1)),
    _setting("--seed", type=click.IntRange(min=0), help="Starts the colour models."),
    _setting("--margin", type=float, help="Fraction of each side that is certain background."),
    _setting("--rect", type=_Listed("X,Y,W,H", int), help="Rectangle around the object, in pixels, for every image."),
    _setting("--edge", type=click.Choice(EDGES), help="Soft needs PyMatting: bgremove[soft]."),
    _setting("--emit", type=_Listed("KINDS"), help=f"Out of {','.join(EMITS)}."),
    _setting("--format", type=click.Choice(OUTPUT_FORMATS)),
    _setting("--background", metavar="COLOUR", help="Fill the background with a colour, such as white or #fafafa."),
    _setting("--max-pixels", type=click.IntRange(min=1), help="Refuse larger images before decoding them."),
)


def _settings(command: Callable[..., int]) -> Callable[..., int]:
    """Gives a command the options of a cut; it finds them in its keyword arguments, for `Settings`."""
    for option in reversed(_SETTINGS):
        command = option(command)
    return command


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
@_settings
@click.option(
    "--rects", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="CSV: path,x,y,width,height."
)
@click.option("--strategy", type=click.Choice((AUTO, *STRATEGIES)), default=DEFAULT_STRATEGY, show_default=True)
@click.option("--workers", type=click.IntRange(min=1), help="Default: what CPUs and memory allow.")
@click.option("--timeout", type=click.FloatRange(min=0, min_open=True), help="Seconds that one image may take.")
@click.option(
    "--naming", type=click.Choice(NAMINGS), default="stem", show_default=True, help="a.jpg becomes a.png, or a.jpg.png."
)
@click.option("--overwrite", is_flag=True, help="Replace outputs that exist.")
@click.option("--resume", is_flag=True, help="Do only what an interrupted run has left.")
@click.option("--dry-run", is_flag=True, help="Show what would be written, and write nothing.")
@_json_file
@_quiet
@click.option("-v", "--verbose", is_flag=True, help="A line for each image.")
def remove(
    inputs: tuple[Path, ...], output: Path, recursive: bool, rects: Path | None, strategy: str, workers: int | None,
    timeout: float | None, naming: str, overwrite: bool, resume: bool, dry_run: bool, json_file: Path | None,
    quiet: bool, verbose: bool, **options: Any,
) -> int:  # fmt: skip
    """Cut the objects out of INPUTS (files, folders, glob patterns) into the folder OUTPUT."""
    if options["rect"] is not None and rects is not None:
        raise UsageError("--rect and --rects exclude each other")
    if quiet and verbose:
        raise UsageError("--quiet and --verbose exclude each other")
    if dry_run and json_file is not None:
        raise UsageError("--dry-run writes nothing: leave --json out")
    settings = Settings(**options)
    plan = make_plan(
        inputs, output, settings, rects=None if rects is None else read_rects(rects), recursive=recursive,
        naming=naming, overwrite=overwrite, resume=resume, counting=_headers(quiet),
    )  # fmt: skip
    records = settled_records(plan)
    if dry_run:
        _show_plan(plan.todo)
        return _conclude(records, to_do=len(plan.todo), quiet=quiet)
    if json_file is not None:
        files = chain.from_iterable((job.source, *job.outputs.values()) for job in (*plan.todo, *plan.done))
        check_json_file(json_file, chain(files, filter(None, [rects])))
    with progress(_err, "images", len(plan.todo), quiet=quiet or not plan.todo) as advance:
        for record in run_plan(plan, strategy=strategy, workers=workers, timeout_s=timeout):
            records.append(record)
            advance()
            if verbose:
                _say(record.line())
    try:
        if json_file is not None:
            write_json_file(json_file, records_json(records))
    finally:  # what was done is told, too, where the figures do not fit on the disk
        status = _conclude(records, quiet=quiet)
    return status


def _headers(quiet: bool) -> Counting:
    """Shows how many of all headers have been read."""
    return partial(progress, _err, "headers", quiet=quiet)


def _show_plan(jobs: Sequence[Job]) -> None:
    for job in jobs:
        for path in job.outputs.values():
            _out.print(
                f"{display_name(job.source)} -> {display_name(path)}", markup=False, highlight=False, soft_wrap=True
            )


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
    "--strategies", type=_Listed("NAMES"), default=",".join(CONTENDERS), show_default=True,
    help="The loop, sequential, is always among them.",
)  # fmt: skip
@click.option(
    "--workers", type=_Listed("COUNTS", int), default=lambda: (usable_cpus(),), help="Default: the usable CPUs."
)
@click.option("--rounds", type=click.IntRange(min=MIN_ROUNDS), default=5, show_default=True)
@_settings
@_json_file
@_quiet
def compare(
    inputs: tuple[Path, ...], recursive: bool, strategies: tuple[str, ...], workers: tuple[int, ...], rounds: int,
    json_file: Path | None, quiet: bool, **options: Any,
) -> int:  # fmt: skip
    """Does parallel pay? Run INPUTS under each strategy in turn, and say so with evidence."""
    settings = Settings(**options)
    chosen = contenders(strategies, workers)
    sources, unusable = find_sources(inputs, recursive=recursive)
    if json_file is not None:
        check_json_file(json_file, (source.path for source in sources))
    outputs = {kind: Path(f"{kind}.{settings.format}") for kind in settings.emit}
    jobs = largest_first([Job(source.path, outputs) for source in sources], _headers(quiet))
    with progress(_err, "images", len(jobs) * (1 + rounds * len(chosen)), quiet=quiet) as advance:
        comparison = compare_strategies(jobs, settings, chosen, rounds=rounds, on_image=advance)
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
