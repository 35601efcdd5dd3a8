"""Standard output that may be closed, full or gone: what cannot be shown changes no exit status."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO


class _Unfailing:
    """A stream whose writes never raise. After the first that fails, the rest goes nowhere."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Writes and flushes, so that a failure is seen here and not when Python ends, with a status of its own."""
        with suppress(UnicodeEncodeError):
            text.encode(self._stream.encoding or "utf-8")
            return self._flushed(text)
        return self._flushed(text.encode("ascii", "backslashreplace").decode())

    def writelines(self, lines: Any) -> None:
        """Writes them all."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """There is nothing left to flush."""

    def _flushed(self, text: str) -> int:
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)
        return len(text)


@contextmanager
def unfailing() -> Iterator[None]:
    """Standard output and errors for as long as the block runs; those that the caller has closed lead nowhere."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:  # else the next file that is opened would be one of them
        pass
    os.close(descriptor)
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (  # type: ignore[assignment]  # all that is asked of a stream is there
        _Unfailing(stream or open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 (as long as the process lives)
        for stream in before
    )
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before
