"""``benchgate bisect``: since which commit a case is slower, by comparisons of commits between a good and a bad one.

The halving is done here and not by ``git bisect``, which knows one good commit: a branch that was forked before the
good one, or before something got quicker, would be blamed for what it never had. What a merge brought is compared with
the commit at which it was forked.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from . import compare
from .errors import GateError, WrongUseError
from .revisions.git import git, resolve, top, with_files_of

#: What a comparison ends with when nothing regressed, when something did, and when that could not be decided.
_NOT_SLOWER, _SLOWER, _UNDECIDED = 0, 1, 3


def run(arguments: Sequence[str]) -> int:
    """Prints the first commit that is slower than the good one; returns the exit status."""
    given, others = _parser().parse_known_args(arguments)
    try:
        if given.base or given.head:
            raise WrongUseError("bisect chooses what it compares, between GOOD and BAD: leave out --base and --head")
        repository = top(Path.cwd())
        good, bad = (resolve(repository, name).commit for name in (given.good, given.bad))
        search = _Search(repository, bad, others)
        commits = search.commits(f"{good}..{bad}")
        if not commits:
            raise WrongUseError(f"no commit leads from {given.good} to {given.bad}")
        return search.tell(good, commits)
    except _EndedError as ended:
        return ended.status
    except GateError as error:
        sys.stdout.write(f"error: {error}\n")
        return error.exit_status


class _EndedError(Exception):
    """A comparison was interrupted, or wrongly asked for, and with it the search."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


@dataclass
class _Search:
    """Comparisons with the case definitions of `bad`: an older commit may lack a case or call it otherwise."""

    repository: Path
    bad: str
    others: Sequence[str]
    definitions: list[str] = field(default_factory=list)

    def commits(self, *revisions: str) -> list[str]:
        """Commits, the oldest first; a merge stands for all that it merged."""
        return git(self.repository, "rev-list", "--reverse", "--first-parent", *revisions).splitlines()

    def tell(self, good: str, commits: Sequence[str]) -> int:
        """Searches commits, of which the last has to be slower than `good`; where it finds a merge, what was merged."""
        found = self._first_slower(good, commits)
        if found is None:
            self._say(f"{self._name(commits[-1])} is not shown to be slower: nothing to search for")
            return _UNDECIDED
        first, last = found
        for merged in git(self.repository, "rev-parse", f"{last}^@").splitlines()[1:] if first == last else ():
            fork = git(self.repository, "merge-base", f"{last}^", merged)
            if inner := self.commits("--ancestry-path", f"{fork}..{merged}"):
                self._say(f"slower since the merge {self._name(last)}: what it merged is compared with {fork[:10]}")
                first, last = self._first_slower(fork, inner) or (first, last)
        names = dict.fromkeys((self._name(first), self._name(last)))
        self._say(f"slower since {'one from ' if len(names) > 1 else ''}{' to '.join(names)}")
        return _UNDECIDED if len(names) > 1 else 0

    def _first_slower(self, good: str, commits: Sequence[str]) -> tuple[str, str] | None:
        """The first and the last commit that may be it; None where the last of all is not slower than `good`.

        One that cannot be decided, such as one that does not build, is left out.
        """
        if self._compare(good, commits[-1]) != _SLOWER:
            return None
        not_slower, slower = -1, len(commits) - 1
        undecided: set[int] = set()
        while left := [at for at in range(not_slower + 1, slower) if at not in undecided]:
            middle = left[len(left) // 2]
            self._say(f"{len(left)} left; next {self._name(commits[middle])}")
            status = self._compare(good, commits[middle])
            if status == _SLOWER:
                slower = middle
            elif status == _NOT_SLOWER:
                not_slower = middle
            else:
                self._say(f"undecided at {self._name(commits[middle])}: left out")
                undecided.add(middle)
        return commits[not_slower + 1], commits[slower]

    def _compare(self, good: str, commit: str) -> int:
        head = with_files_of(self.repository, commit, self.bad, self.definitions)
        status, definitions = compare.compared(["--base", good, "--head", head, *self.others])
        if status not in {_NOT_SLOWER, _SLOWER, _UNDECIDED}:
            raise _EndedError(status)
        self.definitions = self.definitions or [*definitions]
        return status

    def _name(self, commit: str) -> str:
        return git(self.repository, "show", "--no-patch", "--format=%h (%s)", commit)

    @staticmethod
    def _say(line: str) -> None:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="benchgate bisect",
        usage="%(prog)s [-h] GOOD BAD [PATH ...] [-k EXPRESSION] [...]",
        description="Says since which commit something is slower. What follows BAD is as for a comparison; "
        "choose the slower cases by -k, so that each step is quick.",
        epilog="Exit status: 0 found, 3 undecided, 2 wrong use.",
    )
    parser.add_argument("good", metavar="GOOD", help="a commit that is not slower")
    parser.add_argument("bad", metavar="BAD", help="a later one that is")
    for refused in ("--base", "--head"):
        parser.add_argument(refused, help=argparse.SUPPRESS)
    return parser
