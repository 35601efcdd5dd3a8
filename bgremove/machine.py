"""What this machine lets this process use: CPUs, memory, start methods, libraries."""

from __future__ import annotations

import errno
import math
import multiprocessing
import os
import platform
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

from bgremove.errors import UsageError

_ROOT = Path("/")
_BYTES_PER_THREAD = 90_000_000
"""Of addresses: 8 MB for the stack, and 64 MB, in use a little more, that glibc reserves for what it allocates."""
_PACKAGES = (
    "opencv-python-headless", "opencv-python", "opencv-contrib-python-headless", "opencv-contrib-python",
    "numpy", "numba", "pillow", "isal", "onnxruntime", "pymatting", "pi-heif", "psutil",
)  # fmt: skip


def usable_cpus(root: Path = _ROOT) -> int:
    """CPUs that this process may use at a time: its affinity and the CPU quota of its control groups, at least 1.

    A quota of a fraction is rounded up: with one worker too many, workers are throttled now and then and all of the
    quota is used; with one too few, part of it never is. `root` is where ``/proc`` and ``/sys`` are looked for.
    """
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, math.ceil(min([float(affinity), *_cpu_quotas(root)])))


def available_bytes(root: Path = _ROOT) -> int:
    """Memory that can be taken without swapping: what the system has free, within the limits of the control groups.

    And within that of this process (``ulimit -v``).
    """
    return max(0, min([psutil.virtual_memory().available, *_memory_left(root), *_address_space_left()]))


def workers_for(bytes_per_task: int, *, cpus: int | None = None, available: int | None = None) -> int:
    """How many workers can run at a time when each needs `bytes_per_task` of memory: at least one.

    >>> workers_for(2_000_000_000, cpus=8, available=5_000_000_000)
    2
    """
    if bytes_per_task < 1:
        raise UsageError(f"bytes_per_task is {bytes_per_task}; it must be at least 1")
    cpus = usable_cpus() if cpus is None else cpus
    available = available_bytes() if available is None else available
    return max(1, min(cpus, available // bytes_per_task))


def start_methods() -> list[str]:
    """Ways to start a process on this system, the default of this package first: forkserver, else spawn.

    fork is never the default: a process that has started threads, as OpenCV's, cannot be forked safely.
    """
    here = multiprocessing.get_all_start_methods()
    return [method for method in ("forkserver", "spawn", "fork") if method in here]


def may_start_no_more(error: BaseException) -> bool:
    """Whether an error says that the system gives this user, or container, no more threads, processes or open files."""
    code = error.errno if isinstance(error, OSError) else None
    return code in {errno.EAGAIN, errno.EMFILE, errno.ENFILE} or "start new thread" in str(error)


def describe() -> dict[str, Any]:
    """The machine and its libraries, as JSON can hold it. Imports none of them."""
    return {
        "cpu_model": _cpu_model(),
        "usable_cpus": usable_cpus(),
        "logical_cpus": os.cpu_count() or 1,
        "memory_bytes": psutil.virtual_memory().total,
        "available_bytes": available_bytes(),
        "system": platform.platform(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "libraries": versions(),
        "start_methods": start_methods(),
        "default_start_method": start_methods()[0],
    }


def describe_opencv() -> dict[str, Any]:
    """What OpenCV was built to use here, as JSON can hold it. Imports cv2."""
    import cv2  # noqa: PLC0415 - only this function pays for it

    return {
        "version": cv2.__version__,
        "optimized": cv2.useOptimized(),
        "cpu_features": cv2.getCPUFeaturesLine(),
        "threads": cv2.getNumThreads(),
    }


def versions() -> dict[str, str]:
    """Of the packages that what a cutout is, and how fast, depends on: those that are installed."""
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415 - what cuts images out does without

    found = {}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _cpu_model() -> str:
    if sys.platform == "linux":
        for line in _text(Path("/proc/cpuinfo")).splitlines():
            key, _, value = line.partition(":")
            if key.strip() in {"model name", "Model"}:
                return value.strip()
    return platform.processor() or platform.machine()


def _cpu_quotas(root: Path) -> Iterator[float]:
    """Quotas of all control groups that hold this process, in CPUs."""
    for folder in _groups(root, "cpu"):
        quota, _, period = _text(folder / "cpu.max").partition(" ")  # version 2: "max 100000" or "150000 100000"
        if not quota:  # version 1: -1 or microseconds
            quota, period = _text(folder / "cpu.cfs_quota_us"), _text(folder / "cpu.cfs_period_us")
        if quota.isdigit() and period.isdigit() and int(quota) > 0 and int(period) > 0:
            yield int(quota) / int(period)


def _memory_left(root: Path) -> Iterator[int]:
    """Bytes below the limit of each control group that holds this process."""
    names = (
        ("memory.max", "memory.current", "inactive_file"),  # version 2
        ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),  # version 1
    )
    for folder in _groups(root, "memory"):
        for limit_name, usage_name, cache_name in names:
            limit, usage = _text(folder / limit_name), _text(folder / usage_name)
            if limit.isdigit() and usage.isdigit():
                yield int(limit) - int(usage) + _statistic(folder / "memory.stat", cache_name)


def _address_space_left() -> Iterator[int]:
    """Bytes that this process may still map, if there is a limit beside a thread for each CPU and one that measures."""
    if hasattr(psutil, "RLIMIT_AS"):
        process = psutil.Process()
        limit, _ = process.rlimit(psutil.RLIMIT_AS)
        if limit != psutil.RLIM_INFINITY:
            yield limit - process.memory_info().vms - (1 + usable_cpus()) * _BYTES_PER_THREAD


def _statistic(path: Path, name: str) -> int:
    """One number of a ``memory.stat``: file cache counts as used there, yet is given up when memory is asked for."""
    for line in _text(path).splitlines():
        key, _, value = line.partition(" ")
        if key == name:
            return int(value)
    return 0


def _groups(root: Path, controller: str) -> Iterator[Path]:
    """Folders of the control groups that hold this process, innermost first; a limit of any of them holds.

    Inside a container the path that ``/proc`` tells may be the host's, which is not mounted: then only the mount's
    own folder exists, and that is the container's.
    """
    mount = root / "sys/fs/cgroup"
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        base = mount / controllers if controllers else mount
        if controllers and not base.is_dir():
            base = mount / controller
        inner = Path(path.lstrip("/"))
        for relative in (inner, *inner.parents):
            if (base / relative).is_dir():
                yield base / relative


def _text(path: Path) -> str:
    """Text of a small file of the system, empty where there is none or it may not be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
