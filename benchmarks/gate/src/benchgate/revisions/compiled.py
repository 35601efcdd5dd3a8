"""Compiled modules of the project: those that its users have, and that a worktree may lack."""

import csv
import json
from collections.abc import Iterator, Sequence
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.metadata import Distribution, distributions
from pathlib import Path, PurePosixPath

from .definitions import is_of_cases
from .git import git_lines
from .packages import Packages

#: Build backends that projects choose for the sake of compiled modules.
_COMPILING = ("maturin", "mesonpy", "scikit_build_core", "setuptools_rust", "sipbuild")


def module_of(file: PurePosixPath) -> PurePosixPath | None:
    """The module that a file compiled is, as a path without suffix; None for any other file.

    >>> module_of(PurePosixPath("toy/_fast.abi3.so")), module_of(PurePosixPath("toy/data.sow"))
    (PurePosixPath('toy/_fast'), None)
    """
    for suffix in sorted((*EXTENSION_SUFFIXES, ".pyd", ".so"), key=len, reverse=True):
        if file.name.endswith(suffix):
            return file.with_name(file.name.removesuffix(suffix).partition(".")[0])
    return None


def expected(checkout: Path, packages: Packages, files: Sequence[str]) -> dict[str, str]:
    """Compiled modules of the project by dotted name, with where each is known from."""
    found = {name: f"the installed {dist}" for dist, name in _installed(checkout, packages)}
    found |= {name: f"this checkout ({file})" for name, file in _in_packages(_untracked(checkout), packages)}
    sources = [file for file in files if file.endswith(".pyx")]
    for name, file in _in_packages(sources, packages, suffix=".pyx"):
        found.setdefault(name, f"its source {file}")
    return found


def lacking(wanted: dict[str, str], packages: Packages, own: Sequence[Path]) -> dict[str, str]:
    """Those of the modules `wanted` that no folder of the revision has, which may be built folders or a worktree."""
    return {name: why for name, why in wanted.items() if not _is_there(name, packages, own)}


def compiling_backend(pyproject: str) -> str | None:
    """The build backend of a pyproject.toml if it is one that compiles."""
    return next((backend for backend in _COMPILING if f'"{backend}' in pyproject), None)


def _is_there(name: str, packages: Packages, own: Sequence[Path]) -> bool:
    """Whether one of the folders holds the module, where it is installed or below one of the project's roots."""
    relative = PurePosixPath(*name.split("."))
    places = [relative, *(PurePosixPath(root) / relative for root in packages.roots)]
    return any(
        module_of(PurePosixPath(file.name)) is not None
        for folder in own
        for place in places
        for file in (folder / place).parent.glob(f"{place.name}.*")
    )


def _installed(checkout: Path, packages: Packages) -> Iterator[tuple[str, str]]:
    """Compiled modules of installed distributions that offer one of the project's packages."""
    for dist in distributions():
        files = _files_of(dist)
        if not _offers(dist, files, packages, checkout):
            continue
        for file in files:
            module = module_of(PurePosixPath(file))
            if module is not None and ".." not in module.parts:
                yield str(dist.metadata["Name"]), ".".join(module.parts)


def _files_of(dist: Distribution) -> list[str]:
    """What `dist.files` has, which takes half a second to make paths of in a large environment."""
    record = dist.read_text("RECORD")
    return [row[0] for row in csv.reader(record.splitlines()) if row] if record else list(map(str, dist.files or ()))


def _offers(dist: Distribution, files: Sequence[str], packages: Packages, checkout: Path) -> bool:
    location = json.loads(dist.read_text("direct_url.json") or "{}").get("url", "")
    if location == checkout.as_uri() or location.startswith(f"{checkout.as_uri()}/"):
        return True
    tops = {file.partition("/")[0] for file in files if "/" in file}
    offered = {name for name in packages.folders if "." not in name and not is_of_cases(PurePosixPath(name))}
    return not tops.isdisjoint(offered)


def _untracked(checkout: Path) -> list[str]:
    patterns = [f"*{suffix}" for suffix in (".so", ".pyd")]
    files = git_lines(checkout, "ls-files", "--others", "-z", "--", *patterns)
    return [file for file in files if "site-packages" not in file]


def _in_packages(files: Sequence[str], packages: Packages, suffix: str = "") -> Iterator[tuple[str, str]]:
    """Dotted names of those files that lie in a package of the project."""
    for file in files:
        path = PurePosixPath(file)
        module = path.with_suffix("") if suffix else module_of(path)
        for name, folders in packages.folders.items():
            for folder in folders:
                package = PurePosixPath(folder, name.rpartition(".")[2])
                if module is not None and module.is_relative_to(package) and module != package:
                    yield ".".join((name, *module.relative_to(package).parts)), file
