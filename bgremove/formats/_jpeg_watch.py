"""Whether the data of a progressive JPEG last as long as its last scan does, found while it is decoded, at no cost.

Where they end early, all is there, and a part of it less sharp, which no pixel tells. But libjpeg is given the data in
pieces, and waits for more in the middle of a scan, while it passes over anything between that scan and the next marker.
"""

from __future__ import annotations

from typing import IO, Any

import PIL.Image

from bgremove.formats._jpeg_scans import scans_of

_DECODER = "bgremove-jpeg"
_FILLER = bytes(range(0x11, 0xEE, 7)) * 4
_AHEAD = 9
"""Bytes that libjpeg wants to see before it decodes the last ones that it needs."""


class Watch:
    """What is found out of a file that is being decoded, whose last scan ends at `end`."""

    def __init__(self, end: int) -> None:
        self.end = end
        self.passed = False
        self.ends_early = False


class _Decoder:
    """Pillow's own decoder, which is given something behind the last scan, byte by byte."""

    pulls_fd = False

    def __init__(self, mode: str, watch: Watch, *arguments: Any) -> None:
        self._watch = watch
        core: Any = PIL.Image.core  # type: ignore[attr-defined]
        self._own = core.jpeg_decoder(mode, *arguments)
        self._place = 0

    def setimage(self, *arguments: Any) -> None:
        """See `PIL.ImageFile.PyDecoder`."""
        self._own.setimage(*arguments)

    def cleanup(self) -> None:
        """See `PIL.ImageFile.PyDecoder`."""

    def decode(self, data: bytes) -> tuple[int, int]:
        """Number of bytes that have been taken, below 0 if that was all, and what is wrong; see `Watch`."""
        end = self._watch.end - self._place
        if self._watch.passed or end > len(data):
            return self._taken(*self._own.decode(data))
        self._watch.passed = True
        taken, error = self._own.decode(data[:end])
        rest = data[max(0, taken) : end]
        for count, byte in enumerate(_FILLER):
            if taken < 0:
                return taken, error
            rest += bytes([byte])
            taken, error = self._own.decode(rest)
            rest = rest[max(0, taken) :]
            if rest and count >= _AHEAD:
                self._watch.ends_early = True
                break
        taken, error = self._own.decode(rest + data[end:])
        return (taken if taken < 0 else len(data)), error

    def _taken(self, taken: int, error: int) -> tuple[int, int]:
        self._place += max(0, taken)
        return taken, error


def watched(image: PIL.Image.Image, file: IO[bytes]) -> Watch | None:
    """What will be known of an `image` when it is loaded; None unless it is a progressive JPEG with all its scans."""
    if image.format not in {"JPEG", "MPO"} or not image.info.get("progressive"):
        return None
    place = file.tell()
    file.seek(0)
    content = file.read()
    file.seek(place)
    scans = scans_of(content)
    if not scans.ended or scans.arithmetic or scans.lacks_detail or not scans.last_begins:
        return None
    watch = Watch(len(content[: scans.end].rstrip(b"\xff")))  # those fill up, and would make markers of the filler
    tiles = getattr(image, "tile", [])
    PIL.Image.register_decoder(_DECODER, _Decoder)  # type: ignore[arg-type]
    image.tile = [tile._replace(codec_name=_DECODER, args=(watch, *tile.args)) for tile in tiles]  # type: ignore[attr-defined]
    return watch
