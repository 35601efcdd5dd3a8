"""What every store can do, and how it is done where fsspec has all that is needed."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeVar

from bgremove.packed import Packed
from bgremove.url import Url

T = TypeVar("T")

MOST_BYTES = 2**31
"""What is larger is not read: no image within the limit of pixels is."""


class StoreError(OSError):
    """A store cannot be used as it is asked to; `strerror` says why."""

    def __init__(self, reason: str) -> None:
        super().__init__(errno.EIO, reason)


class Entry(NamedTuple):
    """A file below a folder: its URL, and its name relative to the folder as the store has it, not to be trusted."""

    url: Url
    relative: str


def packed(folder: Url, entries: Iterable[Entry], make: Callable[[Url, str], T]) -> Packed[T]:
    """What `make` gives for each of the `entries` below `folder`, in little memory: made when it is looked at."""
    end = f"::{folder.container}" if folder.container else ""
    start = (folder / "").text.removesuffix(end)

    def value_of(text: str) -> T:
        size, version, relative = text.split("\n", 2)
        return make(Url(f"{start}{relative}{end}", int(size), version), relative)

    return Packed((f"{url.size}\n{url.version}\n{relative}" for url, relative in entries), value_of)


class Store:
    """Reads files, and lists them; all but ZIP files write them, too.

    A file is written whole or not at all, by one request, along with a *mark*: a word that tells what it was made of.
    """

    def read(self, url: Url) -> bytes:
        """The content of a file."""
        if url.size > MOST_BYTES:
            raise StoreError(f"it has {url.size} bytes, and no image is that large")
        return self._read(url)

    def read_start(self, url: Url, size: int) -> bytes:
        """The first `size` bytes of a file, or all there are."""
        raise NotImplementedError

    def look_up(self, url: Url) -> Url | None:
        """`url` with size and version if it is a file, else None."""
        raise NotImplementedError

    def entries(self, folder: Url, *, recursive: bool) -> Iterator[Entry]:
        """The files directly in a folder, or all below it, by name; they come as the store lists them."""
        raise NotImplementedError

    def write(self, url: Url, content: bytes, *, mark: str, overwrite: bool) -> str:
        """Write a file, and give its version, as `entries` will.

        If there is one: replace it, or leave it and raise FileExistsError unless it has this mark.
        """
        raise NotImplementedError

    def mark(self, url: Url) -> str | None:
        """The mark of a file, empty if it has none; None if there is no file."""
        raise NotImplementedError

    def _read(self, url: Url) -> bytes:
        raise NotImplementedError


class FileSystemStore(Store):
    """A store that is a file system of fsspec."""

    def __init__(self, file_system: Any) -> None:
        self._fs = file_system

    def read_start(self, url: Url, size: int) -> bytes:
        """See `Store.read_start`."""
        with reported(), self._fs.open(self._path(url), "rb") as file:
            return bytes(file.read(size))

    def look_up(self, url: Url) -> Url | None:
        """See `Store.look_up`."""
        with reported():
            try:
                info = self._fs.info(self._path(url))
            except FileNotFoundError:
                return None
        return None if info["type"] == "directory" else Url(url.text, info["size"], self._version(info))

    def entries(self, folder: Url, *, recursive: bool) -> Iterator[Entry]:
        """See `Store.entries`."""
        path = self._path(folder).strip("/")
        with reported():
            found = self._fs.find(path, maxdepth=None if recursive else 1, detail=True)
        for name, info in found.items():
            relative = name.strip("/").removeprefix(path).lstrip("/")
            yield Entry(Url((folder / relative).text, info["size"], self._version(info)), relative)

    def _read(self, url: Url) -> bytes:
        with reported():
            return bytes(self._fs.cat_file(self._path(url)))

    def _path(self, url: Url) -> str:
        return url.key

    def _version(self, info: dict[str, Any]) -> str:
        raise NotImplementedError


@contextmanager
def reported() -> Iterator[None]:
    """Turn what fsspec raises into what is documented."""
    try:
        yield
    except (FileNotFoundError, FileExistsError, StoreError):
        raise
    except Exception as error:  # of a damaged ZIP file nearly anything is raised
        raise StoreError(str(error) or type(error).__name__) from error
