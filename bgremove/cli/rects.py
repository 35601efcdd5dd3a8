"""``bgremove rects``."""

from __future__ import annotations

import threading
import webbrowser
from collections.abc import Iterator
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
from bgremove.pace import Pace
from bgremove.paths import display_name
from bgremove.progress import progress
from bgremove.rects import Table, is_filled, propose_rects
from bgremove.rects.edit import EditServer, Entry, Session, survey
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
    this machine can reach: there rectangles are dragged, and strokes mark what is object and what is background. Every
    change is saved; Done on the page, or Ctrl-C, ends it.
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
    found: list[Entry] = []
    failed = []
    pace.total = len(paths)
    with _kept_when_interrupted(table) if goes_on else nullcontext(), progress(pace, quiet=quiet) as advance:
        for path, result in survey(paths, table, settings) if edit else propose_rects(paths, settings):
            match result:
                case Entry():
                    found.append(result)
                case Rect():
                    table.put(path, result)
                case error:
                    table.add(path)
                    failed.append(named_failure(path, error))
            advance()
    unwritten: list[OutputError] = []
    with noting(unwritten):
        table.save()
    for line in [*(str(each.error) for each in unusable), *failed]:
        say(f"failed: {line}")
    if not quiet and (omitted := left_out_text(left_out)):
        say(omitted)
    if unwritten:
        return told(unwritten)
    if found:
        with noting(unwritten):
            _serve(Session(table, found, settings), browser=not no_browser, quiet=quiet)
    return told(unwritten) or (EXIT_FAILURES if failed or unusable else 0)


@contextmanager
def _kept_when_interrupted(table: Table) -> Iterator[None]:
    """Save what the block has found, if it is interrupted: the next session goes on with it."""
    try:
        yield
    except KeyboardInterrupt:
        if table.unsaved:
            table.save()
            say(f"what was looked at is in {display_name(table.file)}: the same command goes on with it")
        raise


def _serve(session: Session, *, browser: bool, quiet: bool) -> None:
    """Serve the page until it says that it is done, or Ctrl-C. `OutputError` if something of it cannot be saved."""
    with EditServer(session) as server:
        say(f"{len(session.entries)} to look at, of which {session.doubtful} doubtful: {server.url}")
        if browser:  # not waited for: a browser in this very terminal would return when it is closed
            threading.Thread(target=webbrowser.open, args=[server.url], daemon=True).start()
        with suppress(KeyboardInterrupt):
            server.serve_forever()
    if session.table.unsaved:  # the page has said so, and by now there may be room
        session.table.save()
    if not quiet:
        say(f"the rects are in {display_name(session.table.file)}")
