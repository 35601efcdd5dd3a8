"""The cases that base has by its own definitions and settings, by the ids that they have in head.

A folder of cases may have been moved, with the settings that select it: what base measured is looked for where it was.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from .errors import WrongUseError
from .measure.collecting import collect
from .measure.messages import Collected, Ended
from .measure.single import seconds_in
from .measure.site import Site
from .measure.suite import Suite, configured
from .settings import KEYS, Settings, inside, selection
from .settings import configured as settings_in


@dataclass(frozen=True)
class BaseCases:
    """What was `collected` in base, and the id by which its own definitions know a case, by that of head."""

    collected: Collected
    own: Mapping[str, str]
    _site: Site

    def ends(self, cases: Sequence[str]) -> dict[str, float | Ended]:
        """How cases end by base's own definitions, which must be in their place."""
        known = {self.own[case]: case for case in cases if case in self.own}
        return {known[own]: end for own, end in seconds_in(self._site, [*known], "own").items()}


def collect_both(base: Site, head: Site, asked: Settings, moved: Mapping[str, str]) -> tuple[BaseCases, Collected]:
    """The cases of both; base's are selected as head's are, where they were then, and as base's own settings say.

    `moved` are files of base by the name that they have in head.
    """
    as_now = replace(base.suite, paths=tuple(_sources(base.suite.paths, base.root, head.root, moved)))
    found, now = collect(replace(base, suite=as_now), head)
    names = _Names(base.root, head, moved)
    before, own = names.in_head(found, as_now)
    as_then = _own_suite(base, asked)
    if as_then not in {base.suite, as_now}:
        (found,) = collect(replace(base, suite=as_then))
        more, more_own = names.in_head(found, as_then)
        before, own = _joined(before, more), more_own | own
    return BaseCases(before, own, replace(base, suite=as_now)), now


def _sources(paths: Sequence[str], base: Path, head: Path, moved: Mapping[str, str]) -> Iterator[str]:
    """Selected paths of head, and in place of those that base lacks: the folder that is gone as a whole, or files."""
    for path in paths:
        file, colons, names = path.partition("::")
        found: dict[str, None] = {}
        for old, new in moved.items() if not (base / file).exists() else ():
            if PurePosixPath(new).is_relative_to(file):
                folder = _counterpart(PurePosixPath(new), PurePosixPath(old), PurePosixPath(file))
                found[folder if folder and not (head / folder).exists() else old] = None
        yield from (f"{each}{colons}{names}" for each in found or [file])


def _counterpart(file: PurePosixPath, other: PurePosixPath, folder: PurePosixPath) -> str:
    """The folder in which `other` lies as `file` does in `folder`; nothing if there is none.

    >>> _counterpart(PurePosixPath("perf/a/b.py"), PurePosixPath("tests/bench/a/b.py"), PurePosixPath("perf"))
    'tests/bench'
    """
    within = file.relative_to(folder).parts
    return "/".join(other.parts[: -len(within)]) if within and other.parts[-len(within) :] == within else ""


@dataclass(frozen=True)
class _Names:
    """Ids of base's cases as head has them: they may count from another folder, and their files have been moved."""

    base: Path
    head: Site
    moved: Mapping[str, str]

    def in_head(self, found: Collected, suite: Suite) -> tuple[Collected, dict[str, str]]:
        """What was collected in base by such a suite; and by id of head the id in base."""
        from_base = configured(self.base, suite.paths)[0].relative_to(self.base)
        from_head = configured(self.head.root, self.head.suite.paths)[0].relative_to(self.head.root)

        def named(node: str) -> str:
            file, colons, rest = node.partition("::")
            path = PurePosixPath(self._moved(PurePosixPath(from_base.as_posix(), file)))
            return f"{path.relative_to(from_head) if path.is_relative_to(from_head) else path}{colons}{rest}"

        own = {named(case): case for case in found.cases}
        tolerances = {named(case): share for case, share in found.tolerances.items()}
        errors = {node if node in {"", "."} else named(node): why for node, why in found.errors.items()}
        return replace(found, cases=[*own], errors=errors, tolerances=tolerances), own

    def _moved(self, path: PurePosixPath) -> str:
        if str(path) in self.moved:
            return self.moved[str(path)]
        within = ((old, new) for old, new in self.moved.items() if PurePosixPath(old).is_relative_to(path))
        folders = (_counterpart(PurePosixPath(old), PurePosixPath(new), path) for old, new in within)
        return next(filter(None, folders), str(path))


def _own_suite(base: Site, asked: Settings) -> Suite:
    """What base's own settings select, where nothing else was asked for; if it has none, the same as head's."""
    home = base.root / asked.folder
    try:
        table = settings_in(home, home).keys
        paths = tuple(inside(path, home, base.root) for path in table.get("paths", KEYS["paths"].default))
    except WrongUseError:  # as of a version with other keys
        table = {}
    if not table:
        return base.suite
    return replace(
        base.suite,
        paths=base.suite.paths if "paths" in asked.told else paths,
        selection=base.suite.selection
        if asked.told & {"keyword", "marker"}
        else selection(table.get("keyword"), table.get("marker")),
    )


def _joined(first: Collected, second: Collected) -> Collected:
    return replace(
        first,
        cases=[*dict.fromkeys((*first.cases, *second.cases))],
        errors=second.errors | first.errors,
        tolerances=second.tolerances | first.tolerances,
    )
