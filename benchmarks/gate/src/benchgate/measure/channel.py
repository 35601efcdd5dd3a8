"""Messages over a pair of pipes between the driver of a pair and a measured process."""

import os
import select
import subprocess
import time

from ..errors import ArmError
from .messages import Answer, Command, decode, encode
from .system import SYSTEM

#: How often a silent process is asked whether it still lives, in seconds. A forked child that outlives its parent
#: holds the pipe open, so the end of the pipe alone does not show that the parent died.
LIVENESS_S = 0.2


class ArmEnd:
    """The end held by the measured process: blocking, one message at a time."""

    def __init__(self, read_fd: int, write_fd: int) -> None:
        os.set_inheritable(read_fd, False)
        os.set_inheritable(write_fd, False)
        self._incoming = os.fdopen(read_fd, "rb")
        self._outgoing = os.fdopen(write_fd, "wb")
        self._pid = SYSTEM.getpid()

    def send(self, message: Answer) -> None:
        """Writes one message and flushes it; a forked child that a case has let go on as its parent ends here."""
        if SYSTEM.getpid() != self._pid:
            SYSTEM.exit(0)
        self._outgoing.write(encode(message))
        self._outgoing.flush()

    def receive(self) -> Command:
        """The next command; raises EOFError when the driver is gone."""
        line = self._incoming.readline()
        if not line:
            raise EOFError("the driver of the pair is gone")
        command: Command = decode(line)  # type: ignore[assignment]  # only the driver writes to this pipe
        return command


class DriverEnd:
    """The end held by the driver: every wait has a limit, and a dead process is noticed."""

    def __init__(self, arm: str, process: subprocess.Popen[bytes], read_fd: int, write_fd: int) -> None:
        self._arm, self._process, self._read_fd, self._write_fd = arm, process, read_fd, write_fd
        self._buffer = b""

    @property
    def status(self) -> int | None:
        """What the process ended with; None while it lives."""
        return self._process.poll()

    def send(self, command: Command) -> None:
        """Writes one command; raises ArmError when the process is gone."""
        try:
            os.write(self._write_fd, encode(command))
        except BrokenPipeError:
            raise ArmError(self._arm, self._how_it_ended()) from None

    def receive(self, timeout_s: float) -> Answer | Command:
        """The next message; raises ArmError when the process died or stayed silent for `timeout_s` seconds."""
        deadline = time.monotonic() + timeout_s
        while b"\n" not in self._buffer:
            dead = self._process.poll() is not None
            ready, _, _ = select.select([self._read_fd], [], [], 0 if dead else LIVENESS_S)
            chunk = os.read(self._read_fd, 1 << 16) if ready else b""
            self._buffer += chunk
            if not chunk and (dead or ready):
                raise ArmError(self._arm, self._how_it_ended())
            if not chunk and time.monotonic() > deadline:
                raise ArmError(
                    self._arm, f"gave no answer for {timeout_s:g} s: raise --timeout-s if it only takes long"
                )
        line, self._buffer = self._buffer.split(b"\n", 1)
        try:
            return decode(line)
        except ValueError as error:
            raise ArmError(self._arm, f"wrote into the gate's pipe: {error}") from None

    def close(self) -> None:
        """Closes both pipes, which tells the process to end."""
        os.close(self._read_fd)
        os.close(self._write_fd)

    def _how_it_ended(self) -> str:
        try:
            status = self._process.wait(timeout=1)
        except subprocess.TimeoutExpired:
            return "closed its pipe without ending"
        return f"was killed by signal {-status}" if status < 0 else f"ended unasked with status {status}"
