"""What the processes of an arm listen on: a server that both arms reach is one revision measured twice."""

import os
import socket
from contextlib import suppress

import psutil

from . import strays
from .driver import Arm


def may_share(base: Arm, head: Arm) -> bool:
    """Whether both arms, which wait in the same case, may use one server of theirs.

    They do where both listen in one place, as with SO_REUSEPORT, and perhaps where one listens less: its own server
    has ended, or was never started, for the other's was found where it was looked for.
    """
    of_base, of_head = _listening(base), _listening(head)
    return len(of_base) != len(of_head) or not of_base.isdisjoint(of_head)


def _listening(arm: Arm) -> set[str]:
    """Ports, whatever the address, and paths of sockets."""
    found: set[str] = set()
    for process in strays.members(arm.pid, arm.mark):
        with suppress(psutil.Error, OSError):  # it has ended
            for connection in process.net_connections("all"):
                if connection.family == getattr(socket, "AF_UNIX", None):
                    name = str(connection.laddr)
                    found |= {name if name.startswith("@") else os.path.join(process.cwd(), name)} if name else set()
                elif connection.status == psutil.CONN_LISTEN:
                    found.add(str(connection.laddr.port))
    return found
