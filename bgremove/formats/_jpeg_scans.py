"""What the scans of a JPEG hold (ITU-T T.81, annex B), where libjpeg makes up what is missing and keeps quiet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from bgremove.formats._jpeg_data import Frame, Tables

_END, _SCAN, _RESTART_INTERVAL, _HUFFMAN = 0xD9, 0xDA, 0xDD, 0xC4
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE, _ARITHMETIC = {0xC2, 0xCA}, {0xC9, 0xCA}
_RESTARTS = range(0xD0, 0xD8)
_ABSENT = 16


@dataclass(slots=True)
class Scans:
    """The scans of the first picture of a JPEG file."""

    left: dict[int, list[int]] = field(default_factory=dict)
    """Of each component, how many bits of each of its 64 coefficients do not come; `_ABSENT` if none comes."""
    in_order: bool = True
    """Whether no restart is missing."""
    has_hole: bool = False
    """Whether zeros stand in place of data."""
    start: int = 0
    """Where the data of the last one begin."""
    end: int = 0
    """Where the marker stands that ends these data."""
    ended: bool = False
    """Whether that is the end of the picture."""
    arithmetic: bool = False
    """Whether it is coded so, and not by Huffman."""

    @property
    def lacks_component(self) -> bool:
        """Whether there is a component of which nothing comes."""
        return any(bits[0] == _ABSENT for bits in self.left.values())

    @property
    def lacks_detail(self) -> bool:
        """Whether a progressive picture is not as sharp as it was to become."""
        return any(any(bits) for bits in self.left.values())


def scans_of(content: bytes) -> Scans:
    """What comes in `content` up to the end of its first picture."""
    found, frame, tables, header = Scans(), Frame(), Tables(), b""
    interval, restarts = 0, 0
    for kind, place, segment in _segments(content):
        if kind in _RESTARTS:
            if not interval or kind - _RESTARTS.start != restarts % len(_RESTARTS):
                found.in_order = False
                break  # there may be millions
            restarts += 1
            continue
        if header:
            found.in_order &= not interval or restarts >= frame.restarts(header, interval)
            found.end, data = place, content[found.start : place]
            found.has_hole |= not found.arithmetic and tables.has_hole(data, header, frame.progressive)
        restarts, header = 0, b""
        if kind in _FRAMES:
            frame, found.arithmetic = Frame(kind in _PROGRESSIVE, segment), kind in _ARITHMETIC
            found.left = {component: [_ABSENT] * 64 for component in segment[6::3]}
        elif kind == _RESTART_INTERVAL:
            interval = int.from_bytes(segment)
        elif kind == _HUFFMAN:
            tables.add(segment)
        elif kind == _END:
            found.ended = True
        elif kind == _SCAN and len(segment) > 3:  # shorter ones are not even headers
            _add(found, segment, progressive=frame.progressive)
            header, found.start = segment, place + 4 + len(segment)
    return found


def _segments(content: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Marker, place and content of each segment of the first picture, restarts and the end of the picture included."""
    data = np.frombuffer(content, np.uint8)
    places = np.flatnonzero(data[:-1] == 0xFF)
    following = data[places + 1]
    behind = 2
    for place in places[(following != 0) & (following != 0xFF)].tolist():  # those are stuffed, or fill up
        if place < behind:
            continue  # inside a segment
        kind = content[place + 1]
        behind = place + 2
        if kind not in _RESTARTS and kind != _END:
            behind += int.from_bytes(content[place + 2 : place + 4])
        yield kind, place, content[place + 4 : behind]
        if kind == _END:
            return


def _add(scans: Scans, header: bytes, *, progressive: bool) -> None:
    """Take what the `header` of a scan promises (B.2.3)."""
    first, last, bits = (header[-3], header[-2], header[-1] & 15) if progressive else (0, 63, 0)
    for component in header[1 : 1 + 2 * header[0] : 2]:
        if component in scans.left:
            scans.left[component][first : last + 1] = [bits] * (min(last, 63) + 1 - first)
