"""``bgremove rects``."""

from __future__ import annotations

import threading
import webbrowser
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

import click

from bgremove.batch.sources import find_sources, left_out_text, no_image
from bgremove.batch.summary import named_failure
from bgremove.cli import options
from bgremove.cli.console import EXIT_FAILURES, say, told
from bgremove.cli.sections import SectionedCommand
from bgremove.cli.status import told_on_signal
from bgremove.errors import OutputError, UsageError
from bgremove.files import check_writable, noting
from bgremove.pace import Advance, Pace
from bgremove.paths import display_name
from bgremove.progress import progress
from bgremove.rects import Table, is_filled, propose_rects
from bgremove.rects.edit import EditServer, Entry, Session, survey, surveyed_meanwhile
from bgremove.settings import Settings
from bgremove.types import Rect
from bgremove.url import Location


@click.command(
    cls=SectionedCommand,
    examples=(
        "bgremove rects photos/ -o rects.csv",
        "bgremove rects photos/ -o rects.csv --edit",
        "bgremove remove photos/ -o cutouts/ --rects rects.csv",
    ),
)
@options.inputs
@click.option(
    "-o", "--output", required=True, type=options.FILE,
    help="CSV for the rects: path,x,y,width,height, and the size of the image; hints are in NAME.hints beside it.",
)  # fmt: skip
@options.recursive
@options.margin
@options.max_pixels
@click.option("--edit", is_flag=True, help="Correct them on a page; an existing CSV is gone on with.")
@click.option("--overwrite", is_flag=True, help="Begin anew, whatever an existing CSV holds.")
@click.option("--no-browser", is_flag=True, help="With --edit: only print the address of the page.")
@options.quiet
def rects(
    inputs: tuple[Location, ...],
    output: Path,
    recursive: bool,
    margin: float,
    max_pixels: int,
    edit: bool,
    overwrite: bool,
    no_browser: bool,
    quiet: bool,
) -> int:
    """Propose a rectangle around the object of each of INPUTS, to be looked at, corrected, and given to remove.

    An image in which nothing is found has the rectangle that the margin leaves. With --edit a page opens, which only
    this machine can reach: there rectangles are dragged, and strokes mark what is object and what is background, while
    those of other images are proposed. Every change is saved; Done on the page, or Ctrl-C, ends it.
    """
    if no_browser and not edit:
        raise UsageError("--no-browser: of no use without --edit, which opens a page")
    pace = Pace("images")
    click.get_current_context().with_resource(told_on_signal(pace))
    settings = Settings(margin=margin, max_pixels=max_pixels, metadata="none")
    if is_filled(output) and not (edit or overwrite):
        name = display_name(output)
        raise OutputError(f"{name} exists already: correct it with --edit, or begin anew with --overwrite")
    goes_on = edit and not overwrite
    table = Table.opened(output) if goes_on else Table(output)
    sources, unusable, left_out = find_sources(inputs, recursive=recursive, exclude=table.hints_folder)
    if not sources and not unusable:
        raise no_image(inputs, left_out)
    paths = [source.path for source in sources]
    check_writable(output, paths)
    for each in unusable:
        say(f"failed: {each.error}")
    if not quiet and (omitted := left_out_text(left_out)):
        say(omitted)
    pace.total = len(paths)
    unwritten: list[OutputError] = []
    with _kept_when_interrupted(table) if goes_on else nullcontext(), progress(pace, quiet=quiet) as advance:
        if edit:
            failed = _edit(table, paths, settings, advance, unwritten, browser=not no_browser, quiet=quiet)
        else:
            failed = _propose(table, paths, settings, advance, unwritten)
    return told(unwritten) or (EXIT_FAILURES if failed or unusable else 0)


@contextmanager
def _kept_when_interrupted(table: Table) -> Iterator[None]:
    """Save what the block has found, if it is interrupted: the next session goes on with it."""
    try:
        yield
    except KeyboardInterrupt:
        if _save(table):
            say(f"what was looked at is in {display_name(table.file)}: the same command goes on with it")
        raise


def _propose(
    table: Table, paths: Sequence[Location], settings: Settings, advance: Advance, unwritten: list[OutputError]
) -> bool:
    """Write proposed rects; whether any failed."""
    failed = []
    for path, result in propose_rects(paths, settings):
        if isinstance(result, Rect):
            table.put(path, result)
        else:
            table.add(path)
            failed.append(named_failure(path, result))
        advance()
    with noting(unwritten):
        if paths:  # an empty table would only be in the way of the next run
            table.save()
    for line in failed:
        say(f"failed: {line}")
    return bool(failed)


def _edit(
    table: Table,
    paths: Sequence[Location],
    settings: Settings,
    advance: Advance,
    unwritten: list[OutputError],
    *,
    browser: bool,
    quiet: bool,
) -> bool:
    """Serve the page, and propose rects meanwhile, until both have ended; whether any photograph cannot be edited."""
    session = Session(table, map(Entry, paths), settings)
    if not session.entries:
        return False

    def tell() -> None:
        table.arrange(paths)
        with suppress(OutputError):  # tried again at the end
            _save(table)
        for path, error in session.failures:
            say(f"failed: {named_failure(path, error)}")
        if not quiet:
            say(f"{len(paths) - len(session.failures)} to look at, of which {session.doubtful} doubtful")

    with surveyed_meanwhile(session, survey(session.unknown(), table, settings), advance, tell):
        _serve(session, browser=browser)
        if session.left and not session.is_over:
            say(f"rects of {session.left} more are being proposed: Ctrl-C again leaves them out")
    with noting(unwritten):
        _save(table)  # the page has said what it could not write, and by now there may be room
        if not quiet and len(session.failures) < len(paths):
            say(f"the rects are in {display_name(table.file)}")
    return bool(session.failures)


def _save(table: Table) -> bool:
    """Write the table if its file lacks something; whether it did."""
    lacking = table.unsaved
    if lacking:
        table.save()
    return lacking


def _serve(session: Session, *, browser: bool) -> None:
    """Serve the page until it says that it is done, Ctrl-C, or there is nothing to do on it."""
    with EditServer(session) as server:
        say(f"{len(session.entries)} to look at, and doubtful ones are found meanwhile: {server.url}")
        if browser:  # not waited for: a browser in this very terminal would return when it is closed
            threading.Thread(target=webbrowser.open, args=[server.url], daemon=True).start()
        with suppress(KeyboardInterrupt):
            server.serve_forever()
