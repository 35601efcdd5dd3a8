"""Workers of Dask: those of a scheduler that runs already, or of a cluster on this machine that ends with its use."""

from __future__ import annotations

import json
import logging
import os
import signal
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from multiprocessing.resource_tracker import ensure_running
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from bgremove.errors import ClusterError, UsageError
from bgremove.strategies._folders import owned_folder
from bgremove.strategies._launch import forget_workers, interrupts_held

if TYPE_CHECKING:
    from distributed import Client, LocalCluster

_CONFIGURATION = {
    # Else the last thousand messages are kept, tasks included.
    "distributed.admin.low-level-log-length": 0,
    # Of a cluster of ours: nobody looks at a profile, which takes some percent of each worker.
    "distributed.worker.profile.enabled": False,
    # Else workers give memory back after each image, and have the system clear it for the next one.
    "distributed.nanny.pre-spawn-environ": {},
    # A cluster of ours ends with its use, and no earlier, whatever is set for others.
    "distributed.scheduler.idle-timeout": None,
    "distributed.scheduler.no-workers-timeout": None,
    "distributed.worker.lifetime.duration": None,
}
_SET_BY_DASK = "PYTHONHASHSEED", "__DASK_PARENT_PID"
_CONNECT_S = 10
"""How long a scheduler may take to answer."""
WORKERLESS_S = 60.0
"""How long a run waits for a worker when there is none."""

_open: WeakSet[Any] = WeakSet()
"""Clients and clusters."""


def _count_as_closed() -> None:
    """In a fork: to close them takes threads that it does not have, and they are its parent's."""
    if not _open:
        return
    from distributed.core import Status  # noqa: PLC0415 - is loaded if there are any

    for each in _open:
        each.status = Status.closed if isinstance(each.status, Status) else "closed"
    forget_workers("Dask Worker")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_count_as_closed)


@contextmanager
def connected(scheduler: str | None, workers: int) -> Iterator[Client]:
    """A client of the scheduler, an address or a scheduler file, or of a new cluster of so many workers.

    Raises `ClusterError` if that cannot be had, `UsageError` if `scheduler` is neither.
    """
    try:
        import cryptography  # noqa: F401, PLC0415 - makes the keys of a local cluster
        import dask  # noqa: PLC0415
        from distributed.utils import silence_logging_cmgr  # noqa: PLC0415 - takes half a second
    except ImportError as error:
        raise UsageError(f"strategy 'dask' needs an extra: pip install 'bgremove[dask]' ({error})") from error

    with ExitStack() as stack:
        stack.enter_context(dask.config.set(_CONFIGURATION))
        # What becomes of workers is told by outcomes.
        stack.enter_context(silence_logging_cmgr(logging.CRITICAL + 1))
        if scheduler is None:
            yield stack.enter_context(_local(workers))
        else:
            yield stack.enter_context(_client(_address(scheduler)))


@contextmanager
def _client(address: str) -> Iterator[Client]:
    from distributed import Client  # noqa: PLC0415
    from distributed.versions import VersionMismatchWarning  # noqa: PLC0415

    # In two steps, so that one that fails half-way can be closed: the garbage collector would do it in any thread, also
    # in that of its own event loop, which then waits for itself.
    client = Client.__new__(Client)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", VersionMismatchWarning)  # what matters is an error, see `describe`
            client.__init__(address, timeout=_CONNECT_S, set_as_default=False)  # type: ignore[misc]
    except (OSError, ValueError, TypeError, RuntimeError) as error:
        client.close()
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ClusterError(f"{address}: no scheduler of Dask answers there ({reason})") from error
    _open.add(client)
    with client:
        try:
            client.wait_for_workers(1, timeout=WORKERLESS_S)
        except TimeoutError as error:
            reason = "the scheduler has no workers; start some with `dask worker`"
            raise ClusterError(f"{address}: {reason}") from error
        yield client


@contextmanager
def _local(workers: int) -> Iterator[Client]:
    """Processes of one thread each, on loopback, encrypted: else every user of the machine could run code as this one.

    The dashboard is off. Workers hold SIGINT back, so that Ctrl-C is this process's to answer.
    """
    from distributed import Client, LocalCluster  # noqa: PLC0415
    from distributed.security import Security  # noqa: PLC0415

    with ExitStack() as stack:
        stack.enter_context(_environment_kept())
        try:
            folder = stack.enter_context(owned_folder(Path(tempfile.gettempdir())))
            ensure_running()  # the first spawn would, and let SIGINT through
            with interrupts_held():
                cluster = LocalCluster(
                    n_workers=workers, threads_per_worker=1, processes=True, host="127.0.0.1",
                    security=Security.temporary(), scheduler_kwargs={"dashboard": False},
                    dashboard_address="127.0.0.1:0", memory_limit=0, local_directory=str(folder),
                    silence_logs=logging.CRITICAL,
                )  # fmt: skip
            _open.add(cluster)
            stack.enter_context(cluster)
            stack.callback(_end_workers, cluster)
            client = Client(cluster, timeout=_CONNECT_S, set_as_default=False)
            _open.add(client)
            stack.enter_context(client)
        except (OSError, RuntimeError) as error:
            raise ClusterError(f"no cluster of Dask can be started here: {error}") from error
        yield client


@contextmanager
def _environment_kept() -> Iterator[None]:
    """Put the variables back that a cluster sets in the process that starts it, for its workers, and leaves set."""
    before = {name: os.environ[name] for name in _SET_BY_DASK if name in os.environ}
    try:
        yield
    finally:
        for name in _SET_BY_DASK:
            os.environ.pop(name, None)
        os.environ.update(before)


def _end_workers(cluster: LocalCluster) -> None:
    """End all worker processes at once: Dask would wait some seconds for what they are doing."""
    for nanny in cluster.workers.values():
        nanny.auto_restart = False
        with suppress(ProcessLookupError):
            if nanny.pid is not None:
                os.kill(nanny.pid, signal.SIGKILL)


def _address(scheduler: str) -> str:
    """The address that a scheduler file holds, or that `scheduler` is."""
    file = Path(scheduler)
    if os.path.isfile(file):
        try:
            return str(json.loads(file.read_text())["address"])
        except (OSError, ValueError, LookupError, TypeError) as error:
            raise UsageError(f"{scheduler}: not a scheduler file of Dask ({type(error).__name__}: {error})") from error
    if "://" not in scheduler:
        raise UsageError(f"{scheduler}: neither a scheduler file nor an address, such as tcp://host:8786")
    return scheduler
