"""``benchgate history``: keeps what comparisons found, as git notes or in a folder, and draws how the cases went."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from ..decide.metrics import Metric
from ..errors import GateError, WrongUseError
from ..report.stored import read
from ..revisions.git import git, resolve, shallow, top
from .page import in_words, page
from .record import Folder, Notes, Record
from .series import FEWEST_PAIRS, all_series


def run(arguments: Sequence[str]) -> int:
    """Adds to the history or draws it; returns the exit status."""
    given = _parser().parse_args(arguments)
    try:
        repository = top(Path.cwd())
        kept = Notes(repository) if given.folder is None else Folder(given.folder)
        if given.action == "add":
            record = Record.of(read(given.file))
            _check_head(repository, record.head)
            kept.add(record.joined(kept.of(record.head)))
            sys.stdout.write(f"{record.head[:10]} against {record.base[:10]}: kept in {kept}\n")
        else:
            _draw(repository, kept, given.metric, given.output)
    except GateError as error:
        sys.stdout.write(f"error: {error}\n")
        return error.exit_status
    except OSError as error:
        sys.stdout.write(f"error: {error}\n")
        return GateError.exit_status
    return 0


def _check_head(repository: Path, head: str) -> None:
    """Raises WrongUseError for a commit that is on no branch, as the one that is made of changed files."""
    try:
        if git(repository, "for-each-ref", "--count=1", f"--contains={head}") or head in _commits(repository):
            return
    except GateError as error:
        raise WrongUseError(f"this repository has no commit {head[:10]}") from error
    raise WrongUseError(f"{head[:10]} is on no branch, so it has no place in a history: compare with --head HEAD")


def _draw(repository: Path, kept: Notes | Folder, metric: Metric, output: Path) -> None:
    commits = {commit: at for at, commit in enumerate(_commits(repository))}
    found = kept.all()
    records = sorted((record for record in found if record.head in commits), key=lambda record: commits[record.head])
    series = all_series(records, metric)
    lacking = shallow(repository)
    if records and not series:
        raise WrongUseError(f"of the comparisons in {kept}, none has {FEWEST_PAIRS} pairs of a case")
    if not series:
        raise WrongUseError(
            f"{kept} has no comparison of this branch's commits: add them with benchgate history add{lacking}"
        )
    notes = [f"{len(records)} comparison{'s' * (len(records) != 1)}, from {kept}."]
    if left := len(found) - len(records):
        notes.append(f"{left} of commits that are not in the first-parent history of HEAD are left out{lacking}.")
    if gaps := sum(record.base not in {*_heads(records[:at])} for at, record in enumerate(records) if at):
        notes.append(f"Of {gaps} comparisons the base was not measured itself: what changed before it is not seen.")
    notes.append(f"Comparisons of a case with fewer than {FEWEST_PAIRS} pairs are left out.")

    def name(commit: str) -> str:
        return git(repository, "show", "--no-patch", "--format=%h (%s)", commit) if commit in commits else commit[:10]

    output.write_text(page(series, metric, notes, name), encoding="utf-8", errors="backslashreplace")
    sys.stdout.writelines(f"{line}\n" for line in [*in_words(series, name), *notes, str(output)])


def _heads(records: Sequence[Record]) -> list[str]:
    return [record.head for record in records]


def _commits(repository: Path) -> list[str]:
    head = resolve(repository, "HEAD").commit
    return git(repository, "rev-list", "--first-parent", "--reverse", head).splitlines()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="benchgate history",
        description="Keeps what comparisons of a branch's commits found, and draws how the cases went. Notes are "
        f"carried by git push origin {Notes.REF} and git fetch origin {Notes.REF}:{Notes.REF}.",
        epilog="Exit status: 0 done, 2 wrong use, 3 what is kept cannot be read.",
    )
    actions = parser.add_subparsers(dest="action", required=True)
    add = actions.add_parser("add", help="keep what a run found")
    add.add_argument("file", type=Path, metavar="GATE.JSON")
    draw = actions.add_parser("page", help="write the page, and print the changes")
    draw.add_argument("--metric", choices=get_args(Metric), default="wall", help="(%(default)s)")
    draw.add_argument("--output", type=Path, default=Path("history.html"), help="(%(default)s)")
    for action in (add, draw):
        action.add_argument("--folder", type=Path, metavar="DIR", help="instead of git notes")
    return parser
