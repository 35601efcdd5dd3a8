"""``benchgate profile``: where the time of cases goes, in one revision, worker processes included.

It looks in the way in which the gate looks into what regressed, at the files as they are or at what `prepare` builds of
them, and keeps a flame graph of each case.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from ..comparison import sites_of
from ..errors import ArmError, GateError
from ..measure.collecting import HINTS, HINTS_OF_CHECKOUT, check_collected, collect, hinted
from ..measure.driver import CaseEndedError
from ..measure.places import Places
from ..measure.site import PREPARE, Site
from ..measure.suite import Suite
from ..report.files import flame_file, made
from ..report.plain import plain
from ..revisions.compiled import expected, installed, lacking
from ..revisions.definitions import selected
from ..revisions.git import WORKING_TREE, git_lines, resolve, top
from ..revisions.packages import packages_of
from ..revisions.worktrees import checkouts
from ..settings import Settings, add_selection, settings
from ..stopping import STOPPED_STATUS, StoppedError, stoppable
from ..units import time_of
from .profiles import Look, look

#: Functions printed for a case.
MOST_SHOWN = 15


def run(arguments: Sequence[str]) -> int:
    """Profiles the selected cases one after the other, prints what they say, and returns the exit status."""
    given = _parser().parse_args(arguments)
    status = 0
    try:
        with stoppable(), ExitStack() as stack:
            root = top(Path.cwd())
            asked = settings(given, Path.cwd(), root)
            directory = made((asked.output or Path(tempfile.mkdtemp(prefix="benchgate-profile-"))).resolve())
            site = stack.enter_context(_site(root, asked, directory / "logs"))
            (found,) = collect(site)
            hints = HINTS_OF_CHECKOUT if asked.prepare is None else HINTS
            check_collected(found, hints)
            for node, why in found.errors.items():
                status = GateError.exit_status
                sys.stdout.write(f"error: {node}: {hinted(f'cannot be collected: {why}', hints)}\n")
            for case in found.cases:
                try:
                    lines = [*_lines(look(site, case), directory)]
                except (ArmError, CaseEndedError) as error:  # it costs itself only
                    lines, status = [f"error: {case}: {_why(error)}"], GateError.exit_status
                sys.stdout.writelines(f"{plain(line)}\n" for line in lines)
    except (GateError, StoppedError, OSError) as error:  # such as a folder that cannot be made
        sys.stdout.write(f"error: {plain(str(error))}\n")
        return STOPPED_STATUS if isinstance(error, StoppedError) else getattr(error, "exit_status", 3)
    return status


@contextmanager
def _site(root: Path, asked: Settings, logs: Path) -> Iterator[Site]:
    """Where the cases are run: among the files as they are, or in a worktree of them that is built.

    Raises GateError where compiled modules are lacking.
    """
    chosen = selected(asked.paths, root)
    if asked.prepare is not None:
        now = resolve(root, WORKING_TREE)
        with checkouts(root, now, now) as trees:
            yield sites_of(root, trees, asked, chosen, logs)[1]
        return
    files = git_lines(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    packages = packages_of(root, files, chosen).nearest_first(asked.paths)
    there = git_lines(root, "ls-files", "-z", "--cached", "--others")  # what was built in place is not kept by git
    for name, why in lacking(expected(root, packages, files, installed(root, packages)), packages, there).items():
        raise GateError(
            f"the checkout has no compiled {name}, which is known from {why}: what would be profiled is not what users "
            f"run. Build it in place, or have it built: {PREPARE}"
        )
    suite = Suite(asked.paths, asked.selection, asked.pytest_args, asked.folder)
    yield Site("head", root, suite, asked.timeout_s, logs, Places(root, packages))


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
        flame_file(directory, case_look.case).write_text(case_look.flame, encoding="utf-8", errors="backslashreplace")
        yield f"  flame graph: {flame_file(directory, case_look.case)}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="benchgate profile", description="Says where the time of benchmark cases goes."
    )
    add_selection(parser)
    return parser
