"""The two revisions side by side on disk, in git worktrees."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from ..errors import GateError
from .builds import submodules, with_submodules, without_submodules
from .definitions import packages_above
from .git import Revision, git, git_lines
from .large_files import fill_pointers

#: How the folder around the worktrees is called, at first.
PREFIX = "benchgate-trees-"
#: The folder beside the worktrees in which bytecode is kept where none may lie beside sources.
BYTECODE = "bytecode"
_CACHE = "__pycache__"
#: Held locked by the process that uses the worktrees beside it.
_LOCK = "in-use"
#: Parts of paths that pytest, Python and their plugins write beside sources.
_BYWORK = (_CACHE, ".pytest_cache", ".benchmarks", ".hypothesis", ".codspeed")


@dataclass(frozen=True)
class Checkouts:
    """The two worktrees. Their paths are equally long, since a path's length is part of a process's layout."""

    base: Path
    head: Path

    def lay(self, definitions: Sequence[str]) -> None:
        """Puts head's case definitions into base, in place of base's own, and notes the state of both worktrees."""
        self._forget_bytecode(definitions)
        for name in definitions:
            _replace(self.head / name, self.base / name)
        for name in packages_above(definitions):
            if not (self.base / name).exists():
                _replace(self.head / name, self.base / name)
        for root in (self.base, self.head):
            git(root, "add", "--all")

    @contextmanager
    def own_definitions(self, definitions: Sequence[str]) -> Iterator[None]:
        """Base as it was before `lay`, for the block; what it writes there is gone afterwards."""
        self._forget_bytecode(definitions)
        for tree in self._trees_of(self.base):
            git(tree, "reset", "--hard", "--quiet")
        yield
        git(self.base, "clean", "--force", "-d", "--quiet")
        self.lay(definitions)

    def _forget_bytecode(self, definitions: Sequence[str]) -> None:
        """Drops base's bytecode of them: it is known to be a file's by its size and second, which head's may share."""
        beside = self.base.with_name(BYTECODE) / self.base.resolve().relative_to("/")
        within = (self.base / name for name in definitions)
        for path in (beside, *(each for file in within for each in (file.parent / _CACHE, *file.rglob(_CACHE)))):
            shutil.rmtree(path, ignore_errors=True)

    def changed(self) -> list[str]:
        """Files that were changed in either worktree since `lay`; ignored ones and bytecode do not count."""
        return sorted({file for root in (self.base, self.head) for file in _changed(root)})

    def restore(self) -> None:
        """Puts both worktrees back to the state after `lay`."""
        for root in (self.base, self.head):
            for tree in self._trees_of(root):
                git(tree, "checkout-index", "--force", "--all")
                git(tree, "clean", "--force", "-d", "--quiet")

    @staticmethod
    def _trees_of(root: Path) -> Iterator[Path]:
        """A worktree and its submodules."""
        yield from (root, *(root / folder for folder in submodules(root)))


@contextmanager
def checkouts(repository: Path, base: Revision, head: Revision) -> Iterator[Checkouts]:
    """Both revisions in temporary worktrees, removed afterwards, as are those that a killed run left behind."""
    with _directory(repository) as directory:
        made = Checkouts(directory / "base", directory / "head")
        for root, revision in ((made.base, base), (made.head, head)):
            _add(repository, root, revision.commit)
            with_submodules(repository, root)
        fill_pointers(repository, (made.base, made.head))
        yield made


@contextmanager
def without_files(repository: Path, commit: str) -> Iterator[Path]:
    """A temporary worktree in which nothing is checked out: refs and a state of git that are its own."""
    with _directory(repository) as directory:
        _add(repository, directory / "none", commit, "--no-checkout")
        yield directory / "none"


@contextmanager
def _directory(repository: Path) -> Iterator[Path]:
    """A temporary folder for worktrees, removed with them afterwards."""
    remove_stale(repository)
    directory = Path(tempfile.mkdtemp(prefix=PREFIX))
    with (directory / _LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            yield directory
        finally:
            with _alone(repository):
                _remove(repository, directory)


def _add(repository: Path, root: Path, commit: str, *how: str) -> None:
    with _alone(repository):
        git(repository, "worktree", "add", "--detach", "--quiet", *how, str(root), commit)


def remove_stale(repository: Path) -> None:
    """Removes worktrees of runs that were killed."""
    with _alone(repository):
        for entry in git(repository, "worktree", "list", "--porcelain").split("\n"):  # -z came with git 2.36
            directory = Path(entry.removeprefix("worktree ")).parent
            if entry.startswith("worktree ") and directory.name.startswith(PREFIX) and not _is_in_use(directory):
                _remove(repository, directory)


@contextmanager
def _alone(repository: Path) -> Iterator[None]:
    """One gate at a time in this block: git fails on a list of worktrees to which another is just being added."""
    folder = os.open(repository / git(repository, "rev-parse", "--git-common-dir"), os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _is_in_use(directory: Path) -> bool:
    try:
        with (directory / _LOCK).open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except (BlockingIOError, PermissionError):  # another user's is not ours to remove
        return True
    return False


def _remove(repository: Path, directory: Path) -> None:
    for root in ("base", "head", "none"):
        with suppress(GateError):  # it was never added, or is gone
            git(repository, "worktree", "remove", "--force", "--force", str(directory / root))
    shutil.rmtree(directory, ignore_errors=True)
    git(repository, "worktree", "prune")
    without_submodules(repository)


def _changed(root: Path) -> Iterator[str]:
    """Files of a worktree and of its submodules, each asked for itself: git calls one with bytecode in it changed."""
    for folder in ("", *submodules(root)):
        status = ["status", "--porcelain", "--no-renames", "--ignore-submodules=dirty", "-uall", "-z"]
        for entry in git_lines(root / folder, "--no-optional-locks", *status):
            if entry[1] != " " and not any(part in _BYWORK for part in entry[3:].split("/")):
                yield f"{folder}/{entry[3:]}" if folder else entry[3:]


def _replace(source: Path, target: Path) -> None:
    """Puts a file or folder in the place of another, where a file system that lists what is new first keeps it."""
    if source.is_file() and target.is_file() and not target.is_symlink():
        shutil.copy2(source, target)
        return
    if target.is_dir() and not target.is_symlink():
        shutil.rmtree(target)
    elif target.exists() or target.is_symlink():
        target.unlink()
    if source.is_dir():
        _copy_folder(source, target)
    elif source.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target)


def _copy_folder(source: Path, target: Path) -> None:
    """Copies a folder in the order in which git writes its files, so that its copy is listed in the same order.

    On tmpfs and the like what was written last comes first; cases may be called `path0`, `path1` by such an order.
    Bytecode is left out, for what pytest has compiled says of its functions that they are in the source's files.
    """
    target.mkdir(parents=True)
    for entry in sorted((each for each in source.iterdir() if each.name != _CACHE), key=_as_git_sorts):
        if entry.is_symlink():
            (target / entry.name).symlink_to(entry.readlink())
        elif entry.is_dir():
            _copy_folder(entry, target / entry.name)
        else:
            shutil.copy2(entry, target / entry.name)
    shutil.copystat(source, target)


def _as_git_sorts(entry: Path) -> bytes:
    return os.fsencode(entry.name) + (b"/" if entry.is_dir() and not entry.is_symlink() else b"")
