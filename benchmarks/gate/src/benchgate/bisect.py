"""``benchgate bisect``: since which commit a case is slower, by comparisons of commits between a good and a bad one."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from . import compare
from .errors import GateError, WrongUseError
from .revisions.git import git, resolve, top

#: What a comparison ends with when nothing regressed, when something did, and when that could not be decided.
_NOT_SLOWER, _SLOWER, _UNDECIDED = 0, 1, 3


def run(arguments: Sequence[str]) -> int:
    """Prints the first commit that is slower than the good one; returns the exit status."""
    given, others = _parser().parse_known_args(arguments)
    try:
        repository = top(Path.cwd())
        good, bad = (resolve(repository, name).commit for name in (given.good, given.bad))
        commits = git(repository, "rev-list", "--reverse", "--first-parent", f"{good}..{bad}").splitlines()
        if not commits:
            raise WrongUseError(f"no commit leads from {given.good} to {given.bad}")
        return _search(repository, good, commits, others)
    except GateError as error:
        sys.stdout.write(f"error: {error}\n")
        return error.exit_status


def _search(repository: Path, good: str, commits: Sequence[str], others: Sequence[str]) -> int:
    """Halves the commits, of which the last has to be slower than `good`, until one is left.

    One that cannot be decided, such as one that does not build, is left out.
    """
    status = _compare(good, commits[-1], others)
    if status != _SLOWER:
        if status in {_NOT_SLOWER, _UNDECIDED}:
            sys.stdout.write(f"{_name(repository, commits[-1])} is not shown to be slower: nothing to search for\n")
        return status or _UNDECIDED
    not_slower, slower = -1, len(commits) - 1
    undecided: set[int] = set()
    while left := [at for at in range(not_slower + 1, slower) if at not in undecided]:
        middle = left[len(left) // 2]
        sys.stdout.write(f"{len(left)} commits are left; next {_name(repository, commits[middle])}\n")
        status = _compare(good, commits[middle], others)
        if status == _SLOWER:
            slower = middle
        elif status == _NOT_SLOWER:
            not_slower = middle
        elif status == _UNDECIDED:
            sys.stdout.write(f"undecided at {_name(repository, commits[middle])}: left out\n")
            undecided.add(middle)
        else:
            return status
    first, last = (_name(repository, commits[at]) for at in (not_slower + 1, slower))
    sys.stdout.write(f"slower since {last}\n" if first == last else f"slower since one from {first} to {last}\n")
    return 0 if first == last else _UNDECIDED


def _compare(good: str, commit: str, others: Sequence[str]) -> int:
    return compare.run(["--base", good, "--head", commit, *others])


def _name(repository: Path, commit: str) -> str:
    return git(repository, "show", "--no-patch", "--format=%h (%s)", commit)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="benchgate bisect",
        description="Says since which commit something is slower. All other arguments are those of a comparison; "
        "choose the slower cases by -k, so that each step is quick.",
        epilog="Exit status: 0 found, 3 undecided, 2 wrong use.",
    )
    parser.add_argument("good", help="a commit that is not slower")
    parser.add_argument("bad", help="a later one that is")
    return parser
