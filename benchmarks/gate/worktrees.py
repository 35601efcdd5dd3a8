"""The two revisions side by side on disk: base and head in git worktrees, the case definitions from head in both."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from .errors import GateError, WrongUseError

#: The name by which the state of the files now, committed or not, is asked for.
WORKING_TREE = "working tree"

#: Pytest's configuration counts as part of the case definitions.
_CONFIGURATION = ("pytest.ini", ".pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg", "conftest.py")


_NO_BYTECODE = (".", ":(exclude,glob)**/__pycache__/**")


@dataclass(frozen=True)
class Revision:
    """A commit and the name it was asked for by."""

    name: str
    commit: str

    def __str__(self) -> str:
        return f"{self.name} ({self.commit[:10]})"


def git(directory: Path, *arguments: str, **environment: str) -> str:
    """What git prints, without the last newline; raises GateError with git's own words when it fails."""
    done = subprocess.run(  # noqa: S603 (no shell; the words are ours or the caller's revisions)
        ["git", "-C", str(directory), *arguments],  # noqa: S607 (whichever git the caller uses)
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | environment,
    )
    if done.returncode:
        raise GateError(f"git {' '.join(arguments[:2])} failed: {done.stderr.strip()}")
    return done.stdout.rstrip("\n")


def top(directory: Path) -> Path:
    """The root of the repository around `directory`."""
    try:
        return Path(git(directory, "rev-parse", "--show-toplevel"))
    except GateError as error:
        raise WrongUseError(f"{directory} is not in a git repository") from error


def resolve(repository: Path, name: str) -> Revision:
    """The commit called `name`; for `WORKING_TREE` a commit made from the files as they are."""
    if name == WORKING_TREE:
        return Revision(name, _snapshot(repository))
    try:
        return Revision(name, git(repository, "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}"))
    except GateError as error:
        raise WrongUseError(f"there is no revision {name!r}: give a branch, a tag or a commit") from error


def _snapshot(repository: Path) -> str:
    """A commit of everything that is not ignored, on no branch; neither index nor files are touched."""
    with tempfile.TemporaryDirectory(prefix="gate-index-") as directory:
        index = {"GIT_INDEX_FILE": str(Path(directory) / "index")}
        git(repository, "read-tree", "HEAD", **index)
        git(repository, "add", "--all", ".", **index)
        tree = git(repository, "write-tree", **index)
    who = {f"GIT_{role}_{part}": "gate" for role in ("AUTHOR", "COMMITTER") for part in ("NAME", "EMAIL")}
    return git(repository, "commit-tree", tree, "-p", "HEAD", "-m", "working tree, for the gate", **who)


@dataclass(frozen=True)
class Checkouts:
    """The two worktrees. Their paths are equally long, since a path's length is part of a process's layout."""

    base: Path
    head: Path

    def lay_cases(self, overlay: Sequence[str]) -> None:
        """Puts head's case definitions and pytest configuration into base, in place of base's own."""
        for name in [*overlay, *_CONFIGURATION]:
            _replace(self.head / name, self.base / name)

    def state(self) -> str:
        """What differs in either worktree from its commit, bytecode apart: the same before and after measuring."""
        return "\n".join(
            f"{name}: {git(root, 'status', '--porcelain', '-uall', '--', *_NO_BYTECODE)}\n"
            f"{git(root, 'diff', '--no-ext-diff')}"
            for name, root in (("base", self.base), ("head", self.head))
        )


@contextmanager
def checkouts(repository: Path, base: Revision, head: Revision) -> Iterator[Checkouts]:
    """Both revisions in temporary worktrees, removed afterwards."""
    directory = Path(tempfile.mkdtemp(prefix="gate-"))
    made = Checkouts(directory / "base", directory / "head")
    try:
        for root, revision in ((made.base, base), (made.head, head)):
            git(repository, "worktree", "add", "--detach", "--quiet", str(root), revision.commit)
        yield made
    finally:
        for root in (made.base, made.head):
            with suppress(GateError):  # it was never added
                git(repository, "worktree", "remove", "--force", "--force", str(root))
        shutil.rmtree(directory, ignore_errors=True)


def _replace(source: Path, target: Path) -> None:
    if target.is_dir():
        shutil.rmtree(target)
    elif target.exists():
        target.unlink()
    if source.is_dir():
        shutil.copytree(source, target, symlinks=True)
    elif source.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target)


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
