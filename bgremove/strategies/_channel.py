"""Messages over a pair of connected sockets: one end with the caller, who must never block, one with the worker."""

from __future__ import annotations

import struct
from collections import deque
from socket import socket
from typing import BinaryIO

READY, STARTED, ANSWER = range(3)
"""What a worker says: it can take tasks; it has begun the next one; it is done with it."""

_HEADER = struct.Struct("!BQ")
_CHUNK = 1 << 18


def send(connection: socket, kind: int, body: bytes) -> None:
    """Send one message, and block until all of it is on its way."""
    for part in _parts(kind, body):
        connection.sendall(part)


def receive(stream: BinaryIO) -> bytes | None:
    """The body of the next message, once it is here; None when the other end is closed."""
    header = stream.read(_HEADER.size)
    length = _HEADER.unpack(header)[1] if len(header) == _HEADER.size else -1
    body = stream.read(length) if length >= 0 else b""
    return body if len(body) == length else None


class Channel:
    """The caller's end. Both ends may write large messages at a time: neither waits for the other to read."""

    def __init__(self, connection: socket) -> None:
        connection.setblocking(False)
        self.connection = connection
        self.ended = False
        """Whether the worker's end is closed, and all that it sent has been taken."""
        self.drained = False
        """Whether the last `receive` found nothing."""
        self.unsent: deque[memoryview] = deque()
        """What is left for `flush`, once the socket can be written to."""
        self.partial = bytearray()
        """The part of a message that is here."""

    def send(self, body: bytes) -> None:
        """Send one message, or as much of it as there is room for."""
        self.unsent.extend(map(memoryview, _parts(0, body)))
        self.flush()

    def flush(self) -> None:
        """Go on with what is left to send."""
        try:
            while self.unsent:
                sent = self.connection.send(self.unsent[0])
                self.unsent[0] = self.unsent[0][sent:]
                if not self.unsent[0]:
                    self.unsent.popleft()
        except BlockingIOError:
            pass
        except OSError:
            self.unsent.clear()  # nobody reads any more; `receive` will see the end

    def receive(self) -> list[tuple[int, memoryview]]:
        """The messages that are complete now, each with its kind; reads once."""
        try:
            chunk = self.connection.recv(_CHUNK)
        except BlockingIOError:
            self.drained = True
            return []
        except OSError:
            chunk = b""
        self.ended = not chunk
        self.partial += chunk
        data, start, found = self.partial, 0, []
        while len(data) - start >= _HEADER.size:
            kind, length = _HEADER.unpack_from(data, start)
            end = start + _HEADER.size + length
            if len(data) < end:
                break
            found.append((kind, memoryview(data)[start + _HEADER.size : end]))
            start = end
        if start:
            self.partial = data[start:]
        return found


def _parts(kind: int, body: bytes) -> list[bytes]:
    header = _HEADER.pack(kind, len(body))
    return [header + body] if len(body) < _CHUNK else [header, body]
