"""What a process and all its descendants use: CPU time, those that have ended included, and memory."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

_LOOKS = 10
"""How often a look that processes disturb by ending is repeated at most."""
_PARENTS_KNOW = sys.platform == "linux"
"""Whether the CPU time of an ended process is added to its parent's time of children."""
_PARENTS_TELL = Path("/proc/thread-self/children").exists()
"""Whether the children of a process can be read from it."""


@dataclass(slots=True)
class _Member:
    """A process of the tree, as it was seen last."""

    process: psutil.Process
    parent: int
    cpu_s: float


class ProcessTree:
    """The root process and its descendants: those alive, and the CPU time of those that are gone.

    When a process ends, its CPU time and that of its children is added to its parent's, if the parent waits for
    it: so the times of a fork server's children are found as long as one process of the tree is alive. A process that
    outlives its parent is still counted: it is kept track of, and the last time seen of it is added once it has ended.
    What it took between that look and its end is lost, and so is a process that no look has seen before its parent
    ended.
    """

    def __init__(self) -> None:
        self._root = psutil.Process()
        self._members: dict[int, _Member] = {}
        self._gone_s = 0.0
        self.look()

    def members(self) -> list[psutil.Process]:
        """The processes seen at the last look."""
        return [member.process for member in self._members.values()]

    def cpu_s(self) -> float:
        """CPU seconds used so far. Looks again if a process ended meanwhile: it could count twice, or not at all."""
        for _ in range(_LOOKS):
            before = set(self._members)
            self.look()
            if before <= set(self._members):
                break
        return self.seen_s

    @property
    def seen_s(self) -> float:
        """CPU seconds used up to the last look."""
        return self._gone_s + sum(member.cpu_s for member in self._members.values())

    def look(self, quickly: bool = False) -> None:
        """See which processes there are and what they have used. `quickly` may miss new ones, never known ones."""
        found = {self._root.pid: self._root}
        found |= {process.pid: process for process in (self._descendants() if quickly else self._root.children(True))}
        for pid, member in self._members.items():
            if pid not in found and member.process.is_running():  # it has outlived its parent
                found[pid] = member.process
        looks = {pid: _look_at(process) for pid, process in found.items()}
        seen = {pid: look for pid, look in looks.items() if look is not None}
        for pid, member in self._members.items():
            if pid not in seen and not (_PARENTS_KNOW and member.parent in self._members):
                self._gone_s += member.cpu_s
        self._members = seen

    def _descendants(self) -> Iterator[psutil.Process]:
        """As psutil's children, which reads the parent of every process of the machine; this follows children only."""
        if not _PARENTS_TELL:
            yield from self._root.children(recursive=True)
            return
        waiting = [self._root.pid]
        while waiting:
            for pid in _children(waiting.pop()):
                waiting.append(pid)
                known = self._members.get(pid)
                with suppress(psutil.Error):
                    yield known.process if known is not None else psutil.Process(pid)


def _children(pid: int) -> list[int]:
    """Children that any thread of a process has, none if it has ended."""
    with suppress(OSError):
        threads = Path(f"/proc/{pid}/task").glob("*/children")
        return [int(child) for thread in threads for child in thread.read_text(encoding="ascii").split()]
    return []


def _look_at(process: psutil.Process) -> _Member | None:
    """None if it has ended."""
    try:
        with process.oneshot():
            times = process.cpu_times()
            parent = process.ppid()
    except psutil.Error:
        return None
    children_s = getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)
    return _Member(process, parent, times.user + times.system + children_s)


class PeakMemory:
    """The largest sum of memory seen, and the last of resident sizes."""

    def __init__(self) -> None:
        self._peak_pss = self._peak_rss = 0
        self.rss_bytes = 0
        self._complete = True

    @property
    def metric(self) -> str:
        """The better measure that could be had of every process."""
        return "pss" if self._complete else "rss"

    @property
    def peak_bytes(self) -> int:
        """By that measure."""
        return self._peak_pss if self._complete else self._peak_rss

    def look(self, processes: list[psutil.Process]) -> None:
        """Sum the memory of the processes.

        The system walks through all pages for PSS, 3 ms a GB. It is at most RSS, which costs nothing: so it is asked
        for only where the sum of RSS says that there may be a new peak.
        """
        self.rss_bytes = sum(_rss(process) for process in processes)
        self._peak_rss = max(self._peak_rss, self.rss_bytes)
        if self._complete and self.rss_bytes > self._peak_pss:
            pss = [_pss(process.pid) for process in processes]
            self._complete = None not in pss
            self._peak_pss = max(self._peak_pss, sum(filter(None, pss)))


def _rss(process: psutil.Process) -> int:
    """Resident set size in bytes, 0 if the process has ended."""
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0


def _pss(pid: int) -> int | None:
    """Proportional set size in bytes, 0 if the process has ended, None where the system does not give it."""
    try:
        with Path(f"/proc/{pid}/smaps_rollup").open(encoding="ascii", errors="replace") as lines:
            for line in lines:
                if line.startswith("Pss:"):
                    return int(line.split()[1]) * 1024
    except ProcessLookupError:
        return 0
    except FileNotFoundError:
        return None if psutil.pid_exists(pid) else 0
    except PermissionError:
        return None
    return 0
