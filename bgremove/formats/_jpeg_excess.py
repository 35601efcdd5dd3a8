"""JPEG with more data than their picture needs: libjpeg passes over them, after it has made damage into a picture."""

from __future__ import annotations

from typing import IO, Any

from bgremove.formats import _pillow
from bgremove.formats._jpeg_scans import Scans

_LAST_BYTES = 8
"""Of the data of a picture, what at least its last block needs."""


def load_watching(image: Any, file: IO[bytes], content: bytes, scans: Scans) -> bool:
    """Decode a JPEG, a PIL image of the `file`, with that `content`; whether it did without its last data.

    Pillow reads on as long as a row is missing. Of arithmetic coding that is not told.
    """
    if scans.arithmetic:  # libjpeg takes these at once or not at all
        image.decodermaxblock = len(content)
    end = len(content[: scans.end].rstrip(b"\0\xff")) - _LAST_BYTES  # what some writers fill up with says nothing
    if scans.arithmetic or end <= scans.start:
        _pillow.load(image)
        return False
    image.fp = watched = _Watched(file, end)
    _pillow.load(image)
    return not watched.is_beyond


class _Watched:
    """A file that tells whether anything was read behind some place."""

    def __init__(self, file: IO[bytes], end: int) -> None:
        self._file = file
        self._end = end
        self.is_beyond = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def read(self, size: int = -1) -> bytes:
        """As of any file; fewer bytes than asked for, if the place is between."""
        before = self._end - self._file.tell()
        if before > 0:
            return self._file.read(before if size < 0 else min(size, before))
        self.is_beyond = True
        return self._file.read(size)
