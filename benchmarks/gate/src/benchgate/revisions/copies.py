"""Copies of the project's modules that nothing declares: installed by hand, or by a setup.py that cannot be read."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from .packages import Packages, at, is_tool, read_setup_cfg, read_toml

#: Files in which it is said under which name a folder is installed, and how a name begins that only tells of a file.
_RENAMING, _ANY = {"pyproject.toml", "setup.py", "setup.cfg"}, "*/"
#: The only thing that most say of folders in a setup.py: where all packages are.
_OF_ALL = re.compile(r"package_dir\s*=\s*\{\s*([\"'])\1\s*:\s*([\"'])[^\"']*\2\s*,?\s*\}")
#: Lines that a copy under any name has at least.
_FEWEST_LINES = 5


def possible_copies(
    changed: Collection[str], trees: Sequence[Path], packages: Packages, files: Iterable[str]
) -> Mapping[str, tuple[str, ...]]:
    """Dotted names by which changed modules may be imported that are in no known package, each with their files.

    Where a folder is installed under another name than its own, modules of any name may be copies: those are known by
    the names of their files alone. `files` are all that git keeps.
    """
    found: dict[str, tuple[str, ...]] = {}
    homes = {PurePosixPath(file).parent for file in files if PurePosixPath(file).name in _RENAMING}
    if any(_renames(tree / home) for tree in trees for home in homes):
        for file in sorted(changed):
            key = f"{_ANY}{PurePosixPath(file).name}"
            found[key] = (*found.get(key, ()), file)
    for file in sorted(changed):
        for name in _names(PurePosixPath(file), trees) if file.endswith(".py") else ():
            top = name.partition(".")[0]
            if top not in packages.folders and name not in packages.folders and not is_tool(top):
                found[name] = (*found.get(name, ()), file)
    return found


def _names(file: PurePosixPath, trees: Sequence[Path]) -> Iterator[str]:
    """From whichever folder it is imported: each name has all the packages around it."""
    parts = file.parent.parts if file.stem == "__init__" else file.with_suffix("").parts
    top = len(parts) - 1
    while top > 0 and any((tree / Path(*parts[:top]) / "__init__.py").is_file() for tree in trees):
        top -= 1
    yield from (".".join(parts[start:]) for start in range(top + 1) if all(map(str.isidentifier, parts[start:])))


def _renames(home: Path) -> bool:
    """Whether a distribution has a package in a folder of another name, or a setup.py that may say so."""
    pyproject, setup = read_toml(home / "pyproject.toml"), home / "setup.py"
    script = setup.read_text(encoding="utf-8", errors="replace") if setup.is_file() else ""
    folders = [at(pyproject, "tool.setuptools.package-dir"), at(pyproject, "tool.hatch.build.targets.wheel.sources")]
    named = [name for table in folders if isinstance(table, dict) for name in table if name]
    lines = read_setup_cfg(home).get("options", "package_dir", fallback="").splitlines()
    named += [line for line in lines if line.partition("=")[0].strip()]
    return bool(named) or "package_dir" in _OF_ALL.sub("", script)


def key_of(name: str, file: str, copies: Collection[str]) -> str:
    """What is known of a loaded module among possible copies: its name, or that of its file, or nothing."""
    return next((key for key in (name, f"{_ANY}{PurePosixPath(file).name}") if key in copies), "")


def is_copy(file: Path, versions: Iterable[Path]) -> bool:
    """Whether a file is one of these, or has half of its lines, as an older one would; others only have its name."""
    lines = _lines(file)
    there = [_lines(version) for version in versions if version.is_file()]
    return any(lines == version or 2 * len(lines & version) >= min(len(lines), len(version)) > 0 for version in there)


def is_renamed_copy(file: Path, versions: Iterable[Path]) -> bool:
    """The same of a module with another name: they share some lines that are no comments, and half of the larger's."""
    code = _code(file)
    return any(
        len(code & version) >= max(_FEWEST_LINES, max(len(code), len(version)) / 2) for version in map(_code, versions)
    )


def _code(file: Path) -> frozenset[bytes]:
    return frozenset(line for line in _lines(file) if not line.startswith(b"#"))


def _lines(file: Path) -> frozenset[bytes]:
    try:
        return frozenset(filter(None, map(bytes.strip, file.read_bytes().splitlines())))
    except OSError:
        return frozenset()
