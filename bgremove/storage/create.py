"""From a URL to its store. What a store needs is imported when it is first asked for."""

from __future__ import annotations

from typing import Any

from bgremove.errors import UsageError
from bgremove.storage.base import Store
from bgremove.url import Url

# ruff: noqa: PLC0415


def store_of(url: Url) -> Store:
    """The store that `url` is in. Raises `UsageError` if what it needs is not installed, OSError as `Store` does.

    To be asked for whenever it is needed: fsspec keeps connections, one set for each process.
    """
    stores = url.stores
    for store in stores:
        load_store(store)
    options: dict[str, Any] = {}
    if "s3" in stores:
        from bgremove.storage.s3 import S3Store, s3_options

        if stores == ("s3",):
            return S3Store()
        options["s3"] = s3_options()
    if "zip" in stores:
        from bgremove.storage.zip_file import ZipStore

        return ZipStore(url, **options)
    from bgremove.storage.memory import MemoryStore

    return MemoryStore()


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
