"""Compiles kernels with Numba, once per machine where a folder for the results can be found."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar, cast

from numba import njit

Function = TypeVar("Function", bound=Callable[..., Any])


def kernel(function: Function) -> Function:
    """Compile `function` at its first call, for other threads to run meanwhile; keep the result on disk if possible.

    Numba keeps it beside the source, or in the user's cache folder where the installation is read-only. A kernel must
    not call kernels of other files: the kept result would outlive a change of those.
    """
    compiled: Any
    try:
        compiled = njit(nogil=True, cache=True)(function)
    except RuntimeError:  # neither folder can be written to
        compiled = njit(nogil=True)(function)
    return cast("Function", compiled)


def announce(function: Callable[..., Any]) -> None:
    """Say on stderr that compiling takes some seconds, if the kernel `function` is neither loaded nor kept on disk."""
    if not _is_compiled(function):
        sys.stderr.write("bgremove: compiling its kernels, which takes some seconds once\n")


@contextmanager
def compiled_once(last: Callable[..., Any]) -> Iterator[None]:
    """Let one process at a time enter the block, which compiles kernels, until `last` of them is kept on disk.

    The workers of a pool start together: the first compiles, all others wait and load what it has kept.
    """
    if _is_compiled(last) or not (folder := _folder(last)):
        yield
        return
    from filelock import FileLock  # noqa: PLC0415 - only those who may have to compile pay for it

    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / "bgremove-compiling.lock"):  # the system lets go of it when its holder dies
        yield


def _is_compiled(function: Callable[..., Any]) -> bool:
    """Whether a kernel is loaded or kept on disk."""
    dispatcher: Any = function
    folder = _folder(function)
    return bool(dispatcher.signatures or (folder and any(folder.glob(f"*.{function.__name__}-*.nbi"))))


def _folder(function: Callable[..., Any]) -> Path | None:
    """Where a kernel is kept, None if nowhere."""
    dispatcher: Any = function
    path = dispatcher.stats.cache_path
    return Path(path) if path else None
