"""Files in the memory of this process: ``memory://``, for tests and notebooks."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from fsspec.implementations.memory import MemoryFileSystem

from bgremove.forks import lock_before_forks
from bgremove.storage.base import FileSystemStore
from bgremove.url import Url

_LOCK = lock_before_forks()


class MemoryStore(FileSystemStore):
    """The one that fsspec has in each process."""

    def __init__(self) -> None:
        super().__init__(MemoryFileSystem())

    def write(self, url: Url, content: bytes, *, mark: str, overwrite: bool) -> str:
        """See `Store.write`."""
        with _LOCK:  # between looking and writing, other threads may write
            if not overwrite and self.mark(url) not in {None, mark}:
                raise FileExistsError(url.text)
            self._fs.pipe_file(self._path(url), content)
            file = self._fs.store[self._path(url)]
            file.mark = mark
            return self._version({"size": file.size, "created": file.created})  # `info` looks at all other files

    def mark(self, url: Url) -> str | None:
        """See `Store.mark`."""
        file = self._fs.store.get(self._path(url))
        return None if file is None else getattr(file, "mark", "")

    def _path(self, url: Url) -> str:
        return "/" + url.key

    def _version(self, info: dict[str, Any]) -> str:
        created = info["created"]
        if isinstance(created, datetime):  # looked up; listed it is a number
            created = created.timestamp()
        return f"{info['size']} {created}"
