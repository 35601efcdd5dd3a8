"""What a report says beside its verdicts: on which machine, and what was not compared."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from . import __version__
from .decide.rule import Rule
from .guard.machine import identity
from .measure.messages import Collected
from .part import Part
from .provenance import shortened
from .revisions.definitions import changed_dependencies
from .revisions.git import Revision
from .settings import Settings


def machine(repository: Path) -> str:
    """What measured: processor, Python and versions."""
    here = identity(repository)
    cores = f"{here['usable cores']} cores, {here['memory']}"
    libraries = [f"{name.removeprefix('version of ')} {of}" for name, of in here.items() if name.startswith("version ")]
    python = ", ".join([here["python"], *libraries])
    return f"{here['processor']}, {cores}, {here['architecture']}, {python}, benchgate {__version__}"


def unmatched(head: Collected, files: Sequence[str], settings: Settings) -> Iterator[str]:
    """What was asked for and concerns no case, as after a case was renamed."""
    for pattern in settings.tolerances:
        if not any(fnmatchcase(case, f"*{pattern}") for case in head.cases):
            yield f"a tolerance is given for {pattern!r}, which no selected case matches"
    for path in settings.paths:
        file, _, name = path.partition("::")
        of_name = re.compile(rf"[^:]*::{re.escape(name)}(::|\[|$)" if name else "")
        if not (
            any(PurePosixPath(each).is_relative_to(file) for each in files) and any(map(of_name.match, head.cases))
        ):
            yield f"no selected case is in {path}"


def of_part(part: Part, *, idle: bool) -> Iterator[str]:
    """That not all was measured here; an `idle` shard has no case."""
    if part.shard.count > 1:
        nothing = ", and there are fewer cases than shards, so that it measures none" if idle else ""
        yield f"this is shard {part.shard}{nothing}: benchgate merge makes one report of all"
    if part.confirmed is not None:
        yield f"only what regressed in {part.confirmed} was measured, in new pairs"


def differences(
    repository: Path, base: Revision, head: Revision, inside: Sequence[str], settings: Settings
) -> Iterator[str]:
    """What differs between the revisions and is not compared, or not by itself."""
    if inside:
        yield f"changed, but the same in both arms as definitions of cases, so not compared: {shortened(inside)}"
    if libraries := changed_dependencies(repository, base, head):
        yield _libraries(libraries, settings)


def told_moved(files: Mapping[str, str]) -> Iterator[str]:
    """Files of cases that base has under other names."""
    if files:
        names = [f"{old} to {new}" for old, new in sorted(files.items())]
        yield f"moved, and compared by the ids that cases have in head: {shortened(names)}"


def told_alone(cases: Collection[str]) -> Iterator[str]:
    """Cases that no pair of living processes has measured."""
    if cases:
        why = "for both at once would fail, or might share a server"
        yield f"measured in one arm after the other, {why}: {shortened(sorted(cases))}"


def _libraries(files: Sequence[str], settings: Settings) -> str:
    measured = (
        "each arm runs with what its build installed, and else with the libraries of this environment"
        if settings.prepare
        else "both arms run with the libraries of this environment"
    )
    return f"{shortened(files)} changed, which may change the libraries that are used: {measured}"


def loosened(base: Collected, head: Collected, rule: Rule) -> list[str]:
    """Cases for which head forgives more than base did: a change that hides a loss would do that."""
    told = ((case, base.tolerances.get(case, rule.tolerance), head.tolerances.get(case)) for case in base.cases)
    return [
        f"{case}: head tolerates {100 * now:g}%, base {100 * before:g}%"
        for case, before, now in told
        if now and now > before
    ]
