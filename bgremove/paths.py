"""File names as people may see them."""

from __future__ import annotations

import os
import shlex
import unicodedata
from collections.abc import Callable, Iterable
from pathlib import Path

from bgremove.url import Location, Url

StrPath = str | os.PathLike[str]
"""The usual ways to name a file."""

STANDARD = Path("-")
"""Standard input as a source, standard output as an output."""

StrOrBytesPath = str | bytes | os.PathLike[str] | os.PathLike[bytes]
"""Every way to name a file: text, bytes that need not be UTF-8, or an object that stands for either."""


def display_name(path: StrOrBytesPath | Url) -> str:
    r"""The name of a file as text that is safe in any message, log or terminal.

    Letters of every script and emoji stay. Whatever could move the cursor, hide text or fail to be encoded
    (line breaks, control and direction characters, bytes that are not UTF-8) is written as an escape.

    >>> display_name("holiday \n\x1b[2J.jpg"), display_name(b"caf\xe9.jpg")
    ('holiday \\n\\x1b[2J.jpg', 'caf\\xe9.jpg')
    """
    return printable(path.text if isinstance(path, Url) else os.fsdecode(path))


def printable(text: str) -> str:
    """`text` with each character that cannot be shown written as an escape."""
    return "".join(c if c.isprintable() else _escape(c) for c in text)


def absolute(path: StrPath | Url) -> str:
    """The name of a file that holds in every folder: its absolute path, links not followed, or its URL."""
    return path.absolute().text if isinstance(path, Url) else os.path.abspath(path)


def command_line(command: Iterable[str]) -> str:
    r"""A line for a POSIX shell that gives the command, whatever the names of its files hold; it can be shown anywhere.

    >>> command_line(["bgremove", "remove", "my photos", "caf\udce9.jpg"])
    "bgremove remove 'my photos' $'caf\\xe9.jpg'"
    """
    return " ".join(map(_shell_word, command))


def _shell_word(word: str) -> str:
    if word.isprintable():
        return shlex.quote(word)
    # $'...' is of POSIX.1-2024, and has long been in bash, zsh and ksh.
    plain = (c if c.isprintable() and c not in "\\'" else "".join(f"\\x{b:02x}" for b in os.fsencode(c)) for c in word)
    return f"$'{''.join(plain)}'"


def file_key(path: Location, *, folds_case: bool, real_folder: Callable[[str], str] = os.path.realpath) -> str:
    """Equal for two paths that are one file, links followed; without case where that makes no difference.

    `real_folder` is `os.path.realpath`, or that with a memory: for many files in a folder, that is what takes the time.
    """
    if isinstance(path, Url):
        return path.text
    folder, name = os.path.split(path)
    file = os.path.join(real_folder(folder), name)
    key = os.path.normcase(os.path.realpath(file) if os.path.islink(file) else file)
    return unicodedata.normalize("NFC", key.casefold()) if folds_case else key


def folds_case(folder: Location) -> bool:
    """Whether names that differ only in case are one file in `folder`, or in the nearest one above it that exists."""
    if isinstance(folder, Url):
        return False
    path = Path(os.path.realpath(folder))
    for each in (path, *path.parents):
        other = each.name.swapcase()
        if other != each.name and os.path.exists(each):
            try:
                return each.with_name(other).samefile(each)
            except OSError:
                return False
    return False


def _escape(character: str) -> str:
    if "\udc80" <= character <= "\udcff":  # how os.fsdecode keeps a byte that is not UTF-8
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape").decode("ascii")
