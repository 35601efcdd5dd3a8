"""File names as people may see them."""

from __future__ import annotations

import os

StrPath = str | os.PathLike[str]
"""The usual ways to name a file."""

StrOrBytesPath = str | bytes | os.PathLike[str] | os.PathLike[bytes]
"""Every way to name a file: text, bytes that need not be UTF-8, or an object that stands for either."""


def display_name(path: StrOrBytesPath) -> str:
    r"""The name of a file as text that is safe in any message, log or terminal.

    Letters of every script and emoji stay. Whatever could move the cursor, hide text or fail to be encoded
    (line breaks, control and direction characters, bytes that are not UTF-8) is written as an escape.

    >>> display_name("holiday \n\x1b[2J.jpg"), display_name(b"caf\xe9.jpg")
    ('holiday \\n\\x1b[2J.jpg', 'caf\\xe9.jpg')
    """
    return printable(os.fsdecode(path))


def printable(text: str) -> str:
    """`text` with each character that cannot be shown written as an escape."""
    return "".join(c if c.isprintable() else _escape(c) for c in text)


def _escape(character: str) -> str:
    if "\udc80" <= character <= "\udcff":  # how os.fsdecode keeps a byte that is not UTF-8
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape").decode("ascii")
