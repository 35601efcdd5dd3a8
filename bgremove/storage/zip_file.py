"""Files in a ZIP file, which may be in another store: ``zip://photos/::s3://bucket/photos.zip``. They are only read."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from typing import Any
from zipfile import ZipFile, ZipInfo

from bgremove.storage.base import Entry, Store, StoreError, reported
from bgremove.url import Url

_ENCRYPTED = 1  # of the flags of a file (APPNOTE.TXT, 4.4.4)


class ZipStore(Store):
    """One ZIP file: the name of one that is here, or what its content is read from.

    Its files are called as who unpacks it finds them: ``/a.jpg`` and ``./a.jpg`` are ``a.jpg``. Those that would lie
    outside (``../a.jpg``) are listed with what is on top, so that none is passed over.
    """

    def __init__(self, file: Any) -> None:
        with reported():
            self._zip = ZipFile(file)
        self._members: dict[str, list[ZipInfo]] = {}
        for info in self._zip.infolist():
            if not info.is_dir():
                self._members.setdefault(_plain(info.filename), []).append(info)

    def read_start(self, url: Url, size: int) -> bytes:
        """See `Store.read_start`."""
        with reported(), self._zip.open(self._member(url)) as file:
            return file.read(size)

    def look_up(self, url: Url) -> Url | None:
        """See `Store.look_up`."""
        try:
            return _found(url, self._member(url))
        except FileNotFoundError:
            return None

    def entries(self, folder: Url, *, recursive: bool) -> Iterator[Entry]:
        """See `Store.entries`."""
        top = _plain(folder.key)
        prefix = f"{top}/" if top else ""
        for name, (info, *_) in sorted(self._members.items()):
            relative = name.removeprefix(prefix)
            listed = recursive or "/" not in relative or ".." in relative.split("/")
            if listed and name.startswith(prefix):
                yield Entry(_found(folder / relative, info), relative)

    def _read(self, url: Url) -> bytes:
        with reported():
            return self._zip.read(self._member(url))

    def _member(self, url: Url) -> ZipInfo:
        found = self._members.get(_plain(url.key))
        if found is None:
            raise FileNotFoundError(errno.ENOENT, "there is no such file", url.text)
        if len(found) > 1:
            raise StoreError("the ZIP file holds several files of this name")
        if found[0].flag_bits & _ENCRYPTED:
            raise StoreError("it is encrypted in the ZIP file: unpack that")
        return found[0]


def _plain(name: str) -> str:
    """The name of a file without what says nothing."""
    return "/".join(part for part in name.split("/") if part not in {"", "."})


def _found(url: Url, info: ZipInfo) -> Url:
    return Url(url.text, info.file_size, f"{info.file_size} {info.CRC}")
