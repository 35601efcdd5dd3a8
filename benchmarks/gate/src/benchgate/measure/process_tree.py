"""CPU time and peak memory of this process and of everything below it, read inside a measured process."""

import os
import resource
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from .system import SYSTEM, contents

#: How often memory is looked at while one untimed call runs, in seconds.
SAMPLE_S = 0.005

_FAST_CHILDREN: Final = Path(f"/proc/self/task/{os.getpid()}/children").exists()
_TICK_S: Final = 1 / os.sysconf("SC_CLK_TCK")


def descendants() -> list[int]:
    """Ids of the living processes below this one (on Linux a few file reads, elsewhere a scan of all processes)."""
    if not _FAST_CHILDREN:
        import psutil  # noqa: PLC0415

        return [child.pid for child in psutil.Process().children(recursive=True)]
    found: list[int] = []
    unvisited = [SYSTEM.getpid()]
    while unvisited:
        children = list(_children(unvisited.pop()))
        found += children
        unvisited += children
    return found


def _children(pid: int) -> Iterator[int]:
    try:
        threads = SYSTEM.listdir(f"/proc/{pid}/task")
    except OSError:
        return  # the process has ended, or the case leaves no file to open
    for thread in threads:
        try:
            yield from map(int, contents(f"/proc/{pid}/task/{thread}/children").split())
        except OSError:
            continue  # the thread ended between the listing and the reading


def cpu_s(below: Iterable[int]) -> float:
    """CPU seconds used so far by this process, its ended children and the living processes `below`."""
    ended = SYSTEM.getrusage(resource.RUSAGE_CHILDREN)
    return SYSTEM.process_time() + ended.ru_utime + ended.ru_stime + sum(map(_foreign_cpu_s, below))


def _foreign_cpu_s(pid: int) -> float:
    """CPU seconds of another process and its ended children; nothing when it has ended (its parent then counts it)."""
    try:
        # fields behind the name in parentheses, which may hold anything: user and system time, those of ended children
        fields = contents(f"/proc/{pid}/stat").rpartition(b")")[2].split()
    except OSError:
        return 0.0 if _FAST_CHILDREN else _foreign_cpu_s_of_psutil(pid)
    user, system, children_user, children_system = (int(field) * _TICK_S for field in fields[11:15])
    try:
        # Linux: a process's own clock, in nanoseconds (clock_getcpuclockid); its accounting file counts in 10 ms.
        return SYSTEM.clock_gettime((~pid << 3) | 2) + children_user + children_system
    except OSError:
        return user + system + children_user + children_system


def _foreign_cpu_s_of_psutil(pid: int) -> float:
    import psutil  # noqa: PLC0415 (only where there is no /proc: the project may be psutil itself)

    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.Error:
        return 0.0
    return float(times.user + times.system + times.children_user + times.children_system)


class Peak:
    """The largest sum, over the process tree, of the memory each process has held since the start, in bytes."""

    def __init__(self) -> None:
        self.bytes = 0

    def look(self) -> None:
        """Takes the memory held now into account."""
        self.bytes = max(self.bytes, sum(map(_high_water_bytes, [SYSTEM.getpid(), *descendants()])))


@contextmanager
def peak_memory() -> Iterator[Peak]:
    """Watches the tree while the block runs. For untimed calls only: the watching thread costs CPU time."""
    for pid in [SYSTEM.getpid(), *descendants()]:
        _reset_high_water(pid)
    peak, ended = Peak(), SYSTEM.event()

    def watch() -> None:
        while not ended.wait(SAMPLE_S):
            peak.look()

    watcher = SYSTEM.thread(target=watch, name="gate-memory", daemon=True)
    watcher.start()
    try:
        yield peak
    finally:
        ended.set()
        watcher.join()
        peak.look()


def _reset_high_water(pid: int) -> None:
    """Linux keeps each process's own peak, which is exact where sampling is not; 5 sets it back to the present."""
    try:
        descriptor = SYSTEM.open(f"/proc/{pid}/clear_refs", os.O_WRONLY | os.O_CLOEXEC)
    except OSError:
        return  # not Linux, or it ended: sampling the present size remains
    try:
        SYSTEM.write(descriptor, b"5")
    except OSError:
        return  # it ended
    finally:
        SYSTEM.close(descriptor)


def _high_water_bytes(pid: int) -> int:
    try:
        status = contents(f"/proc/{pid}/status")
    except OSError:
        return 0 if _FAST_CHILDREN else _resident_bytes(pid)
    lines = (line.split() for line in status.splitlines())
    return next((int(words[1]) * 1024 for words in lines if words and words[0] == b"VmHWM:"), 0)


def _resident_bytes(pid: int) -> int:
    import psutil  # noqa: PLC0415

    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return 0
