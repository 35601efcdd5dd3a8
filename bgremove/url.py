"""The name of a file or a folder in a store, such as ``s3://bucket/photos/a.jpg``."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path, PurePath, PurePosixPath

from bgremove.errors import UsageError

STORES = ("s3", "memory", "zip")
"""Stores that files are read from."""

_SCHEME = re.compile(r"([a-z][a-z0-9+.-]+)://", re.IGNORECASE)
_SHORTENED = re.compile(rf"({'|'.join(STORES)}):/(?!/)")  # what `Path` makes of a URL


@dataclass(frozen=True, slots=True, order=True)
class Url:
    """Where a file or a folder is in a store. Unlike a `Path` it keeps its slashes; nothing takes it for a file here.

    A ZIP file stands behind what is meant in it: ``zip://photos/cup.jpg::s3://bucket/photos.zip``.
    """

    text: str
    size: int = field(default=-1, compare=False)
    """In bytes, if the store has told it; else -1."""
    version: str = field(default="", compare=False)
    """Differs when the content does, if the store has told it."""

    def __str__(self) -> str:
        return self.text

    @property
    def scheme(self) -> str:
        """One of `STORES`."""
        return self.text.partition("://")[0]

    @property
    def stores(self) -> tuple[str, ...]:
        """`scheme`, and that of the URL of the ZIP file, if it has one."""
        return tuple(part.partition("://")[0] for part in self.text.split("::") if "://" in part)

    @property
    def container(self) -> str:
        """The name or URL of the ZIP file that it is in; empty if it is in none."""
        return self._split()[1].removeprefix("::")

    @property
    def key(self) -> str:
        """What stands behind the ``://``, in a ZIP file up to the name of that."""
        return self._split()[0].partition("://")[2]

    @property
    def name(self) -> str:
        """The last part of the key."""
        return self.key.rpartition("/")[2]

    @property
    def stem(self) -> str:
        """`name` without its suffix."""
        return PurePosixPath(self.name).stem

    @property
    def suffix(self) -> str:
        """As that of a `Path`."""
        return PurePosixPath(self.name).suffix

    @property
    def parent(self) -> Url:
        """The folder that it is in."""
        folder = self.key.rpartition("/")[0].rstrip("/")
        return Url(f"{self.scheme}://{folder}{self._split()[1]}")

    def absolute(self) -> Url:
        """The same in every folder, as that of a `Path`: a ZIP file that is here may be named relative to this one."""
        head, container = self._split()
        file = container.removeprefix("::")
        here = file and not _SCHEME.match(file)
        return Url(f"{head}::{os.path.abspath(file)}", self.size, self.version) if here else self

    def __truediv__(self, relative: PurePath | str) -> Url:
        head, container = self._split()
        below = relative if isinstance(relative, str) else relative.as_posix()
        slash = "" if head.endswith("://") else "/"
        return self if below == "." else Url(f"{head}{slash}{below}{container}")

    def _split(self) -> tuple[str, str]:
        """What stands before, and from, the name of the ZIP file."""
        if not self.text.startswith("zip://"):
            return self.text, ""
        return _split_zip(self.text)


Location = Path | Url
"""Where a file is: here or in a store."""


def located(name: str | os.PathLike[str] | Url) -> Location:
    """What a user means by `name`: a `Url` if it begins as one does, else a path.

    Raises `UsageError` for what is no text or path, for a store that is not one of `STORES`, for a URL that has been
    made a `Path`, and for an empty name, which would mean this folder.

    >>> located("s3://bucket/photos/") / "a.jpg", located("file:///photos").name
    (Url(text='s3://bucket/photos/a.jpg', size=-1, version=''), 'photos')
    """
    if isinstance(name, Url):
        return name
    text = os.fspath(name) if isinstance(name, str | os.PathLike) else None
    if not isinstance(text, str):
        raise UsageError(f"a file is named by text or a Path, and not by {type(name).__name__}")
    if not text:
        raise UsageError("a name is empty: name a file or a folder; this folder is called .")
    if short := _SHORTENED.match(text):
        if isinstance(name, str):
            raise UsageError(f"{text}: a URL begins with {short[1]}://, and a folder here that is called so with ./")
        raise UsageError(f"{text} was a URL before it became a Path, which takes a slash from it: give it as text")
    match = _SCHEME.match(text) if isinstance(name, str) else None
    if match is None:
        return Path(name)
    scheme = match[1].lower()
    text = scheme + text[match.end(1) :]
    if scheme == "file":
        return Path(text.removeprefix("file://"))
    if scheme not in STORES:
        raise UsageError(f"there is no store {scheme!r}; URLs begin with one of file, {', '.join(STORES)}")
    if scheme == "zip" and "::" not in text:
        raise UsageError("a URL into a ZIP file names that after two colons, such as zip://photos/::photos.zip")
    head, container = _split_zip(text) if scheme == "zip" else (text, "")
    start = f"{scheme}://"
    if scheme == "s3" and not head.removeprefix(start).strip("/"):
        raise UsageError("a URL into S3 names a bucket, such as s3://bucket/photos/")
    if _SCHEME.match(file := container.removeprefix("::")):
        container = f"::{located(file)}"
    return Url(start + head.removeprefix(start).rstrip("/") + container)


def _split_zip(text: str) -> tuple[str, str]:
    """A URL before, and from, the name of its ZIP file: names in that may hold two colons too."""
    match = re.search(f"::(?={_SCHEME.pattern})", text, re.IGNORECASE)
    at = match.start() if match else text.rfind("::")
    return text[:at], text[at:]
