"""Changes of known size: real extra work or memory, written into a function of a worktree and committed.

``python -m benchmarks.study.planting FILE FUNCTION CASE SHARE`` makes such a commit, on no branch, and prints it:
anyone can see whether the gate finds it.
"""

import argparse
import ast
import math
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchgate.comparison import sites_of
from benchgate.decide.estimate import interquartile_mean
from benchgate.decide.metrics import Metric, log_ratios
from benchgate.measure.pair import PairDriver
from benchgate.measure.records import Block
from benchgate.revisions.definitions import selected
from benchgate.revisions.git import WORKING_TREE, resolve, top
from benchgate.revisions.worktrees import Checkouts, checkouts
from benchgate.settings import Settings
from benchmarks.study.subject import Place

#: A first trial has so many loop rounds; from a second one, which is to add that share, the size is worked out.
TRIAL_ROUNDS, TRIAL_SHARE = 20_000, 0.2
TRIAL_PAIRS, TRIAL_BLOCK_S = 3, 1.0


def statement(metric: Metric, size: int) -> str:
    """The planted line: `size` rounds of an empty loop, or so many bytes written to and held by the function."""
    return f"_planted = b'x' * {size}" if metric == "memory" else f"for _planted in range({size}): pass"


def planted(source: str, function: str, line: str) -> str:
    """The source with `line` as the first statement of a function; raises ValueError when there is none.

    >>> planted("def f(x): return x", "f", "y = 1").splitlines()
    ['def f(x):', '    y = 1', '    return x']
    """
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name == function:
            node.body[:0] = ast.parse(line).body
            return ast.unparse(tree)
    raise ValueError(f"no function {function!r} in the source: give one that is there")


def commit_planted(repository: Path, place: Place, line: str) -> str:
    """A commit with the line planted, on no branch; the repository's files are put back."""
    path = repository / place.file
    before = path.read_text()
    path.write_text(planted(before, place.function, line))
    try:
        return resolve(repository, WORKING_TREE).commit
    finally:
        path.write_text(before)


def size_for(share: float, metric: Metric, place: Place, driver: PairDriver, trees: Checkouts) -> int:
    """How large the planted line must be to add `share` to the case: from its peak memory, or from trials.

    The trials change head's worktree and put it back. The added time is linear in the rounds, so one point is enough,
    but not one of a few percent, which could not be told from noise.
    """
    if metric == "memory":
        block = _blocks(driver, place.case, 1)[0]
        return round(share * block.base_peak_bytes)
    rounds = TRIAL_ROUNDS
    for wanted in (TRIAL_SHARE, share):
        rounds = round(rounds * wanted / max(_added(rounds, metric, place, driver, trees), 1e-3))
    return rounds


def _added(rounds: int, metric: Metric, place: Place, driver: PairDriver, trees: Checkouts) -> float:
    """The share of the case that a planted line of so many rounds adds to it."""
    path = trees.head / place.file
    before = path.read_text()
    path.write_text(planted(before, place.function, statement(metric, rounds)))
    try:
        measured = [log_ratios(block) for block in _blocks(driver, place.case, TRIAL_PAIRS)]
    finally:
        path.write_text(before)
    return math.expm1(interquartile_mean([ratios.get(metric, ratios["wall"]) for ratios in measured]))


def driver_for(repository: Path, trees: Checkouts, paths: tuple[str, ...], logs: Path) -> PairDriver:
    """A driver for trials."""
    base, head = sites_of(repository, trees, Settings(paths), selected(paths, trees.head), logs)
    return PairDriver(base, head)


def _blocks(driver: PairDriver, case: str, pairs: int) -> list[Block]:
    measured = [driver.measure({case: TRIAL_BLOCK_S}) for _ in range(pairs)]
    return [block for pair in measured for block in pair.blocks]


def run(arguments: Sequence[str] | None = None) -> int:
    """Prints the commit that makes a case of the repository around the current directory slower by a share."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.study.planting", description=__doc__)
    parser.add_argument("file", help="as from the root of the repository")
    parser.add_argument("function", help="its first of this name gets the extra work")
    parser.add_argument("case", help="id of the case that calls the function")
    parser.add_argument("share", type=float, help="of the case's CPU seconds, for example 0.05")
    given = parser.parse_args(arguments)
    repository, place = top(Path.cwd()), Place(given.file, given.function, given.case)
    head = resolve(repository, WORKING_TREE)
    with tempfile.TemporaryDirectory(prefix="gate-logs-") as logs, checkouts(repository, head, head) as trees:
        size = size_for(
            given.share, "cpu", place, driver_for(repository, trees, (place.case.split("::")[0],), Path(logs)), trees
        )
    sys.stdout.write(f"{commit_planted(repository, place, statement('cpu', size))}\n")
    return 0


if __name__ == "__main__":
    sys.exit(run())
