"""HEIC photos: what is made sure of before pi-heif sees them; and what they, and AVIF, say of their colours."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from typing import IO

from bgremove.errors import ImageError

_MOST_META_BYTES = 2**24  # of a photograph some kilobytes
_PICTURES = {b"av01", b"grid", b"iden", b"iovl"}  # of an AVIF
_PRIMARIES = {1, 2}  # of sRGB; not said
_TRANSFERS = {1, 2, 6, 13}  # of video, which is shown like sRGB; not said; of video again; of sRGB


def check_items(file: IO[bytes]) -> None:
    """Raise `ImageError` if the items of a HEIC file (ISO 14496-12, 8.11.6) have names or types that are no text.

    pi-heif crashes on those, and the process with it.
    """
    try:
        meta = _meta(file)
        for kind, content in _boxes(meta[4:]):
            if kind == b"iinf":
                counted = 6 if content[0] == 0 else 8
                for entry, item in _boxes(content[counted:]):
                    if entry == b"infe":
                        item[8 if item[0] < 3 else 10 :].decode("utf-8")  # after version, flags, number and protection
    except (UnicodeDecodeError, struct.error, IndexError) as error:
        raise ImageError("it is damaged or truncated (the list of its items)") from error


def lost_in(file: IO[bytes]) -> Iterator[str]:
    """What to note of a file without an ICC profile: code points (ITU-T H.273) of other colours than those of sRGB."""
    points = _meta(file).partition(b"colrnclx")[2]
    primaries, transfer = struct.unpack(">2H", points[:4].ljust(4, b"\0"))
    if points and not (primaries in _PRIMARIES and transfer in _TRANSFERS):
        yield "its nclx colour profile was left out: its colours are taken for those of sRGB"


def is_cropped(file: IO[bytes]) -> bool:
    """Whether a file says that only a part of its picture is to be seen (the clean aperture, ISO 14496-12, 12.1.4)."""
    return b"clap" in _meta(file)


def has_more_images(file: IO[bytes]) -> bool:
    """Whether there are pictures beside the primary one that are more than parts, previews or alpha of it."""
    pictures: set[int] = set()
    beside: set[int] = set()
    for kind, content in _boxes(_meta(file)[4:]):
        if not content:
            continue
        if kind == b"pitm":
            beside.add(int.from_bytes(content[4:]))
        elif kind == b"iinf":
            entries = (item for entry, item in _boxes(content[6 if content[0] == 0 else 8 :]) if entry == b"infe")
            pictures.update(_visible_pictures(entries))
        elif kind == b"iref":
            size = 2 if content[0] == 0 else 4
            for reference, items in _boxes(content[4:]):
                numbers = [int.from_bytes(items[:size])]
                numbers += [int.from_bytes(items[place : place + size]) for place in range(size + 2, len(items), size)]
                beside.update({b"auxl": numbers[:1], b"thmb": numbers[:1], b"dimg": numbers[1:]}.get(reference, ()))
    return bool(pictures - beside)


def _visible_pictures(entries: Iterable[bytes]) -> Iterator[int]:
    """Numbers of items that are pictures and not hidden (ISO 23008-12, 6.4.2)."""
    for item in entries:
        size = 4 if item[:1] == b"\3" else 2
        if item[6 + size : 10 + size] in _PICTURES and not item[3] & 1:
            yield int.from_bytes(item[4 : 4 + size])


def _meta(file: IO[bytes]) -> bytes:
    """Content of the box that describes the items; empty if there is none."""
    place = 0
    while True:
        file.seek(place)
        header = file.read(16)
        if len(header) < 8:
            return b""
        size, kind = struct.unpack(">I4s", header[:8])
        start = 8
        if size == 1:
            size, start = struct.unpack(">Q", header[8:])[0], 16
        if kind == b"meta":
            file.seek(place + start)
            return file.read(min(size - start, _MOST_META_BYTES) if size else _MOST_META_BYTES)
        if size < start:
            return b""
        place += size


def _boxes(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and content of each box."""
    place = 0
    while place + 8 <= len(content):
        size, kind = struct.unpack_from(">I4s", content, place)
        if size < 8:
            return
        yield kind, content[place + 8 : place + size]
        place += size
