"""Transports: how values that hold large arrays reach a worker, and how results come back.

For files there is nothing to carry: a task whose value is a path crosses in no time, and the worker reads the file.
"""

from __future__ import annotations

import os
import pickle
import shutil
import sys
import tempfile
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from mmap import ACCESS_COPY, mmap
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from bgremove.errors import TaskError, UsageError
from bgremove.strategies.base import Outcome, Strategy, Task

T = TypeVar("T")
R = TypeVar("R")

_MEMORY = Path("/dev/shm")  # noqa: S108 - memory that looks like a folder; ours inside is private
_NEW, _OWNED = "bgremove-new-", "bgremove-run-"
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

    The memory is that of files in ``/dev/shm`` (where there is none, in the folder for temporary files), not
    `multiprocessing.shared_memory`, whose resource tracker before Python 3.13 unlinks and complains about segments
    that a worker has only looked at, and whose segments fault when the memory is full, where a file has an error.
    A file lives as long as its task is in flight; this process, which names it, removes it whatever became of the
    worker. What a process that was killed could not remove, the next run of any does.
    """

    name = "shared_memory"

    def run(
        self, strategy: Strategy, function: Callable[[T], R], tasks: Iterable[Task[T]]
    ) -> Generator[Outcome[R], None, None]:
        """See `Transport.run`."""
        with _folder() as folder:
            call: _Call[T, R] = _Call(function, folder)
            with closing(strategy.run(call, _sent(tasks, folder))) as outcomes:
                for outcome in outcomes:
                    yield _received(outcome, folder)


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
class _Parcel:
    """A value without its arrays, and where they are."""

    stream: bytes
    file: Path
    places: tuple[tuple[int, int], ...]
    """First byte and length of each array in the file; there is no file without one."""


@dataclass(frozen=True, slots=True)
class _Letter:
    """What crosses for one task: a parcel, or why there is none."""

    index: int
    content: _Parcel | TaskError


@dataclass(frozen=True, slots=True)
class _Call(Generic[T, R]):
    """What runs in the worker."""

    function: Callable[[T], R]
    folder: Path

    def __call__(self, letter: _Letter) -> _Parcel:
        if isinstance(letter.content, TaskError):
            raise letter.content
        return _pack(self.function(_unpack(letter.content)), _result(self.folder, letter.index))


def _sent(tasks: Iterable[Task[T]], folder: Path) -> Iterator[Task[_Letter]]:
    """The tasks, each packed only when the strategy takes it."""
    for task in tasks:
        content: _Parcel | TaskError
        try:
            content = _pack(task.value, _argument(folder, task.index))
        except Exception as error:  # noqa: BLE001 - no memory left, or not picklable: this task's outcome alone
            content = TaskError(f"the task cannot be packed: {type(error).__name__}: {error}")
        yield Task(task.index, _Letter(task.index, content), task.name)


def _received(outcome: Outcome[_Parcel], folder: Path) -> Outcome[Any]:
    try:
        if outcome.value is None:
            return replace(outcome, value=None)
        return replace(outcome, value=_unpack(outcome.value))
    except Exception as error:  # noqa: BLE001 - unpickling calls any code of the value
        return replace(outcome, value=None, error=TaskError(f"the result cannot be unpacked: {error}"))
    finally:
        for file in (_argument(folder, outcome.index), _result(folder, outcome.index)):
            file.unlink(missing_ok=True)  # what is mapped stays mapped


def _argument(folder: Path, index: int) -> Path:
    return folder / f"{index}.argument"


def _result(folder: Path, index: int) -> Path:
    return folder / f"{index}.result"


def _pack(value: object, file: Path) -> _Parcel:
    buffers: list[pickle.PickleBuffer] = []
    stream = pickle.dumps(value, protocol=5, buffer_callback=buffers.append)
    places = []
    if any(buffer.raw().nbytes for buffer in buffers):
        with file.open("wb") as out:
            for buffer in buffers:
                out.write(bytes(-out.tell() % _ALIGNMENT))
                places.append((out.tell(), buffer.raw().nbytes))
                out.write(buffer.raw())
    else:
        stream = pickle.dumps(value, protocol=5)
    return _Parcel(stream, file, tuple(places))


def _unpack(parcel: _Parcel) -> Any:
    if not parcel.places:
        return pickle.loads(parcel.stream)  # noqa: S301 - comes from our own process or worker
    with parcel.file.open("rb") as file:
        view = memoryview(mmap(file.fileno(), 0, access=ACCESS_COPY))
    buffers = [view[first : first + length] for first, length in parcel.places]
    return pickle.loads(parcel.stream, buffers=buffers)  # noqa: S301 - comes from our own process or worker


@contextmanager
def _folder() -> Iterator[Path]:
    """A private folder in memory, removed at the end; one that a killed process left behind is removed now.

    The owner holds a lock on its folder, which the system lets go of when the process and its workers are gone. A
    folder gets the name that others look for only when it is locked.
    """
    import fcntl  # noqa: PLC0415 - there is none on Windows, where this is not called

    memory = _MEMORY if _MEMORY.is_dir() and os.access(_MEMORY, os.W_OK) else Path(tempfile.gettempdir())
    for left in memory.glob(f"{_OWNED}*"):
        with suppress(OSError), _opened(left) as descriptor:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(left)
    new = Path(tempfile.mkdtemp(prefix=_NEW, dir=memory))
    folder = new.with_name(new.name.replace(_NEW, _OWNED))
    with _opened(new) as descriptor:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        new.rename(folder)
        try:
            yield folder
        finally:
            shutil.rmtree(folder)


@contextmanager
def _opened(folder: Path) -> Iterator[int]:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
