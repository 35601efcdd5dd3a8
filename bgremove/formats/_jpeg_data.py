"""What the data of a scan of a JPEG must be like (ITU-T T.81): how many restarts, and no zeros where they say much."""

from __future__ import annotations

from dataclasses import dataclass, field

_HOLE = bytes(512)
_BLOCK = 8  # pixels a side
_LONGEST_RUN = 15
"""Beyond it the first half of a symbol says no more how many blocks end, but that 16 coefficients are zero."""


@dataclass(frozen=True, slots=True)
class Frame:
    """The header of a picture (B.2.2)."""

    progressive: bool = False
    segment: bytes = b""

    def restarts(self, header: bytes, interval: int) -> int:
        """How many come in the data of a scan of that `header`, at an `interval`."""
        height, width = int.from_bytes(self.segment[1:3]), int.from_bytes(self.segment[3:5])
        units: int
        factors = {self.segment[at]: divmod(self.segment[at + 1], 16) for at in range(6, len(self.segment) - 1, 3)}
        parts = [factors[component] for component in header[1 : 1 + 2 * header[0] : 2] if component in factors]
        if not (height and parts and all(map(all, factors.values()))):
            return 0  # the height may come behind the first scan
        most = [max(each) for each in zip(*factors.values(), strict=True)]
        if len(parts) == 1:  # then its blocks come one by one
            across, down = (
                -(-size * part // all_) for size, part, all_ in zip((width, height), parts[0], most, strict=True)
            )
            units = -(-across // _BLOCK) * -(-down // _BLOCK)
        else:
            units = -(-width // (_BLOCK * most[0])) * -(-height // (_BLOCK * most[1]))
        return -(-units // interval) - 1


@dataclass(slots=True)
class Tables:
    """Of each table of Huffman codes, the symbol whose code is all zeros: it comes first (C.2)."""

    symbols: dict[int, int] = field(default_factory=dict)

    def add(self, segment: bytes) -> None:
        """Take the tables of a segment (B.2.4.2)."""
        while len(segment) > 17:
            self.symbols[segment[0]] = segment[17]
            segment = segment[17 + sum(segment[1:17]) :]

    def has_hole(self, data: bytes, header: bytes, progressive: bool) -> bool:
        """Whether zeros stand in the `data` of a scan where they mean anything but blocks that are as the one before.

        Large areas of one colour may be just zeros. Zeros at the end are no data.
        """
        if _HOLE not in data:
            return False
        return _HOLE in data.rstrip(b"\0") and not self._may_be_zeros(header, progressive)

    def _may_be_zeros(self, header: bytes, progressive: bool) -> bool:
        tables = [divmod(each, 16) for each in header[2 : 2 + 2 * header[0] : 2]]
        if not progressive:
            return all(self.symbols.get(dc) == 0 and self.symbols.get(16 + ac) == 0 for dc, ac in tables)
        if header[-3] == 0:  # a bit of each block's mean, or that itself
            return header[-1] > _LONGEST_RUN or all(self.symbols.get(dc) == 0 for dc, _ in tables)
        run, size = divmod(self.symbols.get(16 + tables[0][1], 0), 16)
        return size == 0 and run < _LONGEST_RUN
