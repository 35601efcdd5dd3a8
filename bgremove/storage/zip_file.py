"""Files in a ZIP file, which may be in another store: ``zip://photos/::s3://bucket/photos.zip``. They are only read."""

from __future__ import annotations

from typing import Any

import fsspec

from bgremove.storage.base import FileSystemStore, reported
from bgremove.url import Url


class ZipStore(FileSystemStore):
    """One ZIP file."""

    def __init__(self, url: Url, **options: Any) -> None:
        with reported():
            file_system, _ = fsspec.url_to_fs(url.text, **options)
        super().__init__(file_system)

    def _version(self, info: dict[str, Any]) -> str:
        return f"{info['size']} {info['CRC']}"
