"""Locks that a fork of this process never finds held by a thread that it does not have."""

from __future__ import annotations

import os
from threading import RLock
from typing import Any

_locks: list[Any] = []
_held: list[Any] = []
"""By the thread that is forking."""


def lock_before_forks() -> Any:
    """A new reentrant lock, for a module to keep: a thread that forks waits until others have let go of it."""
    lock = RLock()
    _locks.append(lock)
    return lock


def _take_all() -> None:
    """Take all locks, and keep none while another is waited for: its holder may be waiting for that one."""
    while True:
        taken = []
        for lock in _locks:
            if not lock.acquire(blocking=False):
                break
            taken.append(lock)
        else:
            _held.extend(taken)
            return
        for each in taken:
            each.release()
        with lock:
            pass


def _let_go() -> None:
    while _held:
        _held.pop().release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_take_all, after_in_parent=_let_go, after_in_child=_let_go)
