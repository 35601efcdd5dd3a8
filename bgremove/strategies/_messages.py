"""Messages over a pair of connected sockets, one end with the caller, the other with a worker.

A small message lies in the socket, whose buffer holds all that may be under way; of a large one only the descriptor of
a file crosses. So no end waits for the other, and a message is there as a whole or not at all, whatever happens to the
process that sends it.
"""

from __future__ import annotations

import os
import socket
import struct
import tempfile
from io import RawIOBase
from mmap import ACCESS_READ, mmap

from bgremove.errors import TaskError

_LENGTH = struct.Struct("!H")
_SMALL = 2000
"""Bytes. Two tasks, or their answers, fit into the smallest buffer of a socket, which are the 8 KB of macOS."""


def send(connection: socket.socket, body: bytes) -> None:
    """Send one message. Raises `TaskError` if a large one finds no room, OSError if the other end is closed."""
    if len(body) <= _SMALL:
        connection.sendall(_LENGTH.pack(len(body)) + body)
        return
    try:
        with _file() as file:
            left = memoryview(body)
            while left:
                left = left[file.write(left) :]
            socket.send_fds(connection, [_LENGTH.pack(0)], [file.fileno()])
    except ConnectionError:
        raise
    except OSError as error:
        raise TaskError(f"there is no room for the {len(body)} bytes of a message: {error}") from None


def receive(connection: socket.socket) -> bytes | mmap | None:
    """The next message; None when the other end is closed."""
    try:
        length, descriptors, _, _ = socket.recv_fds(connection, _LENGTH.size, 1)
    except ConnectionResetError:  # closed before it had read all
        return None
    if not length:
        return None
    if not descriptors:
        return connection.recv(_LENGTH.unpack(length)[0], socket.MSG_WAITALL)
    with open(descriptors[0], "rb") as file:
        return mmap(file.fileno(), 0, access=ACCESS_READ)


def _file() -> RawIOBase:
    """One without a name, in memory where the system has such."""
    if hasattr(os, "memfd_create"):
        return open(os.memfd_create("bgremove"), "wb", buffering=0)
    return tempfile.TemporaryFile(buffering=0)
