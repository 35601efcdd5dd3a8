"""The ideal: one process a core, held to it, each with its share from the start, and nothing between them.

No strategy that does the same work in the same way can be faster on average. What the machine itself takes from two
processes that run at a time, memory bandwidth and clock rate, it takes from these as well.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any, Self


class Pinned:
    """`count` such processes, ready to work, as long as the `with` block lasts."""

    def __init__(self, count: int, context: Callable[[], AbstractContextManager[Any]]) -> None:
        self._count = count
        self._context = context

    def __enter__(self) -> Self:
        spawn = multiprocessing.get_context("spawn")
        self._processes, self._connections = [], []
        for number in range(self._count):
            ours, theirs = spawn.Pipe()
            process = spawn.Process(target=_serve, args=(theirs, number, self._context), daemon=True)
            process.start()
            theirs.close()
            self._processes.append(process)
            self._connections.append(ours)
        self._wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for connection, process in zip(self._connections, self._processes, strict=True):
            connection.close()
            process.join()

    def run(self, function: Callable[[Any], object], values: Sequence[Any]) -> None:
        """Call the function with each value, in shares as equal as can be. Raises the error of one that failed."""
        for number, connection in enumerate(self._connections):
            first, end = (len(values) * each // self._count for each in (number, number + 1))
            connection.send((function, values[first:end]))
        self._wait()

    def _wait(self) -> None:
        for answer in [connection.recv() for connection in self._connections]:
            if answer is not None:
                raise answer


def _serve(connection: Connection, number: int, context: Callable[[], AbstractContextManager[Any]]) -> None:
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[number % len(cores)]})
    with context():
        connection.send(None)
        while True:
            try:
                function, values = connection.recv()
            except EOFError:
                return
            connection.send(_failure(function, values))


def _failure(function: Callable[[Any], object], values: Sequence[Any]) -> Exception | None:
    try:
        for value in values:
            function(value)
    except Exception as error:  # noqa: BLE001 - raised where it was asked for
        return error
    return None
