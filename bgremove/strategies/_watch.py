"""Tells from outside whether the workers of a pool are dead, or alive and stuck."""

from __future__ import annotations

from multiprocessing.process import BaseProcess
from time import perf_counter

from bgremove.strategies._board import Board
from bgremove.strategies._context import Context, exit_words

_ANNOUNCE_S = 1.0
"""How long a pool may take to report a death itself."""
_SILENCE_S = 5.0
"""How long, after a death, no worker may be busy while tasks wait, before the pool is known to be stuck."""


class Watch:
    """Looks at one pool's workers, a few times a second."""

    def __init__(self, context: Context, board: Board, workers: int, timeout_s: float | None) -> None:
        self._context = context
        self._board = board
        self._workers = workers
        self._timeout_s = timeout_s
        self._dead: dict[int, tuple[float, BaseProcess]] = {}
        self._looked_s = self._quiet_s = perf_counter()
        self._died_s = float("inf")
        self._deaths = 0

    def heard(self) -> None:
        """An outcome came back, so the pool works."""
        self._quiet_s = perf_counter()
        self._deaths = 0

    def look(self) -> None:
        """Note who died since the last look."""
        now_s = perf_counter()
        for process in self._context.ended():
            self._dead[process.pid or 0] = (now_s, process)
            self._died_s = self._looked_s
            self._deaths += 1
        self._looked_s = now_s

    def unannounced(self, line: int) -> BaseProcess | None:
        """The dead worker that took this line's task, once the pool had the time to report it and did not."""
        died_s, process = self._dead.get(self._board.read(line).worker, (float("inf"), None))
        return process if perf_counter() - died_s > _ANNOUNCE_S else None

    def stuck(self, lives: bool, lines: list[int]) -> bool:
        """Whether the tasks on `lines` will never be done by this pool.

        That is so if it broke; if its workers die as fast as they are started; or if one has died, another has taken
        its place, and yet none is busy.
        """
        now_s = perf_counter()
        if not lives or self._deaths > 2 * self._workers:
            return True
        replaced = self._board.ready_s > self._died_s
        if not replaced or any(self._busy(line, now_s) for line in lines):
            self._quiet_s = now_s
        return now_s - self._quiet_s > _SILENCE_S

    def last_words(self) -> str:
        """How the last worker ended."""
        if not self._dead:
            return "the pool broke"
        return exit_words(list(self._dead.values())[-1][1])

    def _busy(self, line: int, now_s: float) -> bool:
        worker, started_s, ended_s = self._board.read(line)
        overdue = self._timeout_s is not None and now_s - started_s > self._timeout_s + _SILENCE_S
        return worker != 0 and ended_s == 0 and worker not in self._dead and not overdue
