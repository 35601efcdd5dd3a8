"""What a case gives to its `benchmark` fixture, called as the driver of the pair says."""

import cProfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import CodeType
from typing import Any

import pytest

from . import process_tree
from .channel import ArmEnd
from .control import move_to, spin
from .messages import Call, Called, FinishCase, Ready, RunCases, Trace, Traced


@dataclass(frozen=True)
class Target:
    """One case's function; it stands in for the single round that the suite's plugin believes it runs.

    Everything else about the fixture (that it is used once, its errors, its figures being there afterwards) stays the
    plugin's own.
    """

    channel: ArmEnd
    case: str
    function: Callable[..., Any]
    args: Sequence[Any]
    kwargs: dict[str, Any]
    setup: Callable[[], Any] | None = None
    teardown: Callable[..., Any] | None = None

    def obey(self) -> Any:
        """Calls as the driver says until it says finish; returns what the last call of the function returned."""
        self.channel.send(Ready(self.case, loopable=self.setup is None and self.teardown is None))
        result = None
        while not isinstance(command := self.channel.receive(), FinishCase):
            match command:
                case Call():
                    result = self._call(command)
                case Trace():
                    result = self._trace()
                case RunCases():
                    raise RuntimeError("the driver asked for other cases while one was waiting")
        if not command.measured:
            pytest.skip("the other arm did not run this case")
        return result

    def _call(self, command: Call) -> Any:
        args, kwargs = self._arguments()
        if command.processor is not None:
            move_to(command.processor)
        control_s = _timed(lambda: spin(command.control_rounds))
        figures: dict[str, Any] = {}
        with _watched(figures, memory=command.watch_memory):
            result = self._loop(command.loops, args, kwargs)
        if self.teardown is not None:
            self.teardown(*args, **kwargs)
        self.channel.send(Called(self.case, control_s=control_s, **figures))
        return result

    def _trace(self) -> Any:
        args, kwargs = self._arguments()
        profiler = cProfile.Profile()
        result = profiler.runcall(self.function, *args, **kwargs)
        if self.teardown is not None:
            self.teardown(*args, **kwargs)
        own_s: dict[str, float] = defaultdict(float)
        for entry in profiler.getstats():
            own_s[_label(entry.code)] += entry.inlinetime
        self.channel.send(Traced(self.case, dict(own_s)))
        return result

    def _arguments(self) -> tuple[Sequence[Any], dict[str, Any]]:
        made = self.setup() if self.setup is not None else None
        return made or (self.args, self.kwargs)

    def _loop(self, loops: int, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        function = self.function
        for _ in range(loops - 1):
            function(*args, **kwargs)
        return function(*args, **kwargs)


@contextmanager
def _watched(figures: dict[str, Any], *, memory: bool) -> Iterator[None]:
    """Wall and CPU seconds of the block, or, in an untimed call, the peak memory of the process tree."""
    if memory:
        started = time.perf_counter()
        with process_tree.peak_memory() as peak:
            yield
        figures.update(wall_s=time.perf_counter() - started, cpu_s=0.0, peak_bytes=peak.bytes)
        return
    cpu_before = process_tree.cpu_s(process_tree.descendants())
    started = time.perf_counter()
    yield
    wall_s = time.perf_counter() - started
    cpu_after = process_tree.cpu_s(process_tree.descendants())
    figures.update(wall_s=wall_s, cpu_s=cpu_after - cpu_before, peak_bytes=0)


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _label(code: CodeType | str) -> str:
    return code if isinstance(code, str) else f"{code.co_qualname} ({Path(code.co_filename).name})"
