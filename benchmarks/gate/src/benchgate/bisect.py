"""``benchgate bisect``: since which commit a case is slower, by ``git bisect run`` with the gate as its step.

git knows one good commit: a branch that was forked before it, or before something got quicker, would be blamed for
what it never had. So a merge stands for all that it merged; that is then searched by a bisection of its own, whose
commits are compared with the one at which it was forked.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from . import compare
from .errors import GateError, WrongUseError
from .report.plain import plain
from .revisions.git import git, resolve, top, with_files_of
from .revisions.halving import first_bad
from .stopping import STOPPED_STATUS, StoppedError, stoppable

#: What a comparison ends with when nothing regressed, something did, it was wrong use, or it could not be decided.
_NOT_SLOWER, _SLOWER, _WRONG_USE, _UNDECIDED = 0, 1, 2, 3
#: What a step of a bisection ends with for the last of them; for the others it is the same.
_SKIP = 125


def run(arguments: Sequence[str]) -> int:
    """Prints the first commit that is slower than the good one; returns the exit status."""
    given, others = _parser().parse_known_args(arguments)
    try:
        if given.base or given.head:
            raise WrongUseError("bisect chooses what it compares, between GOOD and BAD: leave out --base and --head")
        repository = top(Path.cwd())
        good, bad = (resolve(repository, name).commit for name in (given.good, given.bad))
        if not git(repository, "rev-list", "--max-count=1", f"{good}..{bad}"):
            raise WrongUseError(f"no commit leads from {given.good} to {given.bad}")
        with stoppable():
            return _Search(repository, bad, others).tell(good)
    except _EndedError as ended:
        return int(ended.args[0])
    except (GateError, StoppedError) as error:
        sys.stdout.write(f"error: {error}\n")
        return error.exit_status if isinstance(error, GateError) else STOPPED_STATUS


class _EndedError(Exception):
    """A comparison was interrupted, or wrongly asked for, and with it the search; has the exit status."""


@dataclass
class _Search:
    """Comparisons with the case definitions of `bad`: older commits, the good one too, may call a case otherwise."""

    repository: Path
    bad: str
    others: Sequence[str]
    definitions: list[str] = field(default_factory=list)

    def tell(self, good: str) -> int:
        """Says since which commit it is slower than `good`, or what else was found."""
        found = self._first_slower(good, good, self.bad)
        if found is None:
            self._say(f"{self._name(self.bad)} is not shown to be slower: nothing to search for")
            return _UNDECIDED
        if not found:
            fork = self._name(git(self.repository, "merge-base", good, self.bad))
            self._say(f"{fork}, where the two part, is as slow: it is {self._name(good)} that has become quicker")
            return _UNDECIDED
        names = dict.fromkeys((self._name(found[0]), self._name(found[-1])))
        self._say(f"slower since {'one from ' if len(names) > 1 else ''}{' to '.join(names)}")
        return _UNDECIDED if len(names) > 1 else 0

    def _first_slower(self, base: str, good: str, bad: str) -> list[str] | None:
        """The commits between good and bad of which one is the first that is slower than `base`; see `first_bad`.

        None where bad is not slower. One that cannot be decided, such as one that does not build, is left out.
        """
        if self._compare(base, bad) != _SLOWER:
            return None
        found = first_bad(self.repository, good, bad, partial(self._step, base))
        for fork, before, tip in self._merged_by(found[0]) if len(found) == 1 else ():
            self._say(f"slower since the merge {self._name(found[0])}: what it merged is compared with {fork[:10]}")
            if inner := self._first_slower(fork, before, tip):
                return inner
        return found

    def _merged_by(self, commit: str) -> Iterator[tuple[str, str, str]]:
        """Of each line of commits that were merged: where it was forked, its last commit without that, its end."""
        for tip in git(self.repository, "rev-parse", f"{commit}^@").splitlines()[1:]:
            with suppress(GateError):  # another history altogether
                fork = git(self.repository, "merge-base", f"{commit}^", tip)
                line = ["rev-list", "--reverse", "--first-parent", "--ancestry-path", f"{fork}..{tip}"]
                if commits := git(self.repository, *line).splitlines():
                    yield fork, f"{commits[0]}^", tip

    def _step(self, base: str, commit: str, left: int) -> int:
        self._say(f"it is one of {left} commits; next {self._name(commit)}")
        status = self._compare(base, commit)
        if status == _UNDECIDED:
            self._say(f"undecided at {self._name(commit)}: left out")
        return _SKIP if status == _UNDECIDED else status

    def _compare(self, good: str, commit: str) -> int:
        base, head = (with_files_of(self.repository, each, self.bad, self.definitions) for each in (good, commit))
        status, definitions = compare.compared(["--base", base, "--head", head, *self.others])
        if status == _WRONG_USE and self.definitions:  # what was asked fits BAD, and this commit lacks something of it
            return _UNDECIDED
        if status not in {_NOT_SLOWER, _SLOWER, _UNDECIDED}:
            raise _EndedError(status)
        self.definitions = self.definitions or [*definitions]
        return status

    def _name(self, commit: str) -> str:
        return git(self.repository, "show", "--no-patch", "--format=%h (%s)", commit)

    @staticmethod
    def _say(line: str) -> None:
        sys.stdout.write(f"{plain(line)}\n")
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
