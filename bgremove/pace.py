"""How far a loop is, and how fast it goes."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Protocol


class Advance(Protocol):
    """Tells that one more is done."""

    def __call__(self, *, failed: bool = False, took_s: float = 0.0) -> None:
        """One more is done, or has failed, and took so long, if that is known."""


class Pace:
    """How many of a total are done, how many of these have failed, and how fast it goes.

    The total is None before it is known. What passes before the first is begun is starting up, and says nothing of the
    rest; where it is not known how long that took, what passes before it is done.
    """

    def __init__(self, what: str, total: int | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self.what = what
        self.total = total
        self.done = 0
        self.failed = 0
        self.clock = clock
        self.began_s = clock()
        self.first_s = self.last_s = self.began_s
        self._timed = 0
        """How many are done since `first_s`."""

    def add(self, *, failed: bool = False, took_s: float = 0.0) -> None:
        """See `Advance`."""
        self.last_s = self.clock()
        self.done += 1
        self.failed += failed
        if self.done == 1:
            self.first_s = max(self.began_s, self.last_s - took_s)
        self._timed += self.done > 1 or took_s > 0

    @property
    def per_s(self) -> float | None:
        """How many are done in a second; None before that is known, which it is not from one."""
        passed_s = self.last_s - self.first_s
        return self._timed / passed_s if self.done > 1 and passed_s > 0 else None

    @property
    def left_s(self) -> float | None:
        """Seconds that the rest will take; None before that is known."""
        return None if self.total is None or not self.per_s else (self.total - self.done) / self.per_s

    @property
    def note(self) -> str:
        """How fast, and how many have failed, as far as there is something to say.

        >>> pace = Pace("images", 100, iter([0.0, 1.0, 1.5, 2.0]).__next__)
        >>> for failed in (False, True, False):
        ...     pace.add(failed=failed)
        >>> pace.note
        '2.0 a second, 1 failed'
        """
        rate = "" if self.per_s is None else f"{self.per_s:.{1 if self.per_s >= 1 else 2}f} a second"
        return ", ".join(filter(None, [rate, f"{self.failed} failed" if self.failed else ""]))

    def __str__(self) -> str:
        if self.total is None:
            return f"{self.what}: planning"
        left = "" if self.left_s is None else f"{timedelta(seconds=round(self.left_s))} left"
        return ", ".join(filter(None, [f"{self.what}: {self.done} of {self.total}", left, self.note]))
