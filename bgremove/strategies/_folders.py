"""Private folders for a while: what a killed process has left of them, the next one to want such a folder removes."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_NEW, _OWNED = "bgremove-new-", "bgremove-run-"


@contextmanager
def owned_folder(parent: Path) -> Iterator[Path]:
    """A private folder, removed at the end; those that killed processes have left in `parent` are removed now.

    The owner holds a lock on its folder, which the system lets go of when the process and its workers are gone. A
    folder gets the name that others look for only when it is locked.
    """
    import fcntl  # noqa: PLC0415 - there is none on Windows, where this is not called

    for left in parent.glob(f"{_OWNED}*"):
        with suppress(OSError), _opened(left) as descriptor:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _remove(left)
    new = Path(tempfile.mkdtemp(prefix=_NEW, dir=parent))
    folder, owner = new.with_name(new.name.replace(_NEW, _OWNED)), os.getpid()
    try:
        with _opened(new) as descriptor:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            new.rename(folder)
            yield folder
    finally:
        if owner == os.getpid():  # a fork of the owner leaves it alone
            for place in (folder, new):
                with suppress(OSError):  # of two names it has one; and who looks for what was left may be at it
                    _remove(place)


def may_be_made_in(parent: Path) -> bool:
    """Whether folders can be made in `parent`."""
    try:
        os.rmdir(tempfile.mkdtemp(prefix=_NEW, dir=parent))
    except OSError:
        return False
    return True


def _remove(folder: Path) -> None:
    """Remove a folder; opens one at a time, as the lock of one has just been closed: there may be no others."""
    for place, folders, files in os.walk(folder, topdown=False):
        for name in files:
            Path(place, name).unlink(missing_ok=True)
        for name in folders:
            Path(place, name).rmdir()
    folder.rmdir()


@contextmanager
def _opened(folder: Path) -> Iterator[int]:
    """A descriptor of a folder of this user's; others may have put links to folders of this user there."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        if os.fstat(descriptor).st_uid != os.getuid():
            raise PermissionError
        yield descriptor
    finally:
        os.close(descriptor)
