"""Tables as spreadsheets write them: how the file is coded, what stands between its columns, how they write numbers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import TextIOWrapper
from itertools import chain
from pathlib import Path

_BYTE_ORDERS = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
_MARK = "\ufeff"
_SAID = re.compile(r'"?sep=(\t|[^\w\s"])"?[,;\t]*\s*', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a table is written, so that it can be written so again."""

    delimiter: str = ","
    encoding: str = "utf-8"
    start: str = ""
    """What comes before the line of the columns: a byte order mark, and the line ``sep=;`` of Excel."""

    @property
    def lines_before(self) -> int:
        """How many lines come before that of the columns."""
        return 1 if self.start.strip(_MARK) else 0

    def encode(self, text: str) -> bytes:
        """The content of a file; what was not UTF-8 in a name becomes the same bytes again."""
        return (self.start + text).encode(self.encoding, _errors(self.encoding))


@contextmanager
def opened_table(file: Path) -> Iterator[tuple[Dialect, Iterable[str]]]:
    """How the table in a `file`, which may be a pipe, is written, and its lines from that of the columns on."""
    with file.open("rb") as stream:
        encoding = _BYTE_ORDERS.get(stream.peek(2)[:2], "utf-8")
        lines = TextIOWrapper(stream, encoding, _errors(encoding), newline="")
        first = lines.readline()
        start = _MARK if first.startswith(_MARK) else ""
        first = first.removeprefix(_MARK)
        if said := _SAID.fullmatch(first):
            yield Dialect(said[1], encoding, start + first), lines
        else:
            yield Dialect(max(",;\t", key=first.count), encoding, start), chain([first], lines)


def whole_number(text: str) -> int | None:
    """The number, be it ``20.0`` or ``1 200``; None if it is none, or may be another.

    >>> whole_number("20,00"), whole_number("1 200"), whole_number("1.000"), whole_number("20%")
    (20, 1200, None, None)
    """
    plain = re.sub(r"[.,](0{1,2}|0{4,})$", "", text.strip())  # three may be a thousand
    plain = re.sub(r"(?<=\d)[\s'\u2019](?=\d{3}(?!\d))", "", plain)
    return int(plain) if re.fullmatch(r"[+-]?\d+", plain) else None


def advice(text: str) -> str:
    """What to say of a `text` that stands for a number of pixels, and is none."""
    shown = text.strip()
    if shown.endswith("%") or re.fullmatch(r"[+-]?0?[.,]\d*[1-9]\d*", shown):
        return "a share of the image; write how many pixels that is"
    if re.fullmatch(r"[+-]?\d{1,3}([.,]\d{3})+", shown):
        return "a thousand or a fraction; write a whole number of pixels, without dot or comma"
    return "no whole number of pixels; round it, or leave all four numbers out"


def _errors(encoding: str) -> str:
    return "surrogateescape" if encoding == "utf-8" else "surrogatepass"
