"""Files that appear whole or not at all, here or in a store; and what a killed process left of them."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import secrets
import select
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from bgremove.errors import ImageError, OutputError, UsageError
from bgremove.paths import STANDARD, StrOrBytesPath, display_name
from bgremove.storage import store_of
from bgremove.url import Location, Url

TEMPORARY_PREFIX = ".bgremove-"
"""How the name of an unfinished file begins. Only a killed process leaves one behind; see `Unfinished`."""

_TEMPORARY_SUFFIX = ".tmp"
_NO_HARD_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}


def write_bytes(path: StrOrBytesPath, content: bytes, *, overwrite: bool = False) -> None:
    """Write the file `path` so that it appears whole or not at all, whatever happens meanwhile.

    It is written under another, hidden name in the same folder, brought to the disk, and only then named `path`. An
    existing file is left as it is, even one that another process creates at this very moment, unless `overwrite`.
    A process that sees the name `path` sees all of the content, even after a power cut: resuming a batch relies on it.

    Raises `OutputError` that names the file and the reason; the hidden file is gone then.
    """
    target = os.fsdecode(path)
    temporary = temporary_name(target)
    try:
        try:
            with open(temporary, "xb") as file:  # the mode follows the umask
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            if overwrite:
                os.replace(temporary, target)
            else:
                _name_without_replacing(temporary, target)
        finally:
            with suppress(FileNotFoundError):
                os.unlink(temporary)
    except FileExistsError as error:
        raise OutputError(f"{display_name(path)}: it exists already, and overwriting was not asked for") from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise OutputError(f"{display_name(path)}: it cannot be written ({reason})") from error


def make_folder(folder: Path) -> None:
    """Make a folder, and those it is in, unless it is there; `OutputError` if that cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{display_name(folder)}: the folder cannot be made ({error.strerror})") from error


def read_standard_input() -> bytes:
    """All that comes from standard input. `ImageError` if it cannot be read."""
    parts = []
    try:
        while (part := sys.stdin.buffer.read()) != b"":
            if part is None:  # another process has made it non-blocking, and nothing is there yet
                select.select([sys.stdin], [], [])
            else:
                parts.append(part)
    except OSError as error:
        raise ImageError(f"standard input: it cannot be read ({error.strerror})") from error
    return b"".join(parts)


def write_standard_output(content: bytes) -> None:
    """Write `content` to standard output. `OutputError` if nobody reads it, or it is closed."""
    if sys.stdout is None:  # its number may be that of another file by now
        raise OutputError("standard output: it is closed")
    try:
        left = memoryview(content)
        while left:  # past Python's buffer, which would be flushed once more, and fail, when the process ends
            try:
                left = left[os.write(sys.stdout.fileno(), left) :]
            except BlockingIOError:  # another process has made it non-blocking, and it is full
                select.select([], [sys.stdout], [])
    except OSError as error:
        raise OutputError(f"standard output: it cannot be written ({error.strerror})") from error


def temporary_name(target: str) -> str:
    """A new name, in the same folder, for `target` while it is unfinished; it is derived from the name of `target`."""
    folder, name = os.path.split(target)
    return os.path.join(folder, f"{_own_prefix(name)}{secrets.token_hex(8)}{_TEMPORARY_SUFFIX}")


def store_bytes(url: Url, content: bytes, *, mark: str = "", overwrite: bool = False) -> str:
    """Write the file `url` of a store as `write_bytes` writes one here. See `bgremove.storage.Store.write`."""
    try:
        return store_of(url).write(url, content, mark=mark, overwrite=overwrite)
    except FileExistsError as error:
        raise OutputError(f"{display_name(url)}: it exists already, and overwriting was not asked for") from error
    except OSError as error:
        raise OutputError(f"{display_name(url)}: it cannot be written ({error.strerror})") from error


def exists(path: Location) -> bool:
    """Whether there is something called `path`; `OutputError` if a store does not tell."""
    if not isinstance(path, Url):
        return os.path.lexists(path)
    try:
        return store_of(path).look_up(path) is not None
    except OSError as error:
        raise OutputError(f"{display_name(path)}: it cannot be looked for ({error.strerror})") from error


def version_of(path: Location) -> tuple[int, int | str]:
    """The size of a file, and what changes along with its content. OSError if it is not there."""
    if isinstance(path, Url):
        found = path if path.version else store_of(path).look_up(path)
        if found is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path.text)
        return found.size, found.version
    status = path.stat()
    return status.st_size, status.st_mtime_ns


class Unfinished:
    """What killed processes have left, of which each folder is looked at once."""

    def __init__(self) -> None:
        self._names: dict[str, list[str]] = {}

    def remove(self, paths: Iterable[Location]) -> None:
        """Remove what is left of the files `paths`, which no process may be writing now. In a store nothing ever is."""
        for path in paths:
            if isinstance(path, Url):
                continue
            folder, name = os.path.split(os.fspath(path))
            for left in self._left_in(folder):
                if left.startswith(_own_prefix(name)):
                    with suppress(OSError):
                        os.unlink(os.path.join(folder, left))

    def _left_in(self, folder: str) -> list[str]:
        if folder not in self._names:
            self._names[folder] = []
            with suppress(OSError), os.scandir(folder or ".") as entries:
                names = (entry.name for entry in entries)
                self._names[folder] = [
                    name for name in names if name.startswith(TEMPORARY_PREFIX) and name.endswith(_TEMPORARY_SUFFIX)
                ]
        return self._names[folder]


def check_writable(path: Path, keep: Iterable[Location]) -> None:
    """Raise `OutputError` unless `path` can be written, `UsageError` if it is one of the files to `keep`.

    Folders that are missing on the way are made, as those of the outputs are. `STANDARD` is standard output.
    """
    if path == STANDARD:
        return
    if _is_among(path, keep):
        raise UsageError(f"{display_name(path)} is an input or an output of this run: write the figures elsewhere")
    try:
        if not _is_special(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=os.path.dirname(os.path.realpath(path))):
                pass
    except OSError as error:
        raise _unwritable(path, error) from error


def write_json_file(path: Path, content: Mapping[str, Any]) -> None:
    """Write `content` to `path`, whole or not at all, whatever was there before."""
    write_text_file(path, json.dumps(content, indent=2) + "\n")


def write_text_file(path: Path, text: str) -> None:
    """Write `text` in UTF-8 to `path`, see `replace_file`.

    What is not UTF-8 in a file name that it holds, as `os.fsdecode` gives it, becomes the same bytes again.
    """
    replace_file(path, text.encode("utf-8", "surrogateescape"))


def replace_file(path: Path, content: bytes) -> None:
    """Write `content` to `path`, whole or not at all, whatever was there before; or to standard output."""
    if path == STANDARD:
        write_standard_output(content)
        return
    if not _is_special(path):
        write_bytes(os.path.realpath(path), content, overwrite=True)
        return
    try:
        path.write_bytes(content)
    except OSError as error:
        raise _unwritable(path, error) from error


@contextmanager
def noting(errors: list[OutputError]) -> Iterator[None]:
    """A block after the work: what it cannot write is noted, and what comes behind it is written all the same."""
    try:
        yield
    except OutputError as error:
        errors.append(error)


def _own_prefix(name: str) -> str:
    digest = hashlib.blake2b(os.fsencode(name), digest_size=8).hexdigest()
    return f"{TEMPORARY_PREFIX}{digest}-"


def _name_without_replacing(temporary: str, target: str) -> None:
    """Give the file `temporary` the name `target`; FileExistsError if something has that name."""
    try:
        os.link(temporary, target)  # unlike renaming, this never replaces
    except OSError as error:
        if error.errno not in _NO_HARD_LINKS:
            raise
        with open(target, "xb"):  # the name is taken now, so that replacing loses nothing
            pass
        try:
            os.replace(temporary, target)
        except OSError:
            with suppress(OSError):
                os.unlink(target)  # which is empty, and would pass for a result
            raise


def _is_special(path: Path) -> bool:
    """Whether it is a device or a pipe, such as ``/dev/stdout``, which must not be replaced by a file."""
    return os.path.exists(path) and not os.path.isfile(path)


def _is_among(path: Path, others: Iterable[Location]) -> bool:
    name = os.path.abspath(path)
    file = os.stat(path) if os.path.exists(path) else None
    for other in others:
        if isinstance(other, Url):
            continue
        if os.path.abspath(other) == name:
            return True
        if file is not None:
            with suppress(OSError):
                if os.path.samestat(os.stat(other), file):
                    return True
    return False


def _unwritable(path: Path, error: OSError) -> OutputError:
    return OutputError(f"{display_name(path)}: it cannot be written ({error.strerror})")
