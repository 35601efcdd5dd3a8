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
from .process import Site, Suite, check_selection
from .records import Pair, Trouble
from .schedule import Run
from .worktrees import Checkouts, Revision, changed_inside, checkouts, overlay_of, project_names, resolve


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
    base, head = resolve(repository, options.base), resolve(repository, options.head)
    with ExitStack() as stack:
        trees = stack.enter_context(checkouts(repository, base, head))
        check_selection(options.paths, trees.head)
        overlay = overlay_of(options.paths, trees.head)
        suite = Suite(options.paths, options.selection, project_names(repository, head, overlay))
        base_site, head_site = (
            Site(root.name, root, suite, options.timeout_s, directory / "logs") for root in (trees.base, trees.head)
        )
        (base_cases, base_errors), (cases, errors) = _collect(base_site, head_site)
        _check_collected(cases, errors)
        trees.lay_cases(overlay)
        notes = [f"{', '.join(overlay)} from head in both arms"]
        if inside := changed_inside(repository, base, head, overlay):
            notes.append(f"{len(inside)} changed files are case definitions, the same in both arms: not compared")
        notes += [f"base's own definitions: {error}" for error in base_errors]
        bench = Bench(base_site, head_site, frozenset(base_cases))
        run = Run(bench, cases, options.rule, options.budget_s, on_pair=on_pair)
        _measure(run, trees)
        outcome = Outcome(base, head, find(run, _missing(base_cases, cases)), run.evidence.pairs, notes)
        after(bench, outcome)
    return outcome


def _collect(*sites: Site) -> list[tuple[list[str], list[str]]]:
    with ThreadPoolExecutor(len(sites)) as threads:
        return list(threads.map(Site.collect, sites))


def _measure(run: Run, trees: Checkouts) -> None:
    before = trees.state()
    run.screen()
    run.confirm()
    if trees.state() != before:
        raise GateError("a worktree was changed while it was measured: a case writes into the files it is made of")


def _check_collected(cases: list[str], errors: list[str]) -> None:
    if errors:
        raise GateError("head's benchmarks cannot be collected: " + "; ".join(errors))
    if not cases:
        raise WrongUseError("no benchmark was selected: give files or directories with tests that use `benchmark`")


def _missing(base_cases: list[str], cases: list[str]) -> list[Trouble]:
    return [
        Trouble(case, "missing", "base has this case, head has not: removed or renamed")
        for case in base_cases
        if case not in set(cases)
    ]
