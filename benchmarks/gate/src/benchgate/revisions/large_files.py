"""Files of Git LFS: where its filter leaves pointers in a worktree, what the repository has takes their place."""

import re
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from ..errors import GateError
from .git import git, git_lines

_POINTER = re.compile(rb"version https://git-lfs\.github\.com/spec/v1\n(?:.*\n)*?oid sha256:([0-9a-f]+)\n")
_LONGEST_POINTER = 1024


def fill_pointers(checkout: Path, roots: Iterable[Path]) -> None:
    """Fills the worktrees `roots`, as where GIT_LFS_SKIP_SMUDGE is set and the files were pulled afterwards.

    Raises GateError for a pointer that stays where another worktree or the checkout has the file itself: a case would
    be measured on a hundred bytes.
    """
    places = [checkout, *roots]
    for root in places[1:]:
        for name in _pointers_left(root):
            if any((place / name).is_file() and not _oid(place / name) for place in places):
                raise GateError(
                    f"{name} is a pointer of Git LFS in {root.name}'s worktree, and elsewhere the file itself: fetch "
                    "what it points to with git lfs fetch --all, and do not set GIT_LFS_SKIP_SMUDGE"
                )


def _pointers_left(root: Path) -> Iterator[str]:
    """Names of pointers of which the repository has no more; the others are filled."""
    objects = root / git(root, "rev-parse", "--git-common-dir") / "lfs/objects"
    for name in git_lines(root, "ls-files", "-z", "--", ":(attr:filter=lfs)"):
        if oid := _oid(root / name):
            kept = objects / oid[:2] / oid[2:4] / oid
            if kept.is_file():
                shutil.copyfile(kept, root / name)
            else:
                yield name


def _oid(file: Path) -> str:
    """By what LFS knows the content that a file points to; nothing if it is no pointer."""
    if not file.is_file() or file.stat().st_size > _LONGEST_POINTER:
        return ""
    found = _POINTER.match(file.read_bytes())
    return found[1].decode() if found else ""
