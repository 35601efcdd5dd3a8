"""What runs inside a worker of Dask. Others may use it too: it is as it was when the strategy has been left."""

from __future__ import annotations

import asyncio
import math
import pickle
import platform
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from threading import Lock
from time import perf_counter
from typing import TYPE_CHECKING

from bgremove import __version__
from bgremove.errors import BgremoveError
from bgremove.machine import versions as installed
from bgremove.strategies._worker import as_task_error, work

if TYPE_CHECKING:
    from distributed import Worker

_LOOK_S = 0.02
"""How often to look whether what runs has come to its end."""
_SHOULD_AGREE = {
    "numpy": "NumPy",
    "numba": "Numba",
    "opencv-python-headless": "OpenCV",
    "opencv-python": "OpenCV",
    "opencv-contrib-python-headless": "OpenCV",
    "opencv-contrib-python": "OpenCV",
    "pillow": "Pillow",
    "isal": "isal",
    "onnxruntime": "onnxruntime",
    "pymatting": "PyMatting",
    "pi-heif": "pi-heif",
}
"""Packages of which another version may give other bytes. Those of OpenCV replace each other's files."""
_USABLE = 0.8
"""Share of its memory limit beyond which Dask lets a worker begin nothing; beyond 0.95 it is ended."""
_OWN_BYTES = 300_000_000
"""What a worker takes before its first task."""
_EXTRAS = {"onnxruntime", "PyMatting", "pi-heif"}


@dataclass(slots=True)
class _Session:
    """One entered strategy, as this process knows it."""

    stack: ExitStack = field(default_factory=ExitStack)
    """Leaves the worker context."""
    failure: BgremoveError | None = None
    """Why no task can be done."""
    prepared: bool = False
    running: int = 0
    """Groups that run now: as many as Dask's worker has threads."""
    first_run: int = 0
    """Runs of lower numbers were abandoned."""


_sessions: dict[str, _Session] = {}
_lock = Lock()


@dataclass(frozen=True, slots=True)
class Group:
    """Tasks that are done one after the other, as one task of Dask."""

    session: str
    worker_context: bytes
    run: int
    payloads: Sequence[bytes]
    """As `bgremove.strategies._worker.pack` has packed them."""

    def __call__(self) -> tuple[list[bytes], float]:
        """An answer for each payload, and what the clock of this machine says now.

        Fewer if the run is abandoned meanwhile.
        """
        answers: list[bytes] = []
        with _lock:
            session = _prepared(self.session, self.worker_context)
            session.running += 1
        try:
            for payload in self.payloads:
                if self.run < session.first_run:
                    break
                answers.append(work(payload, session.failure))
        finally:
            with _lock:
                session.running -= 1
        return answers, perf_counter()


def versions() -> dict[str, str]:
    """What must be the same for the same bytes, by names that people know."""
    python = ".".join(platform.python_version_tuple()[:2])
    found: dict[str, set[str]] = {}
    for name, version in installed().items():
        if name in _SHOULD_AGREE:
            found.setdefault(_SHOULD_AGREE[name], set()).add(version)
    packages = {name: " and ".join(sorted(each)) for name, each in found.items()}
    return {"Python": python, "bgremove": __version__, **packages}


def differing(own: Mapping[str, str], other: Mapping[str, str]) -> list[str]:
    """Names under which two of `versions` differ. Who lacks an extra cannot do what takes it, and is no difference."""
    names = (own.keys() | other.keys()) - (_EXTRAS - (own.keys() & other.keys()))
    return sorted(name for name in names if own.get(name) != other.get(name))


@dataclass(frozen=True, slots=True)
class Description:
    """What a worker says of itself."""

    threads: int
    """Tasks that it runs at a time."""
    budget_bytes: float
    """Memory that they may take together."""
    versions: Mapping[str, str]


def describe(dask_worker: Worker) -> Description:
    """What a worker says of itself. Dask gives the worker."""
    limit = dask_worker.memory_manager.memory_limit
    budget_bytes = _USABLE * limit - _OWN_BYTES if limit else math.inf
    return Description(dask_worker.state.nthreads, budget_bytes, versions())


async def prepare(session: str, worker_context: bytes, function: bytes) -> BgremoveError | None:
    """Enter the worker context, import what the function needs; why that cannot be, if so."""

    def enter() -> BgremoveError | None:
        with _lock:
            failure = _prepared(session, worker_context).failure
        if failure is None:
            try:
                pickle.loads(function)  # noqa: S301 - from the client that Dask has let in
            except Exception as error:  # noqa: BLE001 - unpickling imports any module
                return as_task_error(error, "the task cannot be unpickled in the worker")
        return failure

    return await asyncio.to_thread(enter)


async def stop(session: str, run: int) -> None:
    """Let no group of this run, or of one before it, do another task; ends when none is under way."""
    if known := _sessions.get(session):
        known.first_run = run + 1
        while known.running:
            await asyncio.sleep(_LOOK_S)


async def leave(session: str) -> None:
    """Leave the worker context."""
    if known := _sessions.pop(session, None):
        await asyncio.to_thread(known.stack.close)


def _prepared(name: str, worker_context: bytes) -> _Session:
    session = _sessions.setdefault(name, _Session())
    if not session.prepared:
        try:
            session.stack.enter_context(pickle.loads(worker_context)())  # noqa: S301 - from the client
        except Exception as error:  # noqa: BLE001 - told as the outcome of each task
            session.failure = as_task_error(error, "the worker cannot be prepared")
        session.prepared = True
    return session
