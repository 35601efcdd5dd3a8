"""What a process may do in a test: permissions that bind root too, whom the file modes do not, and little memory."""

from __future__ import annotations

import os
import resource
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

NOBODY = 65534


@contextmanager
def unprivileged() -> Iterator[None]:
    """Be bound by file modes: as root become nobody, and root again afterwards."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(user)


@contextmanager
def public_folder() -> Iterator[Path]:
    """An empty folder that everybody may enter; pytest's own belong to one user alone."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder
        folder.chmod(0o700)


@contextmanager
def mostly_free_memory(room: int) -> Iterator[None]:
    """Let this process take no more than `room` bytes above what it has: more is a MemoryError."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (psutil.Process().memory_info().vms + room, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
