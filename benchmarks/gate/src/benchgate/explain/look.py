"""``benchgate profile``: where the time of cases goes, in one revision, worker processes included.

It looks in the way in which the gate looks into what regressed, at the files as they are, and keeps a flame graph of
each case.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..errors import ArmError, GateError
from ..measure.driver import CaseEndedError
from ..measure.site import Places, Site, check_collected, collect
from ..measure.suite import Suite
from ..report.files import flame_file
from ..report.plain import plain
from ..revisions.definitions import selected
from ..revisions.git import git_lines, top
from ..revisions.packages import packages_of
from ..settings import Settings, add_selection, settings
from ..units import time_of
from .profiles import Look, look

#: Functions printed for a case.
MOST_SHOWN = 15


def run(arguments: Sequence[str]) -> int:
    """Profiles the selected cases one after the other, prints what they say, and returns the exit status."""
    given = _parser().parse_args(arguments)
    try:
        root = top(Path.cwd())
        asked = settings(given, Path.cwd(), root)
        directory = (asked.output or Path(tempfile.mkdtemp(prefix="benchgate-profile-"))).resolve()
        directory.mkdir(parents=True, exist_ok=True)
        site, cases = _selected(root, asked, directory)
    except (GateError, OSError) as error:  # such as a folder that cannot be made
        sys.stdout.write(f"error: {plain(str(error))}\n")
        return getattr(error, "exit_status", GateError.exit_status)
    status = 0
    for case in cases:
        try:
            lines = [*_lines(look(site, case), directory)]
        except (ArmError, CaseEndedError) as error:  # it costs itself only
            lines, status = [f"error: {case}: {_why(error)}"], GateError.exit_status
        sys.stdout.writelines(f"{plain(line)}\n" for line in lines)
    return status


def _selected(root: Path, asked: Settings, directory: Path) -> tuple[Site, list[str]]:
    """Where the files as they are run, and the cases; raises GateError where there are none."""
    chosen = selected(asked.paths, root)
    packages = packages_of(
        root, git_lines(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard"), chosen
    )
    suite = Suite(asked.paths, asked.selection, asked.pytest_args, asked.folder)
    site = Site("head", root, suite, asked.timeout_s, directory, Places(root, packages))
    (found,) = collect(site)
    check_collected(found)
    return site, found.cases


def _why(error: ArmError | CaseEndedError) -> str:
    if isinstance(error, ArmError):
        return str(error)
    return error.ended.why or "it passed without calling the benchmark fixture"


def _lines(case_look: Look, directory: Path) -> Iterator[str]:
    whole_s = sum(case_look.own_s.values()) or 1.0
    yield f"{case_look.case}: {time_of(whole_s)} a call in all processes ({case_look.note})"
    for name, seconds in sorted(case_look.own_s.items(), key=lambda item: -item[1])[:MOST_SHOWN]:
        yield f"  {seconds / whole_s:6.1%}  {time_of(seconds):>8}  {name}"
    if case_look.flame:
        flame_file(directory, case_look.case).write_text(case_look.flame)
        yield f"  flame graph: {flame_file(directory, case_look.case)}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="benchgate profile", description="Says where the time of benchmark cases goes."
    )
    add_selection(parser)
    return parser
