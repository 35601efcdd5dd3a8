"""One whole run of the gate, from two names of revisions to findings."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from .errors import GateError, WrongUseError
from .findings import CaseFinding, find
from .options import Options
from .pairs import Bench
from .process import Collected, Site, Suite, check_collected, check_selection
from .records import Pair, Trouble
from .schedule import Run
from .verdict import Rule
from .worktrees import (
    WORKING_TREE,
    Checkouts,
    Revision,
    changed_inside,
    checkouts,
    overlay_of,
    project_names,
    resolve,
)


@dataclass(frozen=True)
class Outcome:
    """What a run found, with the pairs it was found in and what a reader should know beside."""

    base: Revision
    head: Revision
    findings: list[CaseFinding]
    pairs: list[Pair]
    notes: list[str]


def compare(
    repository: Path,
    options: Options,
    directory: Path,
    *,
    on_pair: Callable[[Pair], None],
    after: Callable[[Bench, Outcome], None],
) -> Outcome:
    """Measures base and head; calls `after` while the worktrees still exist, for what has to be looked at in them.

    The output of every measured process is kept in ``logs`` under `directory`.

    Raises GateError when nothing can be concluded at all.
    """
    if options.base == WORKING_TREE:
        raise WrongUseError("the working tree cannot be the base: what is compared with must be a commit")
    base, head = resolve(repository, options.base), resolve(repository, options.head)
    with ExitStack() as stack:
        trees = stack.enter_context(checkouts(repository, base, head))
        check_selection(options.paths, trees.head)
        overlay = overlay_of(options.paths, trees.head)
        suite = Suite(options.paths, options.selection, project_names(repository, head, overlay))
        base_site, head_site = (
            Site(root.name, root, suite, options.timeout_s, directory / "logs") for root in (trees.base, trees.head)
        )
        before, now = _collect(base_site, head_site)
        check_collected(now)
        trees.lay_cases(overlay)
        notes = [f"{', '.join(overlay)} from head in both arms"]
        if inside := changed_inside(repository, base, head, overlay):
            notes.append(f"{len(inside)} changed files are case definitions, the same in both arms: not compared")
        notes += [f"base's own definitions: {error}" for error in before.errors]
        notes += _loosened(before, now, options.rule)
        bench = Bench(base_site, head_site, frozenset(before.cases))
        run = Run(bench, now.cases, options.rule, options.budget_s, now.tolerances, on_pair=on_pair)
        _measure(run, trees)
        outcome = Outcome(base, head, find(run, _missing(before, now)), run.evidence.pairs, notes)
        after(bench, outcome)
    return outcome


def _collect(*sites: Site) -> list[Collected]:
    with ThreadPoolExecutor(len(sites)) as threads:
        return list(threads.map(Site.collect, sites))


def _measure(run: Run, trees: Checkouts) -> None:
    before = trees.state()
    run.screen()
    run.confirm()
    if trees.state() != before:
        raise GateError("a worktree was changed while it was measured: a case writes into the files it is made of")


def _loosened(base: Collected, head: Collected, rule: Rule) -> list[str]:
    """Cases for which head forgives more than base did: a change that hides a loss would do that."""
    told = ((case, base.tolerances.get(case, rule.tolerance), head.tolerances.get(case)) for case in base.cases)
    return [
        f"{case}: head tolerates {100 * now:g}%, base {100 * before:g}%"
        for case, before, now in told
        if now and now > before
    ]


def _missing(base: Collected, head: Collected) -> list[Trouble]:
    return [
        Trouble(case, "missing", "base has this case, head has not: removed or renamed")
        for case in base.cases
        if case not in set(head.cases)
    ]
