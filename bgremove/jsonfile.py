"""The JSON file that a command leaves at its end: whether it can is known at the beginning, before hours of work."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from bgremove.errors import OutputError, UsageError
from bgremove.outputs import write_bytes
from bgremove.paths import display_name


def check_json_file(path: Path, keep: Iterable[Path]) -> None:
    """Raise `OutputError` unless `path` can be written, `UsageError` if it is one of the files to `keep`.

    Folders that are missing on the way are made, as those of the outputs are.
    """
    if _is_among(path, keep):
        raise UsageError(f"{display_name(path)} is an input or an output of this run: write the figures elsewhere")
    try:
        if not _is_special(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=os.path.dirname(os.path.realpath(path))):
                pass
    except OSError as error:
        raise _unwritable(path, error) from error


def write_json_file(path: Path, content: dict[str, Any]) -> None:
    """Write `content` to `path`, whole or not at all, whatever was there before."""
    text = (json.dumps(content, indent=2) + "\n").encode("ascii")
    if not _is_special(path):
        write_bytes(os.path.realpath(path), text, overwrite=True)
        return
    try:
        path.write_bytes(text)
    except OSError as error:
        raise _unwritable(path, error) from error


def _is_special(path: Path) -> bool:
    """Whether it is a device or a pipe, such as ``/dev/stdout``, which must not be replaced by a file."""
    return os.path.exists(path) and not os.path.isfile(path)


def _is_among(path: Path, others: Iterable[Path]) -> bool:
    name = os.path.abspath(path)
    file = os.stat(path) if os.path.exists(path) else None
    for other in others:
        if os.path.abspath(other) == name:
            return True
        if file is not None:
            with suppress(OSError):
                if os.path.samestat(os.stat(other), file):
                    return True
    return False


def _unwritable(path: Path, error: OSError) -> OutputError:
    return OutputError(f"{display_name(path)}: it cannot be written ({error.strerror})")
