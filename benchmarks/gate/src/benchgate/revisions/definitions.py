"""Which files are case definitions, the same in both arms, and which are the project that is measured."""

import os
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from ..errors import WrongUseError
from .git import Revision, git


def overlay_of(paths: Sequence[str], head: Path) -> tuple[str, ...]:
    """What is taken from head in both arms: each selected directory, or the directory around a selected file.

    A file at the root of the repository is taken alone. Raises WrongUseError when the overlay would be everything,
    for then base would be a copy of head, or when a path leads out of the repository.
    """
    overlay: set[str] = set()
    for path in paths:
        pure = PurePosixPath(os.path.normpath(path.split("::")[0]))
        if pure.is_absolute() or ".." in pure.parts:
            raise WrongUseError(f"{path}: give paths inside the repository, relative to its root")
        inside = pure if (head / pure).is_dir() or len(pure.parts) == 1 else pure.parent
        if inside == PurePosixPath("."):
            raise WrongUseError("the whole repository cannot be the case definitions: give the benchmarks' directory")
        overlay.add(str(inside))
    return tuple(sorted(overlay))


def changed_inside(repository: Path, base: Revision, head: Revision, overlay: Sequence[str]) -> list[str]:
    """Files under the overlay that differ between the revisions: what is the same in both arms, so not measured."""
    return git(repository, "diff", "--name-only", base.commit, head.commit, "--", *overlay).splitlines()


def project_names(repository: Path, head: Revision, overlay: Sequence[str]) -> tuple[str, ...]:
    """Names of the importable packages and modules of head outside the case definitions: of its root and of src."""
    files = git(repository, "ls-tree", "-r", "--name-only", head.commit).splitlines()
    names: set[str] = set()
    for file in map(PurePosixPath, files):
        parts = file.parts[1:] if file.parts[0] == "src" else file.parts
        if len(parts) == 1 and file.suffix == ".py":
            names.add(file.stem)
        elif len(parts) == 2 and parts[1] == "__init__.py":
            names.add(parts[0])
    return tuple(sorted(names - {PurePosixPath(path).parts[0] for path in overlay} - {"setup", "conftest"}))
