"""Files in a ZIP file, which may be in another store: ``zip://photos/::s3://bucket/photos.zip``. They are only read."""

from __future__ import annotations

from collections import Counter
from typing import Any

import fsspec

from bgremove.storage.base import FileSystemStore, StoreError, reported
from bgremove.url import Url


class ZipStore(FileSystemStore):
    """One ZIP file."""

    def __init__(self, url: Url, **options: Any) -> None:
        with reported():
            file_system, _ = fsspec.url_to_fs(url.text, **options)
        super().__init__(file_system)
        names = Counter(path.strip("/") for path in file_system.zip.namelist())
        self._ambiguous = {name for name, count in names.items() if count > 1}

    def _path(self, url: Url) -> str:
        path = super()._path(url)
        if path.strip("/") in self._ambiguous:
            raise StoreError("the ZIP file holds several files of this name")
        return path

    def _version(self, info: dict[str, Any]) -> str:
        return f"{info['size']} {info['CRC']}"
