"""Changes of known size: real extra work or memory, written into a function of a worktree and committed."""

import ast
import math
from pathlib import Path

from .metrics import Metric, log_ratios
from .pairs import Bench
from .process import Site, Suite
from .records import Block
from .subject import Place
from .verdict import interquartile_mean
from .worktrees import Checkouts, resolve

#: The trial from which the size is worked out: so many loop rounds, in a few pairs.
TRIAL_ROUNDS, TRIAL_PAIRS, TRIAL_BLOCK_S = 20_000, 3, 1.0


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
        return resolve(repository, "working tree").commit
    finally:
        path.write_text(before)


def size_for(share: float, metric: Metric, place: Place, bench: Bench, trees: Checkouts) -> int:
    """How large the planted line must be to add `share` to the case: from its peak memory, or from a trial.

    The trial changes head's worktree and puts it back. The added time is linear in the rounds, so one point is enough.
    """
    if metric == "memory":
        block = _blocks(bench, place.case, 1)[0]
        return round(share * block.base_peak_bytes)
    path = trees.head / place.file
    before = path.read_text()
    path.write_text(planted(before, place.function, statement(metric, TRIAL_ROUNDS)))
    try:
        ratios = [log_ratios(block)[metric] for block in _blocks(bench, place.case, TRIAL_PAIRS)]
    finally:
        path.write_text(before)
    return round(TRIAL_ROUNDS * share / math.expm1(max(interquartile_mean(ratios), 1e-3)))


def bench_for(trees: Checkouts, paths: tuple[str, ...], logs: Path) -> Bench:
    """A bench for trials."""
    suite = Suite(paths, (), ())
    base, head = (Site(root.name, root, suite, 120.0, logs) for root in (trees.base, trees.head))
    return Bench(base, head, frozenset())


def _blocks(bench: Bench, case: str, pairs: int) -> list[Block]:
    measured = [bench.measure([case], "screen", TRIAL_BLOCK_S) for _ in range(pairs)]
    return [block for pair in measured for block in pair.blocks]
