"""``bgremove remove``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bgremove.batch import NAMINGS, ImageRecord, Job, Shard, make_plan, read_table, run_plan
from bgremove.batch.jobs import Jobs
from bgremove.batch.journal import NAME as JOURNAL
from bgremove.batch.plan import Plan, plan_jobs
from bgremove.batch.records import records_json, settled_records, unusable_records
from bgremove.batch.run import batch_strategy
from bgremove.batch.sheet import check_sheet, with_previews, write_sheet
from bgremove.batch.single import names_a_file, plan_single, run_single
from bgremove.batch.sources import refuse_pictures
from bgremove.batch.summary import Summary, failure_text, warning_texts
from bgremove.batch.watch import watch as watch_folders
from bgremove.cli import options
from bgremove.cli.conclusion import conclude, concluding, remark
from bgremove.cli.console import circumstances, counting, say, telling, told
from bgremove.cli.sections import SectionedCommand
from bgremove.cli.status import check_status, kept_in, told_on_signal
from bgremove.errors import OutputError, UsageError
from bgremove.files import noting
from bgremove.formats import FORMAT_OF_SUFFIX
from bgremove.meter import Meter
from bgremove.pace import Pace
from bgremove.paths import STANDARD, display_name
from bgremove.progress import progress
from bgremove.report import Outputs
from bgremove.settings import Settings
from bgremove.strategies import AUTO, DEFAULT_STRATEGY, STRATEGIES
from bgremove.url import Location

if TYPE_CHECKING:
    from bgremove.report.gallery import Picture

_OF_MANY = "recursive", "strategy", "scheduler", "workers", "timeout", "naming", "resume", "shard", "dry_run", "status"
_BESIDE_RESULTS = "contact_sheet", "status", "json_file", "report", "plots", "trace"


@click.command(
    cls=SectionedCommand,
    examples=(
        "bgremove remove photos/ --output cutouts/",
        "bgremove remove photos/ -r -o cutouts/ --background white --report report.html",
        "bgremove remove photos/ -o cutouts/ --rects rects.csv --resume",
        "bgremove remove photo.jpg -o cutout.png",
    ),
)
@options.inputs
@click.option(
    "-o", "--output", required=True, type=options.Place(), metavar="FOLDER|FILE|URL|-",
    help="Folder for the results; for one image a file, whose suffix says the format, or - for standard output.",
)  # fmt: skip
@options.recursive
@options.settings
@click.option(
    "--rects",
    type=options.Here(exists=True),
    help="CSV: path,x,y,width,height, and hints, see bgremove rects.",
)
@click.option(
    "--strategy", type=click.Choice((AUTO, *STRATEGIES)), default=DEFAULT_STRATEGY, show_default=True,
    help="How images are run; auto goes by their number and sizes.",
)  # fmt: skip
@click.option("--scheduler", metavar="ADDRESS|FILE", help="Use a running cluster of Dask; needs bgremove[dask].")
@click.option("--workers", type=click.IntRange(min=1), help="Default: what CPUs and memory allow.")
@click.option("--timeout", type=click.FloatRange(min=0, min_open=True), help="Seconds that one image may take.")
@click.option(
    "--naming", type=click.Choice(NAMINGS), default="stem", show_default=True, help="a.jpg becomes a.png, or a.jpg.png."
)
@click.option("--overwrite", is_flag=True, help="Replace outputs that exist.")
@click.option("--resume", is_flag=True, help="Do only what an interrupted run has left.")
@click.option("--shard", metavar="I/N", help="Do the I-th of N shares of the images, on one of N machines.")
@click.option("--dry-run", is_flag=True, help="Show what would be written, and write nothing.")
@click.option("--watch", is_flag=True, help="Go on with photos that arrive, until Ctrl-C; needs bgremove[watch].")
@click.option(
    "--contact-sheet", type=options.FILE, help="Draw photo, mask and cutout of what is done, at most 240, here."
)
@click.option("--status", type=options.FILE, help="Keep how far the run is in this .json file, as SIGUSR1 tells too.")
@options.outputs
@options.quiet
@click.option("-v", "--verbose", is_flag=True, help="A line for each image.")
def remove(
    inputs: tuple[Location, ...], output: Location, recursive: bool, rects: Path | None, strategy: str,
    scheduler: str | None, workers: int | None, timeout: float | None, naming: str, overwrite: bool, resume: bool,
    shard: str | None, dry_run: bool, watch: bool, contact_sheet: Path | None, status: Path | None,
    outputs: Outputs, quiet: bool, verbose: bool, **fields: Any,
) -> int:  # fmt: skip
    """Cut the objects out of INPUTS (files, folders, glob patterns, URLs, or - for standard input).

    Photographs in a folder that are not read are counted; other files in it, and hidden ones, are passed by.
    """
    _check_together(click.get_current_context().params)
    pace = Pace("images")  # it is not known yet how many there are
    click.get_current_context().with_resource(told_on_signal(pace))
    drawn = {} if rects is None else _drawn(rects)
    single = STANDARD in inputs or names_a_file(output)
    run_one = partial(run_plan, strategy=strategy, workers=workers, timeout_s=timeout, scheduler=scheduler)
    chosen = partial(batch_strategy, name=strategy, workers=workers, timeout_s=timeout, scheduler=scheduler)
    if watch:
        planning = partial(plan_jobs, **drawn, naming=naming, overwrite=overwrite)
        settings = Settings(**fields)
        plans = watch_folders(inputs, output, settings, planning, recursive=recursive)
        chosen(Plan(output, settings, Jobs(())))  # refuses what cannot be meant
        with kept_in(status, pace, []) as update:
            return _run_for_ever(plans, run_one, pace, update, quiet=quiet)
    if single:
        _refuse_given("one image", *_OF_MANY)
        fields["format"] = _format_of(output, fields["format"])
    settings = Settings(**fields)
    unwritten: list[OutputError] = []
    with kept_in(status, pace, unwritten) as update:
        plan = plan_single(inputs, output, settings, **drawn, overwrite=overwrite) if single else make_plan(
            inputs, output, settings, **drawn, recursive=recursive, naming=naming, overwrite=overwrite, resume=resume,
            shard=None if shard is None else Shard.parse(shard), counting=counting("headers", quiet=quiet),
        )  # fmt: skip
        name = chosen(plan).name  # of auto, what that is
        summary = _begun(plan)
        if dry_run:
            _show_plan(plan.todo)
            return conclude(plan, summary, to_do=len(plan.todo), quiet=quiet)
        recorded = bool(outputs or contact_sheet)  # else nothing is kept of the images, which may be a million
        if recorded:
            plan = _checked(plan, [rects] if rects else [], outputs, contact_sheet)
        records = settled_records(plan) if recorded else []
        running = run_single(plan) if single else run_one(plan)
        pace.total = len(plan.todo)
        update()
        with (
            concluding(plan, summary, quiet=quiet),
            Meter() as meter,
            progress(pace, quiet=quiet or not plan.todo) as advance,
        ):
            for record in running:
                summary.add(record)
                records += [record] if recorded else []
                advance(failed=record.status == "failed", took_s=record.took_s)
                update()
                if verbose:
                    say(record.line())
    try:
        if outputs:
            facts = {**circumstances(), "settings": asdict(settings), "strategy": name}
            pictures = _pictures(plan, records, quiet=quiet) if outputs.has_pictures else []
            unwritten += outputs.write(records_json(records, plan.left_out, meter.reading, facts), pictures)
        with noting(unwritten):
            _draw(contact_sheet, records, quiet=quiet)
    finally:
        code = conclude(plan, summary, quiet=quiet)
    return told(unwritten) or code


def _begun(plan: Plan) -> Summary:
    """What there is to tell before any image is done."""
    summary = Summary()
    summary.skipped = len(plan.done)
    for record in unusable_records(plan):
        summary.add(record)
    return summary


def _draw(contact_sheet: Path | None, records: Sequence[ImageRecord], *, quiet: bool) -> None:
    """Write the contact sheet, if one is asked for."""
    if contact_sheet and not write_sheet(contact_sheet, records) and not quiet:
        say(f"{display_name(contact_sheet)} is left as it is: there is nothing new to draw")


def _checked(plan: Plan, keep: list[Location], outputs: Outputs, contact_sheet: Path | None) -> Plan:
    """The plan, with previews if there is a contact sheet. No output replaces a file of the plan, or one to `keep`."""
    keep += plan.folder, plan.folder / JOURNAL
    for job in chain(plan.todo, plan.done):
        keep += filter(None, (job.source, job.hints, *job.outputs.values()))
    taken = {path.parent for job in plan.todo for path in (job.source, *job.outputs.values())}
    keep += taken
    outputs.check(keep, taken)
    if contact_sheet is None:
        return plan
    check_sheet(contact_sheet, [*keep, *filter(None, [outputs.json_file])])
    return replace(plan, todo=with_previews(plan.todo))


def _check_together(given: Mapping[str, Any]) -> None:
    """Raise `UsageError` if options exclude each other, `OutputError` if the file of --status cannot be written."""
    if given["rect"] is not None and given["rects"] is not None:
        raise UsageError("--rect and --rects exclude each other")
    if given["quiet"] and given["verbose"]:
        raise UsageError("--quiet and --verbose exclude each other")
    if given["dry_run"] and any(given[name] for name in _BESIDE_RESULTS):
        raise UsageError("--dry-run writes nothing: leave --status, --json and what is made of it out")
    if any(given[name] is not None for name in ("rect", "rects", "model")):
        _refuse_given("images with a rect or a model", "margin")
    if given["emit"] == ("mask",):
        _refuse_given("masks alone", "background", "edge", "metadata")
    if given["watch"]:
        of_an_end = (name for name in _BESIDE_RESULTS if name != "status")
        _refuse_given("a run without an end", "shard", "dry_run", "scheduler", *of_an_end)
        if given["strategy"] == "dask":
            raise UsageError("--watch starts its workers anew for each photo that arrives: run it without a cluster")
    if given["output"] == STANDARD:
        _refuse_given("standard output", "overwrite")
        if given["json_file"] == STANDARD:
            raise UsageError("standard output takes the image or the figures: name a file for one of them")
    for path in filter(None, (given["plots"], given["contact_sheet"])):
        refuse_pictures(path, given["inputs"], given["output"])
    if given["status"] is not None:
        others = (given[name] for name in ("rects", *_BESIDE_RESULTS) if name != "status")
        check_status(given["status"], [*given["inputs"], given["output"], *filter(None, others)])


def _drawn(file: Path) -> dict[str, Any]:
    """What a table of rects says of each image, as arguments of `make_plan`."""
    table = read_table(file)
    return {"rects": table.rects, "hints": table.hints}


def _run_for_ever(
    plans: Iterable[Plan],
    run_one: Callable[[Plan], Iterable[ImageRecord]],
    pace: Pace,
    update: Callable[[], None],
    *,
    quiet: bool,
) -> int:
    """Do plan after plan, and tell of each image at once."""
    for plan in plans:
        summary = Summary()
        pace.total = (pace.total or 0) + len(plan.unusable) + len(plan.todo)
        update()
        if plan.done and not quiet:
            say(f"{len(plan.done)} done already")
        for record in chain(unusable_records(plan), run_one(plan)):
            summary.add(record)
            pace.add(failed=record.status == "failed", took_s=record.took_s)
            update()
            for line in failure_text(record):
                say(f"failed: {line}")
            if not quiet and record.status != "failed":
                say(record.line())
                for line in warning_texts(record):
                    say(f"warning: {line}")
        if not quiet:
            remark(plan, summary)
    return 0


def _format_of(output: Location, given: str) -> str:
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
    from bgremove.report.gallery import MOST_PICTURES, Gallery  # noqa: PLC0415 - only who wants a report pays for it

    done = {record.path: record for record in records if record.status == "ok"}
    jobs = list(islice((job for job in plan.todo if job.source in done), MOST_PICTURES))
    gallery = Gallery(plan.settings)
    with counting("pictures", quiet=quiet)(len(jobs)) as advance:
        for job in jobs:
            gallery.add_written(job, done[job.source])
            advance()
    return gallery.in_order()


def _show_plan(jobs: Sequence[Job]) -> None:
    with telling():
        for job in jobs:
            for path in job.outputs.values():
                click.echo(f"{display_name(job.source)} -> {display_name(path)}")
