"""Which files are case definitions, the same in both arms; whatever else there is, is the project that is measured."""

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath

from ..errors import WrongUseError
from .git import Revision, git_lines
from .packages import Packages, is_of_cases, project_name

#: Names of folders of cases by which folders of the code itself go too.
_OF_CODE_TOO = re.compile(r"(?i)_?(bench|perf(ormance)?|test(ing)?|speed)")
#: Pytest's configuration and hooks count as part of the definitions, in every folder above a case.
_CONFIGURATION = (
    "pytest.toml", ".pytest.toml", "pytest.ini", ".pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg", "conftest.py",
)  # fmt: skip


def selected(paths: Sequence[str], head: Path) -> tuple[str, ...]:
    """Definitions by what was selected alone: files, and folders that are called as folders of cases are.

    Raises WrongUseError for a path that head does not have.
    """
    files = [path.partition("::")[0] for path in paths]
    absent = [file for file in files if not (head / file).exists()]
    if absent:
        raise WrongUseError(f"head has no {', '.join(absent)}: give files or folders with benchmarks that git keeps")
    return tuple(sorted({file for file in files if (head / file).is_file() or _is_laid(PurePosixPath(file), head)}))


def definitions(paths: Sequence[str], case_files: Iterable[str], head: Path, base: Path) -> tuple[str, ...]:
    """What is taken from head in both arms, relative to the root: folders of cases, case files and their conftests.

    Configuration that only base has is named too: base goes without it, as head does. A selected file is taken alone.
    In a selected folder that holds other things too, as ``toy/`` with ``toy/core.py`` and ``toy/test_core.py``, it is
    the files with cases in them: were all of it taken, base would run head's code.
    """
    chosen = set(selected(paths, head))
    folders = [PurePosixPath(path) for path in paths if (head / path.partition("::")[0]).is_dir()]
    for file in map(PurePosixPath, case_files):
        if any(file.is_relative_to(folder) for folder in map(PurePosixPath, chosen)):
            continue
        within = [folder for folder in folders if file.is_relative_to(folder)]
        of_cases = [
            parent for parent in file.parents if _is_laid(parent, head) and any(map(parent.is_relative_to, within))
        ]
        chosen.add(str(of_cases[-1] if of_cases else file))
    above = {parent / name for path in chosen for parent in PurePosixPath(path).parents for name in _CONFIGURATION}
    chosen |= {str(file) for file in above if (head / file).is_file() or (base / file).is_file()}
    return tuple(sorted(chosen))


def may_be_code(file: PurePosixPath, packages: Packages) -> bool:
    """Whether a definition is of a package of the project, by a path that may be of code as well as of cases."""
    module = file.with_suffix("")
    tops = {name.partition(".")[0] for name in packages.names_of(module)}
    return all(_OF_CODE_TOO.fullmatch(part) for part in module.parts if is_of_cases(PurePosixPath(part))) and any(
        top.lower() in packages.projects or not is_of_cases(PurePosixPath(top)) for top in tops
    )


def _is_laid(folder: PurePosixPath, root: Path) -> bool:
    """Whether a folder is one of cases by name, and not the package of a project that is called so itself."""
    named = [each for each in (folder, *folder.parents) if is_of_cases(PurePosixPath(each.name))]
    return any(
        each.name.lower() not in {project_name(root / home) for home in each.parents}
        or not (root / each / "__init__.py").is_file()
        for each in named
    )


def packages_above(laid: Sequence[str]) -> Iterator[str]:
    """The ``__init__.py`` of every folder above a definition: without it a new case in a new folder cannot be found."""
    folders = {parent for path in laid for parent in PurePosixPath(path).parents if parent != PurePosixPath()}
    yield from sorted(str(folder / "__init__.py") for folder in folders)


def changed_inside(repository: Path, base: Revision, head: Revision, laid: Sequence[str]) -> list[str]:
    """Definitions that differ between the revisions: what is the same in both arms, so not measured."""
    return _changed(repository, base, head, *laid)


def changed_outside(repository: Path, base: Revision, head: Revision, laid: Sequence[str]) -> frozenset[str]:
    """Files that differ between the revisions and are no definitions: what is compared."""
    return frozenset(_changed(repository, base, head)).difference(changed_inside(repository, base, head, laid))


def _changed(repository: Path, base: Revision, head: Revision, *paths: str) -> list[str]:
    """What differs, by its name before and after; submodules too, whatever the user has git leave out for them."""
    words = ("diff", "--name-only", "--no-renames", "--ignore-submodules=none", "-z", base.commit, head.commit, "--")
    return git_lines(repository, "--literal-pathspecs", *words, *paths)


def moved(repository: Path, base: Revision, head: Revision) -> dict[str, str]:
    """Files of base, by name, that head has in another folder: by git's likeness, and by their own name."""
    words = ("diff", "--name-status", "--find-renames", "--diff-filter=R", "-z", base.commit, head.commit)
    entries = git_lines(repository, *words)
    pairs = zip(entries[1::3], entries[2::3], strict=True)
    return {old: new for old, new in pairs if PurePosixPath(old).name == PurePosixPath(new).name}


#: Files that say which other libraries a project is run with.
_LOCKS = re.compile(
    r"(^|/)(([^/]*requirements|[^/]*constraints)[^/]*\.(txt|in)|requirements/[^/]*\.(txt|in)|pylock[^/]*\.toml|[^/]*\.lock"
    r"|(environment[^/]*|conda-lock)\.ya?ml|pyproject\.toml|setup\.(py|cfg))$"
)


def changed_dependencies(repository: Path, base: Revision, head: Revision) -> list[str]:
    """Files that differ between the revisions and may say which libraries are used."""
    return [file for file in _changed(repository, base, head) if _LOCKS.search(file)]
