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

from bgremove.strategies._launch import NAME, exit_words, interrupts_held
from bgremove.strategies._worker import serve

_REQUEST = struct.Struct("q")
_REPLY = struct.Struct("qqq")
_ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1"}
"""OpenBLAS, which comes along with NumPy and OpenCV, would start threads as it is loaded; no fork has them."""
_PROGRAM = "import sys; sys.path[:] = {path!r}; from bgremove.strategies import _forkserver; _forkserver.main({fd})"


class ForkServer:
    """The caller's side, a `Launcher`. A request with a socket asks for a worker, one without for its end."""

    def __init__(self, worker_context: bytes) -> None:
        self._worker_context = worker_context
        self._started = 0
        self._owner = os.getpid()
        self._first = 0
        self._server: subprocess.Popen[bytes] | None = None
        self._control: socket.socket

    def start(self) -> tuple[int, socket.socket]:
        """See `Launcher.start`; also starts the server, if there is none or it was killed."""
        if self._server is None or self._server.poll() is not None:
            self.stop()
            self._launch()
        self._started += 1
        ours, theirs = socket.socketpair()
        with theirs, suppress(OSError):  # if the server has just ended, so has the connection, and that is found
            socket.send_fds(self._control, [_REQUEST.pack(self._started)], [theirs.fileno()])
        return self._started, ours

    def end(self, number: int) -> str:
        """See `Launcher.end`."""
        if self._owner != os.getpid() or number < self._first or self._server is None:
            return exit_words(None)
        with suppress(OSError):
            self._control.sendall(_REQUEST.pack(number))
            while reply := self._control.recv(_REPLY.size, socket.MSG_WAITALL):
                replied, pid, code = _REPLY.unpack(reply)
                if replied == number:  # else to a question whose asker was interrupted
                    return exit_words(code, pid)
        return exit_words(self._server.wait())

    def stop(self) -> None:
        """See `Launcher.stop`."""
        server, self._server = self._server, None
        if server is None or self._owner != os.getpid():
            return
        self._control.close()
        with interrupts_held():
            server.terminate()  # ends it at once while it loads; later it ends its workers, and then itself
            server.wait()

    def _launch(self) -> None:
        data = spawn.get_preparation_data(NAME)
        data["authkey"] = bytes(data["authkey"])
        self._control, theirs = socket.socketpair()
        program = _PROGRAM.format(path=data["sys_path"], fd=theirs.fileno())
        line = [os.fsdecode(spawn.get_executable()), *_args_from_interpreter_flags(), "-c", program]
        with theirs, interrupts_held():
            self._server = subprocess.Popen(  # noqa: S603 - Python itself
                line, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()], env={**os.environ, **_ENVIRONMENT}
            )
        self._first = self._started + 1
        start = pickle.dumps((data, self._worker_context))
        with suppress(OSError):
            self._control.sendall(_REQUEST.pack(len(start)) + start)


def main(fd: int) -> None:
    """The server: prepare, load, and then fork workers until the other end of the control connection is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    control = socket.socket(fileno=fd)
    (size,) = _REQUEST.unpack(control.recv(_REQUEST.size, socket.MSG_WAITALL))
    data, worker_context = pickle.loads(control.recv(size, socket.MSG_WAITALL))  # noqa: S301 - comes from the parent
    this: Any = process.current_process()
    this._inheriting = True  # as multiprocessing marks a process that imports the script it was started by
    spawn.prepare(data)
    del this._inheriting
    this._config["daemon"] = True
    with suppress(Exception):  # each worker finds the same when it is prepared, and tells
        getattr(pickle.loads(worker_context), "load", bool)()  # noqa: S301 - comes from the parent
    gc.collect()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # from here on it ends by the end of the connection
    gc.freeze()  # the collector of a worker leaves these pages alone, so that they stay shared
    with control:
        _Server(control, worker_context).run()


class _Server:
    def __init__(self, control: socket.socket, worker_context: bytes) -> None:
        self._control = control
        self._worker_context = worker_context
        self._workers: dict[int, int] = {}

    def run(self) -> None:
        """Answer requests until there are no more; then end all workers."""
        while True:
            request, descriptors, _, _ = socket.recv_fds(self._control, _REQUEST.size, 1)
            if not request:
                break
            (number,) = _REQUEST.unpack(request)
            if descriptors:
                self._fork(number, descriptors[0])
            else:
                self._control.sendall(_REPLY.pack(number, *self._end(number)))
        for number in list(self._workers):
            self._end(number)

    def _fork(self, number: int, descriptor: int) -> None:
        pid = os.fork()
        if pid:
            os.close(descriptor)
            self._workers[number] = pid
            return
        code = 1
        try:
            self._control.close()
            serve(socket.socket(fileno=descriptor), self._worker_context)
            code = 0
        except Exception:  # noqa: BLE001 - nobody above would tell it
            traceback.print_exc()
        finally:
            _flush_std_streams()
            os._exit(code)

    def _end(self, number: int) -> tuple[int, int]:
        """End a worker that is alive; the process id and the exit code."""
        pid = self._workers.pop(number)
        os.kill(pid, signal.SIGKILL)
        return pid, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
