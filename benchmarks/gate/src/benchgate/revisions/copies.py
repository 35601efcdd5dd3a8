"""Copies of the project's modules that nothing declares: installed by hand, or by a setup.py that cannot be read."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from .packages import Packages, is_tool


def possible_copies(
    changed: Collection[str], trees: Sequence[Path], packages: Packages
) -> Mapping[str, tuple[str, ...]]:
    """Dotted names by which changed modules may be imported that are in no known package, each with their files."""
    found: dict[str, tuple[str, ...]] = {}
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


def is_copy(file: Path, versions: Iterable[Path]) -> bool:
    """Whether a file is one of these, or has half of its lines, as an older one would; others only have its name."""
    lines = _lines(file)
    there = [_lines(version) for version in versions if version.is_file()]
    return any(lines == version or 2 * len(lines & version) >= min(len(lines), len(version)) > 0 for version in there)


def _lines(file: Path) -> frozenset[bytes]:
    try:
        return frozenset(filter(None, map(bytes.strip, file.read_bytes().splitlines())))
    except OSError:
        return frozenset()
