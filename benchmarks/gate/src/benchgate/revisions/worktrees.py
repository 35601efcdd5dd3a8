"""The two revisions side by side on disk, in git worktrees."""

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from ..errors import GateError
from .git import Revision, git

#: Pytest's configuration counts as part of the case definitions.
_CONFIGURATION = ("pytest.ini", ".pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg", "conftest.py")
_NO_BYTECODE = (".", ":(exclude,glob)**/__pycache__/**")


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
    directory = Path(tempfile.mkdtemp(prefix="benchgate-"))
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
