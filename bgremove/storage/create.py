"""From a URL to its store. What a store needs is imported when it is first asked for."""

from __future__ import annotations

from bgremove.errors import UsageError
from bgremove.storage.base import Store
from bgremove.url import Url

# ruff: noqa: PLC0415


def store_of(url: Url) -> Store:
    """The store that `url` is in. Raises `UsageError` if what it needs is not installed, OSError as `Store` does.

    To be asked for whenever it is needed: fsspec keeps connections, one set for each process.
    """
    scheme = url.scheme
    try:
        if scheme == "memory":
            from bgremove.storage.memory import MemoryStore

            return MemoryStore()
        if scheme == "zip":
            from bgremove.storage.zip import ZipStore

            if "::s3://" not in url.text:
                return ZipStore(url)
            from bgremove.storage.s3 import s3_options

            return ZipStore(url, s3=s3_options())
        from bgremove.storage.s3 import S3Store

        return S3Store()
    except ImportError as error:
        extra = "s3" if "s3://" in url.text else "url"
        raise UsageError(f"{scheme}:// needs {error.name}: install it with: pip install 'bgremove[{extra}]'") from error
