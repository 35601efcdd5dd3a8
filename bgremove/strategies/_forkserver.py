"""A process that has loaded all that workers need, and forks them: the start method ``forkserver`` of `processes`.

Not the one of `multiprocessing`, which is one for the whole program, with a list of modules that is the caller's to
set, loads nothing but modules, and ignores `sys.path` before Python 3.12.
"""

from __future__ import annotations

import gc
import os
import pickle
import signal
import socket
import struct
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from itertools import count
from multiprocessing import process, spawn
from multiprocessing.util import _args_from_interpreter_flags  # type: ignore[attr-defined]
from typing import Any

from bgremove.strategies._launch import NAME, NOT_STARTED, End, Launcher, interrupts_held, missing_script
from bgremove.strategies._messages import receive, send

_NUMBER = struct.Struct("q")
"""A worker's: with a socket it is to be started, without one it is to be ended."""
_ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1"}
"""OpenBLAS, which comes along with NumPy and OpenCV, would start threads as it is loaded; no fork has them."""
_PROGRAM = "import sys; sys.path[:] = {path!r}; from bgremove.strategies import _forkserver; _forkserver.main({fd})"


class ForkServer:
    """The caller's side; does what `Launcher` does."""

    def __init__(self, worker_context: bytes) -> None:
        self._worker_context = worker_context
        self._numbers = count()
        self._server: subprocess.Popen[bytes] | None = None
        self._control: socket.socket

    def start(self, connection: socket.socket, ours: Sequence[socket.socket]) -> End:  # noqa: ARG002 - forks have none
        """See `Launcher.start`; starts the server, too, if there is none or it was killed."""
        if self._server is None or self._server.poll() is not None:
            self.stop()
            self._server = self._launched()
        number = next(self._numbers)
        with suppress(OSError):  # the server has just ended; so has the connection, and that will be found
            socket.send_fds(self._control, [_NUMBER.pack(number)], [connection.fileno()])
        return partial(_ended, number, self._control, self._server)

    def stop(self) -> None:
        """End the server, and with it all workers."""
        if self._server is not None:
            self._control.close()
            self._server.terminate()  # ends it at once while it loads; later it ends its workers, and then itself
            self._server.wait()

    def _launched(self) -> subprocess.Popen[bytes]:
        data = spawn.get_preparation_data(NAME)
        if missing_script(data):
            del data["init_main_from_path"]
        data["authkey"] = bytes(data["authkey"])
        self._control, theirs = socket.socketpair()
        program = _PROGRAM.format(path=data["sys_path"], fd=theirs.fileno())
        line = [os.fsdecode(spawn.get_executable()), *_args_from_interpreter_flags(), "-c", program]
        with theirs, interrupts_held():
            server = subprocess.Popen(  # noqa: S603 - Python itself
                line, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()], env={**os.environ, **_ENVIRONMENT}
            )
        with suppress(ConnectionError):
            send(self._control, pickle.dumps((data, self._worker_context)))
        return server


def _ended(number: int, control: socket.socket, server: subprocess.Popen[bytes]) -> tuple[int | None, int | None]:
    with suppress(OSError):
        control.sendall(_NUMBER.pack(number))
        while reply := receive(control):
            replied, *found = pickle.loads(reply)  # noqa: S301 - from our own server
            if replied == number:  # else to a question whose asker was interrupted
                return tuple(found)
    return None, server.wait()


def main(fd: int) -> None:
    """The server: prepare, load, and then answer requests until the other end of the control connection is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    with socket.socket(fileno=fd) as control:
        orders = receive(control)
        if orders is None:  # the parent has just ended
            return
        data, worker_context = pickle.loads(orders)  # noqa: S301 - from the parent
        this: Any = process.current_process()
        this._inheriting = True  # as multiprocessing marks a process that imports the script it was started by
        spawn.prepare(data)
        del this._inheriting
        with suppress(Exception):  # each worker finds the same when it is prepared, and tells
            getattr(pickle.loads(worker_context), "load", bool)()  # noqa: S301 - from the parent
        gc.collect()
        gc.freeze()  # the collector of a worker leaves these pages alone, so that they stay shared
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # from here on it ends by the end of the connection
        launcher = Launcher("fork", worker_context)
        ends: dict[int, End] = {}
        while True:
            request, descriptors, _, _ = socket.recv_fds(control, _NUMBER.size, 1)
            if not request:
                break
            (number,) = _NUMBER.unpack(request)
            if descriptors:
                with socket.socket(fileno=descriptors[0]) as connection:
                    try:
                        ends[number] = launcher.start(connection, [control])
                    except OSError:
                        ends[number] = lambda: NOT_STARTED
            else:
                send(control, pickle.dumps((number, *ends.pop(number)())))
        for end in ends.values():
            end()
        os._exit(0)  # nothing here is to be written, and taking the libraries down would take a while
