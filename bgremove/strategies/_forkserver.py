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
import traceback
from contextlib import suppress
from multiprocessing import process, spawn
from multiprocessing.util import _args_from_interpreter_flags, _flush_std_streams  # type: ignore[attr-defined]
from typing import Any

from bgremove.strategies._launch import NAME, interrupts_held
from bgremove.strategies._worker import serve

_REQUEST = struct.Struct("q")
"""The number of a worker; with a socket it is to be started, without one it is to be ended."""
_REPLY = struct.Struct("qqq")
"""The number of a worker that has been ended, its process id, its exit code."""
_ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1"}
"""OpenBLAS, which comes along with NumPy and OpenCV, would start threads as it is loaded; no fork has them."""
_PROGRAM = "import sys; sys.path[:] = {path!r}; from bgremove.strategies import _forkserver; _forkserver.main({fd})"


class ForkServer:
    """The caller's side; does what `ProcessLauncher` does."""

    def __init__(self, worker_context: bytes) -> None:
        self._worker_context = worker_context
        self._first = self._last = 0
        """Numbers of the workers that the present server was asked for."""
        self._server: subprocess.Popen[bytes] | None = None
        self._control: socket.socket

    def start(self) -> tuple[int, socket.socket]:
        """See `ProcessLauncher.start`; starts the server, too, if there is none or it was killed."""
        if self._server is None or self._server.poll() is not None:
            self.stop()
            self._launch()
        self._last += 1
        ours, theirs = socket.socketpair()
        with theirs, suppress(OSError):  # if the server has just ended, so has the connection, and that is found
            socket.send_fds(self._control, [_REQUEST.pack(self._last)], [theirs.fileno()])
        return self._last, ours

    def end(self, number: int) -> tuple[int | None, int | None]:
        """See `ProcessLauncher.end`."""
        if number < self._first or self._server is None:
            return None, None
        with suppress(OSError):
            self._control.sendall(_REQUEST.pack(number))
            while reply := self._control.recv(_REPLY.size, socket.MSG_WAITALL):
                replied, pid, code = _REPLY.unpack(reply)
                if replied == number:  # else to a question whose asker was interrupted
                    return pid, code
        return None, self._server.wait()

    def stop(self) -> None:
        """See `ProcessLauncher.stop`."""
        server, self._server = self._server, None
        if server is not None:
            self._control.close()
            with interrupts_held():
                server.terminate()  # ends it at once while it loads; later it ends its workers, and then itself
                server.wait()

    def _launch(self) -> None:
        data = spawn.get_preparation_data(NAME)
        data["authkey"] = bytes(data["authkey"])
        start = pickle.dumps((data, self._worker_context))
        self._control, theirs = socket.socketpair()
        self._first = self._last + 1
        program = _PROGRAM.format(path=data["sys_path"], fd=theirs.fileno())
        line = [os.fsdecode(spawn.get_executable()), *_args_from_interpreter_flags(), "-c", program]
        with theirs, interrupts_held():
            self._server = subprocess.Popen(  # noqa: S603 - Python itself
                line, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()], env={**os.environ, **_ENVIRONMENT}
            )
        with suppress(OSError):
            self._control.sendall(_REQUEST.pack(len(start)) + start)


def main(fd: int) -> None:
    """The server: prepare, load, and then answer requests until the other end of the control connection is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    with socket.socket(fileno=fd) as control:
        (size,) = _REQUEST.unpack(control.recv(_REQUEST.size, socket.MSG_WAITALL))
        data, worker_context = pickle.loads(control.recv(size, socket.MSG_WAITALL))  # noqa: S301 - from the parent
        this: Any = process.current_process()
        this._inheriting = True  # as multiprocessing marks a process that imports the script it was started by
        spawn.prepare(data)
        del this._inheriting
        this._config["daemon"] = True
        with suppress(Exception):  # each worker finds the same when it is prepared, and tells
            getattr(pickle.loads(worker_context), "load", bool)()  # noqa: S301 - from the parent
        gc.collect()
        gc.freeze()  # the collector of a worker leaves these pages alone, so that they stay shared
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # from here on it ends by the end of the connection
        workers: dict[int, int] = {}
        while True:
            request, descriptors, _, _ = socket.recv_fds(control, _REQUEST.size, 1)
            if not request:
                break
            (number,) = _REQUEST.unpack(request)
            if descriptors:
                workers[number] = _fork(control, descriptors[0], worker_context)
            else:
                control.sendall(_REPLY.pack(number, *_end(workers.pop(number))))
        for pid in workers.values():
            _end(pid)


def _fork(control: socket.socket, descriptor: int, worker_context: bytes) -> int:
    pid = os.fork()
    if pid:
        os.close(descriptor)
        return pid
    code = 1
    try:
        control.close()
        serve(socket.socket(fileno=descriptor), worker_context)
        code = 0
    except Exception:  # noqa: BLE001 - nobody above would tell it
        traceback.print_exc()
    finally:
        _flush_std_streams()
        os._exit(code)


def _end(pid: int) -> tuple[int, int]:
    """End a worker, if it has not ended already; its process id and exit code."""
    os.kill(pid, signal.SIGKILL)
    return pid, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
