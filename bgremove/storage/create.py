"""From a URL to its store. What a store needs is imported when it is first asked for."""

from __future__ import annotations

import io
import os
from functools import lru_cache
from pathlib import Path

from bgremove.errors import UsageError
from bgremove.storage.base import Store, StoreError
from bgremove.url import Location, Url, located

# ruff: noqa: PLC0415


def store_of(url: Url) -> Store:
    """The store that `url` is in. Raises `UsageError` if what it needs is not installed, OSError as `Store` does.

    To be asked for whenever it is needed: fsspec keeps connections, one set for each process.
    """
    for store in url.stores:
        load_store(store)
    if url.scheme == "zip":
        return _zip_store(located(url.container))
    if url.scheme == "s3":
        from bgremove.storage.s3 import S3Store

        return S3Store()
    from bgremove.storage.memory import MemoryStore

    return MemoryStore()


def _zip_store(file: Location) -> Store:
    """The files in the ZIP file `file`, which is kept open until it changes."""
    if isinstance(file, Url):
        found = store_of(file).look_up(file)
        if found is None:
            raise StoreError(f"there is no {file.text}")
        version: tuple[object, ...] = found.size, found.version
    else:
        status = os.stat(file)
        file, version = Path(os.path.abspath(file)), (status.st_ino, status.st_size, status.st_mtime_ns)
    return _opened_zip(file, version, os.getpid())  # after a fork, both would move one file's position


@lru_cache(4)
def _opened_zip(file: Location, version: tuple[object, ...], process: int) -> Store:  # noqa: ARG001 - tell them apart
    """A ZIP file; to read the list of what it holds takes 20 ms for each thousand."""
    from bgremove.storage.zip_file import ZipStore

    if not isinstance(file, Url):
        return ZipStore(file)
    if file.scheme != "s3":
        return ZipStore(io.BytesIO(store_of(file).read(file)))
    from bgremove.storage.s3 import open_s3

    return ZipStore(open_s3(file))


def load_store(name: str) -> None:
    """Import all that one of `bgremove.url.STORES` needs; opens nothing and starts no thread."""
    try:
        match name:
            case "s3":
                from bgremove.storage.s3 import S3Store  # noqa: F401
            case "zip":
                from bgremove.storage.zip_file import ZipStore  # noqa: F401
            case "memory":
                from bgremove.storage.memory import MemoryStore  # noqa: F401
    except ImportError as error:
        extra = "s3" if name == "s3" else "url"
        raise UsageError(f"{name}:// needs {error.name}: install it with: pip install 'bgremove[{extra}]'") from error
