"""The command: the only place that wires everything together."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, replace
from functools import partial, update_wrapper
from itertools import chain
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bgremove import __version__
from bgremove.batch import NAMINGS, ImageRecord, Job, make_plan, read_rects, run_plan
from bgremove.batch.job import STANDARD
from bgremove.batch.plan import Counting, Plan, largest_first, output_paths, plan_jobs
from bgremove.batch.records import failures_text, records_json, settled_records
from bgremove.batch.sheet import check_sheet, with_previews, write_sheet
from bgremove.batch.single import names_a_file, plan_single, run_single
from bgremove.batch.sources import find_sources, left_out_text
from bgremove.batch.watch import watch as watch_folders
from bgremove.comparison import MIN_ROUNDS, contenders
from bgremove.comparison import compare as compare_strategies
from bgremove.comparison.compare import CONTENDERS
from bgremove.comparison.report import answer, choice, comparison_json, comparison_table
from bgremove.engines import ENGINES
from bgremove.errors import BgremoveError, OutputError, RectError, UsageError
from bgremove.files import check_json_file, write_json_file
from bgremove.formats import FORMAT_OF_SUFFIX, METADATA, OUTPUT_FORMATS
from bgremove.machine import describe, describe_opencv, usable_cpus
from bgremove.matting import EDGES
from bgremove.meter import Meter
from bgremove.paths import display_name
from bgremove.progress import progress
from bgremove.report import MOST_PICTURES, Gallery, Outputs, Picture, load_json
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
_FILE = click.Path(path_type=Path, dir_okay=False)
_OUTPUTS = (
    click.option("--report", type=_FILE, help="Write a page (.html) or a text (.md) here; needs bgremove[report]."),
    click.option("--plots", type=click.Path(path_type=Path, file_okay=False), help="Write the plots into this folder."),
    click.option("--trace", type=_FILE, help="Write a timeline for Perfetto here."),
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
    _setting("--iterations", type=click.IntRange(min=1)),
    _setting("--seed", type=click.IntRange(min=0), help="Starts the colour models."),
    _setting("--margin", type=float, help="Fraction of each side that is certain background."),
    _setting("--rect", type=_Listed("X,Y,W,H", int), help="Rectangle around the object, in pixels, for every image."),
    _setting("--edge", type=click.Choice(EDGES), help="Soft needs PyMatting: bgremove[soft]."),
    _setting("--emit", type=_Listed("KINDS"), help=f"Out of {','.join(EMITS)}."),
    _setting("--format", type=click.Choice(OUTPUT_FORMATS)),
    _setting("--background", metavar="COLOUR", help="Fill the background with a colour, such as white or #fafafa."),
    _setting("--crop", is_flag=True, help="Crop what is written to the object."),
    _setting("--pad", type=click.IntRange(min=0), metavar="PIXELS", help="Room around a cropped object."),
    _setting("--metadata", type=click.Choice(METADATA), help="EXIF of the cutout; only all has the place."),
    _setting("--max-pixels", type=click.IntRange(min=1), help="Refuse larger images before decoding them."),
)


def _settings(command: Callable[..., int]) -> Callable[..., int]:
    """Gives a command the options of a cut; it finds them in its keyword arguments, for `Settings`."""
    for option in reversed(_SETTINGS):
        command = option(command)
    return command


def _outputs(command: Callable[..., int]) -> Callable[..., int]:
    """Gives a command the options of what it leaves to look at, as one `Outputs`."""

    def call(*, report: Path | None, plots: Path | None, trace: Path | None, **rest: Any) -> int:
        return command(outputs=Outputs(report, plots, trace), **rest)

    decorated = update_wrapper(call, command)
    for option in reversed(_OUTPUTS):
        decorated = option(decorated)
    return decorated


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="bgremove")
def cli() -> None:
    """Remove the background of photographs, one or a million."""


@cli.command()
@_inputs
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path), metavar="FOLDER|FILE|-",
    help="Folder for the results; for one image a file, whose suffix says the format, or - for standard output.",
)  # fmt: skip
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
@click.option("--watch", is_flag=True, help="Go on with photos that arrive, until Ctrl-C; needs bgremove[watch].")
@click.option("--contact-sheet", type=_FILE, help="Draw photo, mask and cutout of each image, at most 240, here.")
@_json_file
@_outputs
@_quiet
@click.option("-v", "--verbose", is_flag=True, help="A line for each image.")
def remove(
    inputs: tuple[Path, ...], output: Path, recursive: bool, rects: Path | None, strategy: str, workers: int | None,
    timeout: float | None, naming: str, overwrite: bool, resume: bool, dry_run: bool, watch: bool,
    contact_sheet: Path | None, json_file: Path | None, outputs: Outputs, quiet: bool, verbose: bool, **options: Any,
) -> int:  # fmt: skip
    """Cut the objects out of INPUTS (files, folders, glob patterns, or - for standard input).

    Photographs in a folder that are not read are counted; other files in it, and hidden ones, are passed by.
    """
    if options["rect"] is not None and rects is not None:
        raise UsageError("--rect and --rects exclude each other")
    if quiet and verbose:
        raise UsageError("--quiet and --verbose exclude each other")
    if dry_run and (json_file or contact_sheet or outputs):
        raise UsageError("--dry-run writes nothing: leave --json and what is made of it out")
    single = STANDARD in inputs or names_a_file(output)
    if watch:
        _refuse_given("a run without an end", "dry_run", "contact_sheet", "json_file", "report", "plots", "trace")
        by_file = None if rects is None else read_rects(rects)
        planning = partial(plan_jobs, rects=by_file, naming=naming, overwrite=overwrite)
        plans = watch_folders(inputs, output, Settings(**options), planning, recursive=recursive)
        return _run_for_ever(plans, partial(run_plan, strategy=strategy, workers=workers, timeout_s=timeout), quiet)
    if single:
        _refuse_given(
            "one image",
            "one image",
            "recursive",
            "rects",
            "strategy",
            "workers",
            "timeout",
            "naming",
            "resume",
            "dry_run",
        )
        options["format"] = _format_of(output, options["format"])
    settings = Settings(**options)
    plan = plan_single(inputs, output, settings, overwrite=overwrite) if single else make_plan(
        inputs, output, settings, rects=None if rects is None else read_rects(rects), recursive=recursive,
        naming=naming, overwrite=overwrite, resume=resume, counting=_headers(quiet),
    )  # fmt: skip
    records = settled_records(plan)
    if dry_run:
        _show_plan(plan.todo)
        return _conclude(plan, records, to_do=len(plan.todo), quiet=quiet)
    files = chain.from_iterable((job.source, *job.outputs.values()) for job in (*plan.todo, *plan.done))
    keep = [*files, *filter(None, [rects])]
    _check_figures(json_file, outputs, keep)
    if contact_sheet is not None:
        check_sheet(contact_sheet, [*keep, *filter(None, [json_file])])
        plan = replace(plan, todo=with_previews(plan.todo))
    running = run_single(plan) if single else run_plan(plan, strategy=strategy, workers=workers, timeout_s=timeout)
    with Meter() as meter, progress(_err, "images", len(plan.todo), quiet=quiet or not plan.todo) as advance:
        for record in running:
            records.append(record)
            advance()
            if verbose:
                _say(record.line())
    facts = {**_circumstances(), "settings": asdict(settings), "strategy": strategy}
    content = records_json(records, plan.left_out, meter.reading, facts)
    try:
        pictures = _pictures(plan, records, quiet=quiet) if outputs.has_pictures else []
        _write_figures(json_file, outputs, content, pictures)
        if contact_sheet is not None:
            write_sheet(contact_sheet, records)
    finally:  # what was done is told, too, where the figures do not fit on the disk
        status = _conclude(plan, records, quiet=quiet)
    return status


def _run_for_ever(plans: Iterable[Plan], run_one: Callable[[Plan], Iterable[ImageRecord]], quiet: bool) -> int:
    """Do plan after plan, and tell of each image at once."""
    for plan in plans:
        if plan.done and not quiet:
            _say(f"{len(plan.done)} done already")
        for record in chain(settled_records(replace(plan, done=())), run_one(plan)):
            for line in failures_text([record]):
                _say(f"failed: {line}")
            if not quiet and record.status != "failed":
                _say(record.line())
                for warning in record.warnings:
                    _say(f"warning: {display_name(record.path)}: {warning}")
    return 0


def _format_of(output: Path, given: str) -> str:
    """The format that the name of an output file says, which must not be another than a `given` one."""
    named = FORMAT_OF_SUFFIX.get(output.suffix.lower(), given)
    if named != given and _is_given("format"):
        raise UsageError(f"{display_name(output)} is a name for {named}, and --format says {given}")
    return named


def _is_given(name: str) -> bool:
    """Whether the user has given an option."""
    return click.get_current_context().get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE


def _refuse_given(what: str, *names: str) -> None:
    """Raise `UsageError` if the user has given one of the options, which mean nothing for `what`."""
    spelled = {option.name: option.opts[-1] for option in click.get_current_context().command.params}
    given = [spelled[name] for name in names if _is_given(name)]
    if given:
        raise UsageError(f"{', '.join(given)}: of no use for {what}: leave it out")


def _pictures(plan: Plan, records: Sequence[ImageRecord], *, quiet: bool) -> list[Picture]:
    """Pictures of what was cut out, made from the files that were written."""
    done = {record.path for record in records if record.status == "ok"}
    jobs = [job for job in plan.todo if job.source in done][:MOST_PICTURES]
    gallery = Gallery(plan.settings)
    with progress(_err, "pictures", len(jobs), quiet=quiet) as advance:
        for job in jobs:
            gallery.add_written(job)
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
@_outputs
@_quiet
def compare(
    inputs: tuple[Path, ...], recursive: bool, strategies: tuple[str, ...], workers: tuple[int, ...], rounds: int,
    json_file: Path | None, outputs: Outputs, quiet: bool, **options: Any,
) -> int:  # fmt: skip
    """Does parallel pay? Run INPUTS under each strategy in turn, and say so with evidence."""
    settings = Settings(**options)
    chosen = contenders(strategies, workers)
    sources, unusable, left_out = find_sources(inputs, recursive=recursive)
    _check_figures(json_file, outputs, [source.path for source in sources])
    emitted = output_paths(Path(), "cutout", settings)
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
        # Narrower, its figures would be cut off; a terminal that is too narrow wraps the lines.
        Console(width=max(_out.width, 132)).print(comparison_table(comparison))
        for sentence in (answer(comparison), choice(comparison)):
            _out.print(sentence, markup=False, highlight=False)
        if (omitted := left_out_text(left_out)) and not quiet:
            _say(omitted)
        for line in failures:
            _say(f"failed: {line}")
    return EXIT_FAILURES if failures or comparison.differing else 0


@cli.command()
@click.argument("figures", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@_outputs
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
            list(arguments), prog_name="bgremove", standalone_mode=False, obj=tuple(arguments)
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
