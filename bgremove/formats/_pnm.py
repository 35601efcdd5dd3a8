"""What stands in a PNM file behind its first picture (Netpbm, pbm(5), pgm(5), ppm(5))."""

from __future__ import annotations

import re
from typing import IO

_SKIPPED = rb"(?:\s|#[^\n]*\n)+"
_HEADER = re.compile(rb"P([1-6])" + 3 * (_SKIPPED + rb"(\d+)") + rb"\s", re.DOTALL)
_HEADER_OF_BITS = re.compile(rb"P([14])" + 2 * (_SKIPPED + rb"(\d+)") + rb"\s", re.DOTALL)
_MOST_HEADER_BYTES = 2**16
_PNM = re.compile(rb"\s*P[1-7]" + _SKIPPED + rb"[\dW]")
_COMMENT = re.compile(rb"#[^\n]*")


def has_more_images(file: IO[bytes]) -> bool:
    """Whether there is another picture in a file of which one has been read."""
    file.seek(0)
    start = file.read(_MOST_HEADER_BYTES)
    header = (_HEADER_OF_BITS if start[1:2] in {b"1", b"4"} else _HEADER).match(start)
    if header is None:
        return False
    if start[1:2] in {b"1", b"2", b"3"}:  # numbers up to the end, and comments
        file.seek(header.end())
        return b"P" in _COMMENT.sub(b"", file.read())
    kind, width, height, *top = map(int, header.groups())
    row = -(-width // 8) if kind == 4 else width * (3 if kind == 6 else 1) * (2 if top[0] > 255 else 1)
    file.seek(header.end() + height * row)
    return _PNM.match(file.read(_MOST_HEADER_BYTES)) is not None
