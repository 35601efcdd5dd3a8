"""Load from outside: a workload that neither revision touches, and what the machine says about itself."""

import os
from dataclasses import dataclass
from pathlib import Path

from .system import SYSTEM

#: Additions in one run of the control workload: about 1.5 ms on a 2.6 GHz core.
CONTROL_ROUNDS = 30_000


def spin(rounds: int) -> int:
    """Adds `rounds` small integers: CPU time of the interpreter and nothing else. O(rounds)."""
    total = 0
    for number in range(rounds):
        total += number & 7
    return total


@dataclass(frozen=True)
class Clock:
    """The machine's own account at one moment, in ticks since start: all time, and time stolen by other guests."""

    total: int
    stolen: int

    @classmethod
    def now(cls) -> "Clock":
        """Reads /proc/stat; all zero where there is none."""
        try:
            with Path("/proc/stat").open(encoding="ascii") as lines:
                ticks = [int(word) for word in lines.readline().split()[1:9]]
        except FileNotFoundError:
            return cls(0, 0)
        return cls(sum(ticks), ticks[7])

    def stolen_share_since(self, earlier: "Clock") -> float:
        """The share of all processors' time between `earlier` and now that other guests of the host took, 0 to 1."""
        return (self.stolen - earlier.stolen) / max(self.total - earlier.total, 1)


def processors() -> list[int]:
    """The processors this process may use, or none where the system does not say."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


def move_to(processor: int) -> None:
    """Moves the calling thread to a processor without tying it: it may use all it might use before."""
    if SYSTEM.sched_getaffinity and SYSTEM.sched_setaffinity:
        allowed = SYSTEM.sched_getaffinity(0)
        SYSTEM.sched_setaffinity(0, {processor})
        SYSTEM.sched_setaffinity(0, allowed)


def load_average() -> float:
    """Processes that ran or wanted to in the last minute; 0 where the system does not count them."""
    try:
        return os.getloadavg()[0]
    except OSError:
        return 0.0
