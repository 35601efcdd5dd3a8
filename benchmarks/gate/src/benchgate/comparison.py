"""One whole comparison, from two names of revisions to findings."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from .decide.findings import CaseFinding, find
from .decide.measured import Measured
from .decide.rule import Rule
from .errors import GateError, WrongUseError
from .measure.messages import Collected
from .measure.pair import PairDriver
from .measure.records import Pair, Trouble
from .measure.site import Site, Suite, check_collected, check_selection
from .revisions.definitions import changed_inside, overlay_of, project_names
from .revisions.git import WORKING_TREE, Revision, merge_base, resolve
from .revisions.worktrees import Checkouts, checkouts
from .settings import Settings


@dataclass(frozen=True)
class Result:
    """What a comparison found, with the pairs it was found in and what a reader should know beside."""

    base: Revision
    head: Revision
    findings: list[CaseFinding]
    pairs: list[Pair]
    notes: list[str]


@dataclass(frozen=True)
class Comparison:
    """Both revisions on disk, their cases collected: ready to be measured."""

    base: Revision
    head: Revision
    driver: PairDriver
    cases: list[str]
    tolerances: dict[str, float]
    missing: list[Trouble]
    notes: list[str]
    _trees: Checkouts
    _state: str

    def check_untouched(self) -> None:
        """Raises GateError when a worktree is no longer as it was checked out."""
        if self._trees.state() != self._state:
            raise GateError("a worktree was changed while it was measured: a case writes into the files it is made of")

    def result(self, measured: Measured) -> Result:
        """The verdicts on what was measured, and on the cases that only base has."""
        return Result(self.base, self.head, find(measured, self.missing), measured.evidence.pairs, self.notes)


@contextmanager
def prepared(repository: Path, settings: Settings, directory: Path) -> Iterator[Comparison]:
    """A comparison, for as long as its worktrees exist.

    The output of every measured process is kept in ``logs`` under `directory`.

    Raises GateError when nothing can be concluded at all.
    """
    base, head = _revisions(repository, settings)
    with checkouts(repository, base, head) as trees:
        check_selection(settings.paths, trees.head)
        overlay = overlay_of(settings.paths, trees.head)
        suite = Suite(settings.paths, settings.selection, project_names(repository, head, overlay))
        base_site, head_site = (
            Site(root.name, root, suite, settings.timeout_s, directory / "logs") for root in (trees.base, trees.head)
        )
        before, now = _collect(base_site, head_site)
        check_collected(now)
        trees.lay_cases(overlay)
        notes = [f"{', '.join(overlay)} from head in both arms"]
        if inside := changed_inside(repository, base, head, overlay):
            notes.append(f"{len(inside)} changed files are case definitions, the same in both arms: not compared")
        notes += [f"base's own definitions: {error}" for error in before.errors]
        notes += _loosened(before, now, settings.rule)
        yield Comparison(
            base,
            head,
            PairDriver(base_site, head_site, frozenset(before.cases)),
            now.cases,
            _tolerances(now, settings),
            _missing(before, now),
            notes,
            trees,
            trees.state(),
        )


def _revisions(repository: Path, settings: Settings) -> tuple[Revision, Revision]:
    if settings.base == WORKING_TREE:
        raise WrongUseError("the working tree cannot be the base: what is compared with must be a commit")
    head = resolve(repository, settings.head)
    if settings.base is not None:
        return resolve(repository, settings.base), head
    base = merge_base(repository, settings.head)
    if base.commit == head.commit:
        raise WrongUseError(f"head is {base.commit[:10]}, which is on the main branch: give --base, for example HEAD~1")
    return base, head


def _collect(*sites: Site) -> list[Collected]:
    with ThreadPoolExecutor(len(sites)) as threads:
        return list(threads.map(Site.collect, sites))


def _tolerances(collected: Collected, settings: Settings) -> dict[str, float]:
    """By case: the last pattern of the settings that it matches, else what its marker says."""
    found = {
        case: share
        for case in collected.cases
        for pattern, share in settings.tolerances.items()
        if fnmatchcase(case, f"*{pattern}")
    }
    return collected.tolerances | found


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
