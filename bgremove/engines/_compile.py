"""Compiles kernels with Numba, once per machine where a folder for the results can be found."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, cached_property, update_wrapper
from pathlib import Path
from typing import Any, TypeVar, cast

Function = TypeVar("Function", bound=Callable[..., Any])


def kernel(function: Function) -> Function:
    """Compile `function` at its first call, for other threads to run meanwhile; keep the result on disk if possible.

    Numba, which is imported only then, keeps it beside the source, or in the user's cache folder where the installation
    is read-only. A kernel may call kernels and take constants of all files of this folder: what is kept bears a digest
    of them all in its name, and is passed over once any of them has changed.
    """
    return cast("Function", Kernel(function))


class Kernel:
    """A function that is compiled when it is called, or when a kernel is that calls it."""

    def __init__(self, function: Callable[..., Any]) -> None:
        update_wrapper(self, function)
        self._function = function

    def __call__(self, *arguments: Any) -> Any:
        return self.compiled(*arguments)

    @cached_property
    def compiled(self) -> Any:
        """What Numba makes of it."""
        from numba import njit  # noqa: PLC0415 - takes a third of a second, and not all engines need it

        self._function.__qualname__ = f"{self._function.__name__}-{_digest()}"  # what the kept file is called
        try:
            return njit(nogil=True, cache=True)(self._function)
        except RuntimeError:  # neither folder can be written to
            return njit(nogil=True)(self._function)

    @property
    def _numba_type_(self) -> Any:
        """How Numba sees it where another kernel calls it."""
        return self.compiled._numba_type_


@cache
def _digest() -> str:
    """Of the sources of all kernels."""
    files = sorted(Path(__file__).parent.glob("*.py"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:12]


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
    compiled = cast("Kernel", function).compiled
    name = f"{function.__module__.rpartition('.')[2]}.{compiled.py_func.__qualname__}"
    folder = _folder(function)
    return bool(compiled.signatures or (folder and any(folder.glob(f"{name}-*.nbi"))))


def _folder(function: Callable[..., Any]) -> Path | None:
    """Where a kernel is kept, None if nowhere."""
    path = cast("Kernel", function).compiled.stats.cache_path
    return Path(path) if path else None
