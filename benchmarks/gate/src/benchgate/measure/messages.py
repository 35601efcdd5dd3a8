"""What the driver of a pair and its measured processes say to each other, one JSON line a message."""

from dataclasses import dataclass, field
from json import JSONDecoder, JSONEncoder
from typing import Literal

End = Literal["passed", "failed", "skipped"]

#: Kept before a tested project may put others in their place.
_JSON = (JSONEncoder().encode, JSONDecoder().decode)


# --- from a measured process


@dataclass(frozen=True)
class Collecting:
    """A file or folder is being collected now; none if `node` is empty."""

    node: str


@dataclass(frozen=True)
class Collected:
    """The benchmarks there are with their files, and tolerances that cases have of their own.

    `errors` say by node, such as a file, why it could not be collected.
    `loaded` are modules of the project, or from watched folders, with their files, which collecting has loaded, and
    `shared` files that it has read though the other arm finds the same.
    """

    cases: list[str]
    files: list[str] = field(default_factory=list)
    errors: dict[str, str] = field(default_factory=dict)
    tolerances: dict[str, float] = field(default_factory=dict)
    loaded: dict[str, str] = field(default_factory=dict)
    shared: list[str] = field(default_factory=list)

    def error_of(self, case: str) -> str:
        """Which node that could not be collected would have the case, and why not; nothing if there is none.

        >>> Collected([], errors={"a/b.py": "ImportError: c"}).error_of("a/b.py::test_x[1]")
        'a/b.py: ImportError: c'
        """
        nodes = (node for node in self.errors if case == node or case.startswith((f"{node}::", f"{node}/")))
        node = next(nodes, "." if "." in self.errors else None)
        return "" if node is None else f"{node}: {self.errors[node]}"


@dataclass(frozen=True)
class Ready:
    """A case waits to be called; `loopable` if several calls may be timed as one, `once` if it asks for one call."""

    case: str
    loopable: bool
    once: bool


@dataclass(frozen=True)
class Called:
    """One call was made: its times in seconds, or for a watched call the peak of its memory."""

    case: str
    wall_s: float
    cpu_s: float
    control_s: float
    peak_bytes: int


@dataclass(frozen=True)
class Traced:
    """One call was made under cProfile: seconds spent in each function itself, and the files that functions are of."""

    case: str
    own_s: dict[str, float]
    files: list[str]


@dataclass(frozen=True)
class Ended:
    """A case came to its end; `why` says what kept it from passing, `loaded` and `shared` are as in `Collected`.

    `deserted` if its target still waits to be called, in a thread that goes on without the case.
    """

    case: str
    end: End
    why: str
    loaded: dict[str, str] = field(default_factory=dict)
    shared: list[str] = field(default_factory=list)
    deserted: bool = False


@dataclass(frozen=True)
class Finished:
    """All cases came to their end."""


Answer = Collecting | Collected | Ready | Called | Traced | Ended | Finished


# --- from the driver


@dataclass(frozen=True)
class RunCases:
    """Run these cases, in this order."""

    cases: list[str]


@dataclass(frozen=True)
class Call:
    """Call the target `loops` times and time it, starting on `processor`; or once, watching its memory."""

    loops: int
    processor: int | None
    control_rounds: int
    watch_memory: bool


@dataclass(frozen=True)
class Trace:
    """Call the target once under cProfile."""


@dataclass(frozen=True)
class FinishCase:
    """Let the case go on behind the measured call, with `measured` false as one that is skipped."""

    measured: bool


Command = RunCases | Call | Trace | FinishCase

_TYPES: tuple[type[Answer] | type[Command], ...] = (
    Collecting, Collected, Ready, Called, Traced, Ended, Finished, RunCases, Call, Trace, FinishCase,
)  # fmt: skip
_KINDS = {kind.__name__: kind for kind in _TYPES}


def encode(message: Answer | Command) -> bytes:
    """The message as a line."""
    return _JSON[0]([type(message).__name__, vars(message)]).encode() + b"\n"


def decode(line: bytes) -> Answer | Command:
    """The message of a line; raises ValueError when it is none.

    >>> decode(encode(RunCases(["a"])))
    RunCases(cases=['a'])
    """
    try:
        kind, fields = _JSON[1](line.decode())
        return _KINDS[kind](**fields)
    except (ValueError, TypeError, KeyError):
        raise ValueError(f"{line[:80]!r} is no message") from None
