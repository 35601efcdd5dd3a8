"""Settings that belong to the whole process, held for a while by several at a time."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

from bgremove.forks import lock_before_forks

T = TypeVar("T")


class Override(Generic[T]):
    """A setting that blocks of code change and put back, also blocks that overlap, in whatever order they are left.

    Of those that are not left yet, the one that was entered last has its way. What was there before the first is put
    back after the last.
    """

    def __init__(self, read: Callable[[], T], write: Callable[[T], object]) -> None:
        self._read, self._write = read, write
        self._lock = lock_before_forks()
        self._held: list[list[T]] = []
        """What was there before, and the value of each block, told apart by the lists that they are in."""

    @contextmanager
    def __call__(self, value: T) -> Iterator[None]:
        """Let the setting be `value` in this block."""
        mine = [value]
        with self._lock:
            self._held = self._held or [[self._read()]]
            self._held.append(mine)
            self._write(value)
        try:
            yield
        finally:
            with self._lock:
                self._held = [each for each in self._held if each is not mine]
                self._write(self._held[-1][0])
                if len(self._held) == 1:
                    self._held = []


def _collect(wanted: bool) -> None:
    (gc.enable if wanted else gc.disable)()


collecting = Override(gc.isenabled, _collect)
"""Whether Python looks for garbage."""
