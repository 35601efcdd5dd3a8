"""Which command is run: the first argument names one, or else a comparison is asked for."""

import sys
from collections.abc import Callable, Sequence

from . import bisect, compare, doctor, merge
from .explain import look
from .history import command as history

_COMMANDS: dict[str, Callable[[Sequence[str]], int]] = {
    "bisect": bisect.run,
    "doctor": doctor.run,
    "history": history.run,
    "merge": merge.run,
    "profile": look.run,
}


def run(arguments: Sequence[str] | None = None) -> int:
    """Runs the command that the first argument names, or a comparison, and returns the exit status."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    command = _COMMANDS.get(words[0]) if words else None
    return command(words[1:]) if command else compare.run(words)
