"""``python -m benchmarks.gate.profile``: where the time of cases goes, in one revision, worker processes included.

It looks in the way in which the gate looks into what regressed, at the files as they are, and keeps a flame graph of
each case.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from .errors import GateError
from .options import add_selection, selection
from .outputs import flame_file
from .process import CaseEndedError, Site, Suite, check_collected, check_selection
from .profiling import Look, look
from .worktrees import top

#: Functions printed for a case.
MOST_SHOWN = 15


def run(arguments: Sequence[str] | None = None) -> int:
    """Profiles the selected cases one after the other, prints what they say, and returns the exit status."""
    given = _parse(arguments)
    directory = (given.output or Path(tempfile.mkdtemp(prefix="gate-profile-"))).resolve()
    directory.mkdir(parents=True, exist_ok=True)
    try:
        for case_look in _looks(given, directory):
            sys.stdout.writelines(f"{line}\n" for line in _lines(case_look, directory))
    except (GateError, CaseEndedError) as error:
        sys.stdout.write(f"error: {error}\n")
        return error.exit_status if isinstance(error, GateError) else GateError.exit_status
    return 0


def _looks(given: argparse.Namespace, directory: Path) -> Iterator[Look]:
    root = top(Path.cwd())
    check_selection(given.paths, root)
    site = Site("head", root, Suite(tuple(given.paths), selection(given), ()), given.timeout_s, directory)
    found = site.collect()
    check_collected(found)
    yield from (look(site, case) for case in found.cases)


def _lines(case_look: Look, directory: Path) -> Iterator[str]:
    whole_s = sum(case_look.own_s.values()) or 1.0
    yield f"{case_look.case}: {whole_s * 1e3:.3g} ms a call in all processes ({case_look.note})"
    for name, seconds in sorted(case_look.own_s.items(), key=lambda item: -item[1])[:MOST_SHOWN]:
        yield f"  {seconds / whole_s:6.1%}  {seconds * 1e3:8.3g} ms  {name}"
    if case_look.flame:
        flame_file(directory, case_look.case).write_text(case_look.flame)
        yield f"  flame graph: {flame_file(directory, case_look.case)}"


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gate.profile", description="Says where the time of benchmark cases goes."
    )
    add_selection(parser)
    parser.add_argument("--output", type=Path, metavar="DIR", help="flame graphs and logs go here")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(run())
