"""One whole comparison, from two names of revisions to findings."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from .base_cases import BaseCases, collect_both
from .decide.findings import CaseFinding, exit_status, find
from .decide.measured import Measured
from .errors import GateError, WrongUseError
from .measure.collecting import check_collected
from .measure.executed import cases_that_run
from .measure.messages import Collected, Ended
from .measure.pair import PairDriver
from .measure.places import Places
from .measure.records import Pair, Trouble
from .measure.site import Site
from .measure.suite import Suite, configured
from .measure.trial import Trial, try_out
from .notes import differences, loosened, machine, of_part, told_alone, told_moved, unmatched
from .part import Part, Shard
from .provenance import (
    check_carried,
    check_compiled,
    check_laid,
    check_names,
    measured_line,
    shortened,
    uncompared_sources,
)
from .revisions.builds import built, carried
from .revisions.copies import possible_copies
from .revisions.definitions import changed_inside, changed_outside, definitions, moved, selected
from .revisions.git import WORKING_TREE, Revision, git_lines, merge_base, resolve
from .revisions.packages import Packages, packages_of
from .revisions.worktrees import Checkouts, checkouts
from .settings import Settings
from .uncompared import but_newly_skipped, but_renamed, fresh, missing, named, uncollected

#: What is said before the first silence.
_TRIAL_FIRST = "before measuring, every case is called once or twice in both revisions: what runs, and for how long"

#: Of a revision that is compared with itself, as where CI on the main branch has that branch as its base.
_NOTHING_DIFFERS = "the revisions differ in nothing that is compared: only chance can tell them apart"


@dataclass(frozen=True)
class Result:
    """What a comparison found, with the pairs it was found in and what a reader should know beside.

    `idle` is a shard to which no case falls, since there are fewer than shards. Ids of cases count from `rootdir`, a
    folder of the repository. `of_shards` are the cases that fall on all the shards, of which this run is one.
    """

    base: Revision
    head: Revision
    findings: list[CaseFinding]
    pairs: list[Pair]
    notes: list[str]
    stopped: str = ""
    idle: bool = False
    rootdir: str = "."
    of_shards: tuple[str, ...] = ()

    @property
    def exit_status(self) -> int:
        """1 where something regressed; 0 where all is decided and the run came to its end; else 3."""
        status = 0 if self.idle else exit_status(self.findings)
        return 3 if self.stopped and status == 0 else status


@dataclass(frozen=True)
class Comparison:
    """Both revisions on disk, their cases collected and tried out: ready to be measured."""

    base: Revision
    head: Revision
    driver: PairDriver
    cases: list[str]
    tolerances: dict[str, float]
    missing: list[Trouble]
    trial: Trial
    notes: list[str]
    changed: frozenset[str]
    definitions: tuple[str, ...]
    of_shards: tuple[str, ...]
    _trees: Checkouts

    def running_changes(self, for_s: float) -> frozenset[str]:
        """Cases that run a file that changed, as far as so many seconds show; the quickest are looked at first."""
        call_s = self.trial.call_s  # tracing makes it some times as long
        cases = sorted((case for case in call_s if call_s[case] < for_s / 5), key=lambda case: call_s[case])
        return cases_that_run(self.changed, self.driver.head, cases, for_s) if self.changed and cases else frozenset()

    def check_untouched(self) -> None:
        """Raises GateError when a worktree is no longer as it was checked out."""
        if changed := self._trees.changed():
            raise GateError(f"a worktree was changed while it was measured: {', '.join(changed[:3])}")

    def result(self, measured: Measured, stopped: str = "") -> Result:
        """The verdicts on what was measured and on cases that only base has; `stopped` says why that is not all."""
        findings = find(measured, self.missing)
        home, _ = configured(self._trees.head, self.driver.head.suite.paths)
        return Result(
            self.base, self.head, findings, measured.evidence.pairs, self.notes, stopped, not self.cases,
            home.relative_to(self._trees.head).as_posix(), self.of_shards,
        )  # fmt: skip


@contextmanager
def prepared(
    repository: Path, settings: Settings, directory: Path, say: Callable[[str], None] = lambda _: None
) -> Iterator[Comparison]:
    """A comparison, for as long as its worktrees exist.

    The output of every measured process is kept in ``logs`` under `directory`; what takes long is told by `say`.

    Raises GateError when nothing can be concluded at all.
    """
    base, head = _revisions(repository, settings)
    settings.part.check()
    say(_TRIAL_FIRST)
    with checkouts(repository, base, head) as trees:
        chosen = selected(settings.paths, trees.head)
        if settings.prepare:
            say(f"each revision is built, unless its build is kept: {settings.prepare}")
        sites = sites_of(repository, trees, settings, chosen, directory / "logs")
        whence = moved(repository, base, head)
        known, now = collect_both(sites[0], sites[1], settings, whence)
        before = known.collected
        check_collected(now)
        files = _relative(now.files, trees.head)
        laid = definitions(settings.paths, files, trees.head, trees.base)
        packages = _packages(repository, trees, laid).nearest_first(files)
        trees.lay(laid)
        with_them = {old: new for old, new in whence.items() if any(map(PurePosixPath(new).is_relative_to, laid))}
        changed = changed_outside(repository, base, head, [*laid, *with_them])
        carried = [*check_carried(repository, changed, settings)]
        copies = possible_copies(changed, (trees.base, trees.head), packages, git_lines(trees.head, "ls-files", "-z"))
        lethal: tuple[dict[str, str], ...] = ({}, sites[1].lethal)  # base has other files of cases now
        sites = [
            replace(
                site,
                places=replace(site.places, packages=packages, laid=laid, changed=changed, copies=copies),
                lethal=each,
            )
            for site, each in zip(sites, lethal, strict=True)
        ]
        whole = settings.part == Part(Shard(1, settings.part.shard.count))  # one of the shards tells of what they share
        lost = [*uncollected(before, now), *missing(before, now)] if whole else []
        by_name = [os.path.relpath(file, trees.head) for file in now.files]  # which may be links
        in_vain = [*unmatched(now, [*files, *by_name], settings)]
        for line in (*(f"{node} cannot be collected in head: {why}" for node, why in now.errors.items()), *in_vain):
            say(line)
        of_shards = tuple(settings.part.of_all_shards(now.cases)) if settings.part.shard.count > 1 else ()
        now = replace(now, cases=settings.part.of(now.cases))
        cases, nameless = named(now.cases, before.cases)
        confirms = settings.part.confirmed is not None  # what regressed in one run is neither new nor skipped
        driver = PairDriver(sites[0], sites[1], frozenset() if confirms else fresh(before, now))
        trial = try_out(driver, cases, trees, say)
        inside = changed_inside(repository, base, head, laid)
        own = _of_own_definitions(trial, driver, known, trees, laid) if inside else {}
        trial.troubles = [*but_newly_skipped(trial.troubles, own, confirms=confirms), *nameless]
        check_laid(driver, inside, files)
        check_names(driver, files)
        notes = [measured_line(driver, laid, tried=bool(trial.call_s))] if now.cases else []
        notes += [f"on {machine(repository)}", f"{shortened(laid)} from head in both arms", *in_vain]
        notes += told_moved({old: new for old, new in with_them.items() if new in files})
        notes += [*of_part(settings.part, idle=not now.cases), *differences(repository, base, head, inside, settings)]
        built_otherwise = settings.prepare is not None and inside  # as with another pyproject.toml
        notes += uncompared_sources(driver, changed, settings)
        notes += carried if changed or built_otherwise else [*carried, _NOTHING_DIFFERS]
        if of_base := [f"{node}: {why}" for node, why in before.errors.items() if node not in now.errors]:
            notes.append(f"base's own definitions: {shortened(of_base)}")
        notes += [*loosened(before, now, settings.rule), *told_alone(driver.alone)]
        yield Comparison(
            base=base,
            head=head,
            driver=driver,
            cases=now.cases,
            tolerances=_tolerances(now, settings),
            missing=but_renamed(lost, trial.troubles),
            trial=trial,
            notes=notes,
            changed=changed,
            definitions=laid,
            of_shards=of_shards,
            _trees=trees,
        )


def _of_own_definitions(
    trial: Trial, driver: PairDriver, base: BaseCases, trees: Checkouts, laid: Sequence[str]
) -> dict[str, float | Ended]:
    """How cases end by base's own definitions that are skipped in both revisions by those of head."""
    skipped = [trouble.case for trouble in trial.troubles if trouble.verdict == "skipped"]
    if not (cases := [case for case in skipped if case not in driver.fresh]):
        return {}
    with trees.own_definitions(laid):
        return base.ends(cases)


def sites_of(checkout: Path, trees: Checkouts, settings: Settings, chosen: Sequence[str], logs: Path) -> list[Site]:
    """Both sites, with what is carried, and built if that was asked for.

    Raises GateError where compiled modules are lacking.
    """
    packages = _packages(checkout, trees, chosen).nearest_first(settings.paths)
    suite = Suite(settings.paths, settings.selection, settings.pytest_args, settings.folder)
    sites: list[Site] = []
    for root in (trees.base, trees.head):
        carried(checkout, settings.carry, root)
        target = built(settings.prepare, root, logs / f"prepare-{root.name}.log") if settings.prepare else None
        others = tuple(other for other in (trees.base, trees.head) if other != root)
        places = Places(checkout, packages, target, others, tuple(chosen))
        sites.append(Site(root.name, root, suite, settings.timeout_s, logs, places))
    check_compiled(checkout, trees, packages, sites, settings)
    return sites


def _packages(checkout: Path, trees: Checkouts, laid: Sequence[str]) -> Packages:
    of_base, of_head = (
        packages_of(root, git_lines(root, "ls-files", "-z"), laid, checkout) for root in (trees.base, trees.head)
    )
    return of_head.joined(of_base)


def _relative(files: Sequence[str], root: Path) -> list[str]:
    inside = [Path(file).resolve() for file in files]
    return [str(file.relative_to(root.resolve())) for file in inside if file.is_relative_to(root.resolve())]


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


def _tolerances(collected: Collected, settings: Settings) -> dict[str, float]:
    """By case: the last pattern of the settings that it matches, else what its marker says."""
    found = {
        case: share
        for case in collected.cases
        for pattern, share in settings.tolerances.items()
        if fnmatchcase(case, f"*{pattern}")
    }
    return collected.tolerances | found
