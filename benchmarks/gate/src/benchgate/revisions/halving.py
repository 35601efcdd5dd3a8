"""``git bisect run`` in a worktree of its own, which has a state of its own: a bisection of the user's goes on."""

from collections.abc import Callable
from pathlib import Path
from typing import IO, cast

from ..errors import GateError
from .git import git, started
from .worktrees import without_files

#: What git runs for each commit: it asks us, and ends as we answer, or, where no answer comes, so that git gives up.
_ASKING = "judge "
_STEP = f'echo "{_ASKING}$(git rev-parse BISECT_HEAD)"; read status || exit 128; exit "$status"'
#: How git ends when it has found one commit, when all that are left were skipped, when a merge base is bad.
_FOUND, _SKIPPED, _BAD_BASE = 0, 2, 3


def first_bad(repository: Path, good: str, bad: str, judge: Callable[[str, int], int]) -> list[str]:
    """The commits, the oldest first, of which one is the first bad one between two; the last of them is bad.

    A merge stands for all that it merged. `judge` is given a commit and of how many the first bad one is one, and
    returns what a step of ``git bisect run`` ends with: 0 good, 1 bad, 125 neither. Nothing is returned where good and
    bad are on two branches and the commit at which they part is bad. Raises GateError where git cannot go on.
    """
    with without_files(repository, bad) as tree:
        git(tree, "bisect", "start", "--first-parent", "--no-checkout", bad, good)
        if git(tree, "rev-parse", "BISECT_HEAD") != bad:  # else there is nothing between, and git would ask for it
            _run(tree, judge)
        return _left(tree)


def _run(tree: Path, judge: Callable[[str, int], int]) -> None:
    with started(tree, "bisect", "run", "sh", "-c", _STEP) as run:
        asked, answers = cast("IO[str]", run.stdout), cast("IO[str]", run.stdin)
        line = ""
        for line in asked:
            if line.startswith(_ASKING):  # messages of commits, which git shows in the end, are indented
                print(judge(line.split()[1], len(_left(tree))), file=answers, flush=True)
    if run.returncode not in {_FOUND, _SKIPPED, _BAD_BASE}:
        raise GateError(f"git bisect run failed: {line.strip()}")


def _left(tree: Path) -> list[str]:
    """Commits of which one is the first bad one, as far as git knows by now."""
    known = git(tree, "rev-parse", "--bisect").split()  # the bad one, and with ^ those that are good
    return git(tree, "rev-list", "--reverse", "--first-parent", *known).splitlines()
