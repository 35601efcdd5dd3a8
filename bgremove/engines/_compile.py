"""Compiles kernels with Numba, once per machine where a folder for the results can be found."""

from __future__ import annotations

import sys
from collections.abc import Callable
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
    dispatcher: Any = function
    folder = dispatcher.stats.cache_path
    if dispatcher.signatures or (folder and any(Path(folder).glob(f"*{function.__name__}-*.nbi"))):
        return
    sys.stderr.write("bgremove: compiling its kernels, which takes some seconds once\n")
