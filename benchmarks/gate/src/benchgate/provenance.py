"""What ran is shown, not assumed: which of the project's files each arm loaded, and which it should have had."""

import ast
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from .errors import GateError
from .measure.pair import PairDriver
from .measure.site import PREPARE, PREPARE_IN_PLACE, Site
from .revisions.builds import to_carry
from .revisions.compiled import compiled_by, expected, installed, is_compiled, lacking, of_another_python
from .revisions.definitions import may_be_code
from .revisions.git import git_lines
from .revisions.packages import Packages, is_of_cases
from .revisions.worktrees import Checkouts
from .settings import Settings

#: Sources of code that is compiled before it can be run.
_COMPILED_FROM = {
    ".c", ".h", ".cc", ".hh", ".cpp", ".hpp", ".cxx", ".hxx", ".inc", ".rs", ".go", ".pyx", ".pxd", ".f", ".f90",
    ".zig", ".s", ".S", ".m", ".mm", ".nim", ".swift",
}  # fmt: skip
#: What a module has that does anything.
_DOING = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda, ast.Call, ast.Import, ast.ImportFrom)


def check_compiled(
    checkout: Path, trees: Checkouts, packages: Packages, sites: Sequence[Site], settings: Settings
) -> None:
    """Raises GateError where a revision lacks compiled modules that users of the project have."""
    offering = installed(checkout, packages)
    wanted = expected(checkout, packages, git_lines(trees.head, "ls-files", "-z"), offering)
    for site in sites:
        if site.places.built and (others := of_another_python(_files_of(site))):
            raise GateError(
                f"{site.name}'s build has {shortened(others)}, which this Python cannot load: have prepare name it, as "
                '"{python} -m pip install --no-deps --target {target} {worktree}"'
            )
        absent = lacking(wanted, packages, _files_of(site))
        if settings.prepare is not None and (len(absent) < len(wanted) or all(map(_is_source, absent.values()))):
            continue  # the build has decided which of them there are
        for name, why in absent.items():
            raise GateError(
                f"{site.name} has no compiled {name}, which is known from {why}: what would be measured is not what "
                f"users run. Have each revision built: {_how_to_build(trees.head, why)}"
            )
    for home in {"", *(f"{root}/.." for root in packages.roots)} if settings.prepare is None else ():
        if how := compiled_by(trees.head / home, is_installed=bool(offering)):
            raise GateError(f"the project {how}, and its revisions are not built: {PREPARE}")


def check_carried(checkout: Path, changed: Collection[str], settings: Settings) -> Iterator[str]:
    """What is carried, in words; raises GateError for a compiled file where sources of compiled code changed."""
    names = [name.as_posix() for name in to_carry(checkout, settings.carry)]
    sources = _to_compile(changed)
    for name in names if sources and settings.prepare is None else ():
        if is_compiled(checkout / name):
            raise GateError(
                f"{shortened(sources)} changed, and {name}, which is carried, is compiled: both arms would run one "
                f"build of it. Have each revision built: {PREPARE}"
            )
    if names:
        yield f"carried from the checkout, the same in both arms: {shortened(names)}"


def uncompared_sources(driver: PairDriver, changed: Collection[str], settings: Settings) -> Iterator[str]:
    """What is said of sources of compiled code that changed, where no library of a revision's own was loaded."""
    sources = _to_compile(changed) if settings.prepare is None else []
    if sources and not any(is_compiled(Path(file)) for file in driver.loaded[driver.head.name].values()):
        yield (
            f"{shortened(sources)} changed, but no case has loaded a library that is a revision's own: what is made of "
            "them and lies elsewhere, as in /usr/local or on PATH, is the same in both arms and not compared"
        )


def _to_compile(changed: Collection[str]) -> list[str]:
    return sorted(file for file in changed if PurePosixPath(file).suffix in _COMPILED_FROM)


def _files_of(site: Site) -> list[str]:
    """What is the revision's own: files that git keeps, and those of its build; what is carried is the same in both."""
    kept, build = git_lines(site.root, "ls-files", "-z", "--recurse-submodules"), site.places.built
    return kept + [file.relative_to(build).as_posix() for file in build.rglob("*")] if build else kept


def _is_source(why: str) -> bool:
    return why.startswith("its source")


def _how_to_build(root: Path, why: str) -> str:
    """The setting with which revisions are built: what is compiled when it is imported is then found in its place."""
    files = git_lines(root, "ls-files", "-z", "*.py") if _is_source(why) else []
    return PREPARE_IN_PLACE if any(b"pyximport" in (root / file).read_bytes() for file in files) else PREPARE


def measured_line(driver: PairDriver, laid: Sequence[str], *, tried: bool) -> str:
    """What was loaded of the project in each arm, beside case definitions.

    Raises GateError when cases were tried and it was nothing.
    """
    seen = {site.name: _loaded_from(driver.loaded[site.name], site, laid) for site in (driver.base, driver.head)}
    if not seen["head"]:
        if not tried:
            return "measured: nothing, for no case could be run"
        raise GateError(
            "no module of the project outside the case definitions was loaded from head's worktree, so that both arms "
            f"would run the same code: the definitions are {shortened(laid)}. Give the files or the folder of cases "
            "alone; where cases run the project in other processes only, import it in them"
        )
    names = sorted({name for of_arm in seen.values() for name in of_arm})
    places = [place for arm in ("base", "head") for place in sorted(set(seen[arm].values()))]
    return f"measured: {', '.join(f'`{name}`' for name in names)} from {', '.join(places)}"


def check_laid(driver: PairDriver, changed: Sequence[str], cases: Sequence[str]) -> None:
    """Raises GateError where code of the project was taken for case definitions: head's would run in both arms.

    `changed` are the definitions that differ between the revisions, `cases` the files with cases in them.
    """
    site = driver.head
    ran = {Path(file) for file in driver.loaded[site.name].values()}
    for name in map(PurePosixPath, changed):
        code = may_be_code(name, site.places.packages) and str(name) not in cases and name.name != "conftest.py"
        if code and site.root.resolve() / name in ran:
            raise GateError(
                f"{name} differs between the revisions, and head's would run in both arms, for it lies in a folder "
                f"that is called as those of cases are: give the files of cases alone ({shortened(cases)})"
            )


def check_names(driver: PairDriver, cases: Sequence[str]) -> None:
    """Raises GateError where files of cases lie beside different packages of one name that was loaded."""
    packages = driver.head.places.packages
    for name in packages.folders:
        if name in driver.loaded[driver.head.name] and (places := packages.claimed_by_several(name, cases)):
            raise GateError(
                f"`{name}` is in {shortened(places)}, beside cases of each, and a process has one of that name: "
                "give the cases of one of them at a time"
            )


def _loaded_from(loaded: Mapping[str, str], site: Site, laid: Sequence[str]) -> dict[str, str]:
    """Topmost names of what was loaded, each with the folder it was in."""
    found: dict[str, str] = {}
    code: set[str] = set()
    outside = [site.root.resolve() / path for path in laid]
    for name, file in loaded.items():
        path = Path(file)
        own = next(folder for folder in site.own if path.is_relative_to(folder))
        if any(path.is_relative_to(definition) for definition in outside) or name.endswith("conftest"):
            continue
        if any(definition.is_relative_to(path.parent) for definition in outside) and _is_empty_package(path):
            continue  # pytest imports it with the cases in it
        top = next(
            (known for known in _prefixes(name) if known in site.places.packages.folders), name.partition(".")[0]
        )
        parts = path.relative_to(own).parts
        folder = parts[: max(len(parts) - len(name.split(".")) - (path.stem == "__init__"), 0)]
        place = site.name if own == site.root.resolve() else f"{site.name}'s build"
        found[top] = "/".join((place, *folder)) if own == site.root.resolve() else place
        if path.stem != "__init__" or not is_of_cases(PurePosixPath(top.partition(".")[0])):
            code.add(top)  # and not only the package around the cases, which pytest imports with them
    return {top: place for top, place in found.items() if top in code} or found


def _is_empty_package(file: Path) -> bool:
    """Whether a file makes its folder a package and does nothing that could be measured."""
    return file.name == "__init__.py" and not any(
        isinstance(node, _DOING) for node in ast.walk(ast.parse(file.read_bytes()))
    )


def _prefixes(name: str) -> Iterator[str]:
    parts = name.split(".")
    yield from (".".join(parts[:end]) for end in range(1, len(parts) + 1))


def shortened(names: Sequence[str]) -> str:
    """The first of the names, and how many more there are."""
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
