"""Text of projects, which may be anything, made fit to be printed, written and parsed."""

import hashlib
import re

#: Longest name of a file that is made of the id of a case; file systems take 255 bytes.
LONGEST_NAME = 120
#: What XML does not allow, and what would move the cursor of a terminal. Lone surrogates stand for foreign bytes.
_UNFIT = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def plain(text: str) -> str:
    r"""The text with control characters and foreign bytes spelled out.

    >>> plain("a\x1b[31m\udcff")
    'a\\x1b[31m\\xff'
    """
    return _UNFIT.sub(lambda found: _spelled(ord(found.group())), text)


def file_name(case: str) -> str:
    """A name for a file of a case: readable, bounded, and another one for every case.

    >>> file_name("bench/b.py::test_a[1]").rpartition("-")[0]
    'bench-b-py-test-a-1'
    """
    readable = re.sub(r"[^A-Za-z0-9]+", "-", case).strip("-")[:LONGEST_NAME]
    digest = hashlib.blake2b(case.encode(errors="surrogateescape"), digest_size=4).hexdigest()
    return f"{readable}-{digest}"


def flame_name(case: str) -> str:
    """The name of the file of a case's flame graph."""
    return f"flame-{file_name(case)}.svg"


def in_code_span(text: str) -> str:
    """The text as code in Markdown, whatever is in it.

    >>> print(in_code_span("a__b__`c"))
    ``a__b__`c``
    """
    ticks = "`" * (1 + max((len(run) for run in re.findall("`+", text)), default=0))
    space = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{ticks}{space}{plain(text)}{space}{ticks}"


def _spelled(code: int) -> str:
    return f"\\x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else f"\\x{code:02x}"
