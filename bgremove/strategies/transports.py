"""Transports: how values that hold large arrays reach a worker, and how results come back.

For files there is nothing to carry: a task whose value is a path crosses in no time, and the worker reads the file.
"""

from __future__ import annotations

import atexit
import errno
import os
import pickle
import shutil
import sys
import tempfile
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, replace
from mmap import ACCESS_COPY, mmap
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from bgremove.errors import TaskError, UsageError
from bgremove.strategies._folders import may_be_made_in, owned_folder
from bgremove.strategies.base import Strategy
from bgremove.strategies.task import Outcome, Task

T = TypeVar("T")
R = TypeVar("R")

_MEMORY = Path("/dev/shm")  # noqa: S108 - memory that looks like a folder; ours inside is private
_ALIGNMENT = 64
"""Bytes. A cache line, more than any kernel asks of an array."""


class Transport(Protocol):
    """Runs a function over tasks by a strategy, and carries the values."""

    name: str

    def run(
        self, strategy: Strategy, function: Callable[[T], R], tasks: Iterable[Task[T]]
    ) -> Generator[Outcome[R], None, None]:
        """As `Strategy.run` does, with the same outcomes."""
        ...


class PickleTransport:
    """Values are copied through the pipes of the strategy: into the pipe, out of it, and the same back."""

    name = "pickle"

    def run(
        self, strategy: Strategy, function: Callable[[T], R], tasks: Iterable[Task[T]]
    ) -> Generator[Outcome[R], None, None]:
        """See `Transport.run`."""
        return strategy.run(function, tasks)


class SharedMemoryTransport:
    """Arrays lie in memory that both processes map; only a small description crosses the pipe.

    Each array is copied once, by its sender, and viewed by its receiver, who may write to its own view. Every
    contiguous array anywhere inside a value goes this way, by the out-of-band buffers of pickle protocol 5 (PEP 574).

    The memory is that of files in ``/dev/shm``, not `multiprocessing.shared_memory`, whose resource tracker before
    Python 3.13 unlinks and complains about segments that a worker has only looked at, and whose segments fault when the
    memory is full, where a file has an error. A value for which there is no room (containers have 64 MB) lies in the
    folder for temporary files; if that is full or cannot be written to either, it crosses the pipe.

    A file lives as long as its task is under way; this process, which names it, removes it whatever became of the
    worker. What a process that was killed could not remove, the next run of any does.
    """

    name = "shared_memory"

    def run(
        self, strategy: Strategy, function: Callable[[T], R], tasks: Iterable[Task[T]]
    ) -> Generator[Outcome[R], None, None]:
        """See `Transport.run`."""
        with ExitStack() as stack:

            def close() -> None:
                with suppress(ValueError):  # a thread that Python does not wait for may be in the middle of the run
                    stack.close()

            # Before Python begins to shut down, too: after that a run that was left open could not be ended.
            atexit.register(close)
            stack.callback(atexit.unregister, close)
            folders = [stack.enter_context(owned_folder(parent)) for parent in _parents()]
            call: _Call[T, R] = _Call(function, folders)
            for outcome in stack.enter_context(closing(strategy.run(call, _sent(tasks, folders)))):
                yield _received(outcome, folders)


_CLASSES: dict[str, type[PickleTransport] | type[SharedMemoryTransport]] = {
    transport.name: transport for transport in (PickleTransport, SharedMemoryTransport)
}

TRANSPORTS = tuple(_CLASSES)
"""Names that `make_transport` knows."""


def make_transport(name: str) -> Transport:
    """The transport called `name`."""
    if name not in _CLASSES:
        raise UsageError(f"there is no transport {name!r}; choose one of {', '.join(TRANSPORTS)}")
    if name == SharedMemoryTransport.name and sys.platform == "win32":
        raise UsageError("transport 'shared_memory' needs a POSIX system; choose 'pickle'")
    return _CLASSES[name]()


@dataclass(frozen=True, slots=True)
class _Packed:
    """A value without its arrays, and where they are."""

    stream: bytes
    file: Path | None
    """None if the arrays are in the stream, or there are none."""
    places: tuple[tuple[int, int], ...]
    """First byte and length of each array in the file."""


@dataclass(frozen=True, slots=True)
class _Argument:
    """What crosses for one task: its value, or why that is not to be had."""

    index: int
    content: _Packed | TaskError


@dataclass(frozen=True, slots=True)
class _Call(Generic[T, R]):
    """What runs in the worker."""

    function: Callable[[T], R]
    folders: Sequence[Path]

    def __call__(self, argument: _Argument) -> _Packed:
        if isinstance(argument.content, TaskError):
            raise argument.content
        return _pack(self.function(_unpack(argument.content)), _files(self.folders, argument.index, "result"))


def _sent(tasks: Iterable[Task[T]], folders: Sequence[Path]) -> Iterator[Task[_Argument]]:
    """The tasks, each packed only when the strategy takes it."""
    for task in tasks:
        content: _Packed | TaskError
        try:
            content = _pack(task.value, _files(folders, task.index, "argument"))
        except Exception as error:  # noqa: BLE001 - not picklable, whatever that raises: this task's outcome alone
            content = TaskError(f"the task cannot be packed: {type(error).__name__}: {error}")
        yield Task(task.index, _Argument(task.index, content), task.name, task.peak_bytes)


def _received(outcome: Outcome[_Packed], folders: Sequence[Path]) -> Outcome[Any]:
    try:
        if outcome.value is None:
            return replace(outcome, value=None)
        return replace(outcome, value=_unpack(outcome.value))
    except Exception as error:  # noqa: BLE001 - unpickling calls any code of the value
        return replace(outcome, value=None, error=TaskError(f"the result cannot be unpacked: {error}"))
    finally:
        for what in ("argument", "result"):
            for file in _files(folders, outcome.index, what):
                file.unlink(missing_ok=True)  # what is mapped stays mapped


def _files(folders: Sequence[Path], index: int, what: str) -> list[Path]:
    return [folder / f"{index}.{what}" for folder in folders]


def _pack(value: object, files: Iterable[Path]) -> _Packed:
    """Put the arrays into the first of `files` for which there is room."""
    buffers: list[pickle.PickleBuffer] = []
    stream = pickle.dumps(value, protocol=5, buffer_callback=buffers.append)
    arrays = [buffer.raw() for buffer in buffers]
    if any(array.nbytes for array in arrays):
        for file in files:
            with suppress(OSError):
                return _Packed(stream, file, _write(file, arrays))
    return _Packed(pickle.dumps(value, protocol=5), None, ())


def _write(file: Path, arrays: Sequence[memoryview]) -> tuple[tuple[int, int], ...]:
    """Write arrays, and say where each is. Raises OSError, and leaves no file, if there is no room."""
    size = sum(array.nbytes + _ALIGNMENT for array in arrays)
    if shutil.disk_usage(file.parent).free < 2 * size:  # half of what is left is for others
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    places = []
    try:
        with file.open("wb") as out:
            for array in arrays:
                out.write(bytes(-out.tell() % _ALIGNMENT))
                places.append((out.tell(), array.nbytes))
                out.write(array)
    except OSError:
        file.unlink(missing_ok=True)
        raise
    return tuple(places)


def _unpack(packed: _Packed) -> Any:
    if packed.file is None:
        return pickle.loads(packed.stream)  # noqa: S301 - comes from our own process or worker
    with packed.file.open("rb") as file:
        view = memoryview(mmap(file.fileno(), 0, access=ACCESS_COPY))
    buffers = [view[first : first + length] for first, length in packed.places]
    return pickle.loads(packed.stream, buffers=buffers)  # noqa: S301 - comes from our own process or worker


def _parents() -> Iterator[Path]:
    """Where folders for arrays can be made: in memory, and on the disk."""
    with suppress(OSError):  # there may be no folder for temporary files
        yield from filter(may_be_made_in, dict.fromkeys((_MEMORY, Path(tempfile.gettempdir()))))
