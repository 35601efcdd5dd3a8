"""The content of image files, wherever they lie."""

from __future__ import annotations

import errno
import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from bgremove.errors import ImageError
from bgremove.storage import store_of
from bgremove.url import Location, Url

_NO_FILE = "it is a pipe, a device or a socket; an image must be a regular file"


@contextmanager
def opened(path: Location) -> Iterator[IO[bytes]]:
    """The file `path`, which must be a regular one: reading a pipe or a device might wait for ever."""
    if isinstance(path, Url):
        yield io.BytesIO(from_store(path))
        return
    try:
        file = open(path, "rb", opener=_without_waiting)  # noqa: SIM115  Path cannot hold bytes
    except FileNotFoundError as error:
        dangling = "it is a link that leads nowhere"
        raise ImageError(dangling if os.path.islink(path) else _why_unreadable(error)) from error
    except (OSError, ValueError) as error:
        raise ImageError(_why_unreadable(error)) from error
    with file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise ImageError(_NO_FILE)
        if not status.st_size:
            raise ImageError("the file is empty")
        yield file


def from_store(url: Url, size: int | None = None) -> bytes:
    """The content of a file in a store, or its start."""
    try:
        content = store_of(url).read(url) if size is None else store_of(url).read_start(url, size)
    except OSError as error:
        raise ImageError(_why_unreadable(error)) from error
    if not content:
        raise ImageError("the file is empty")
    return content


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))  # without it, opening a pipe waits for a writer


def _why_unreadable(error: OSError | ValueError) -> str:
    match error:
        case FileNotFoundError():
            return "there is no such file"
        case IsADirectoryError():
            return "it is a folder, not an image"
        case PermissionError():
            return "it may not be read (permission denied)"
        case OSError(errno=errno.ENXIO):  # a socket, which cannot even be opened
            return _NO_FILE
        case OSError():
            return f"it cannot be opened ({error.strerror})"
    return f"it cannot be opened ({error})"  # a null character in the name
