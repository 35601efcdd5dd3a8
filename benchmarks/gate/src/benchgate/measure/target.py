"""What a case gives to its `benchmark` fixture, called as the driver of the pair says."""

import cProfile
import inspect
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import CodeType
from typing import Any

import pytest

from . import process_tree
from .channel import ArmEnd
from .control import move_to, spin
from .messages import Call, Called, FinishCase, Ready, RunCases, Trace, Traced
from .present import PresentCase
from .system import SYSTEM

#: Calls something below a frame of some size; see `padding`.
Padding = Callable[[Callable[[], Any]], Any]


def padding(slots: int) -> Padding:
    """A function that calls its argument below a frame with so many unused local variables.

    CPython keeps frames in chunks of 16 KB. Up to 3.12 a hot call that crosses the end of a chunk costs a system call
    every time (CPython issue 142183), and at one stack depth a case is hit or missed for good. Another number for each
    pair makes of that a rare and random difference between pairs, the same in both arms.
    """
    names = " = ".join(f"unused_{number}" for number in range(slots))
    body = f"    if call is None:\n        {names} = None\n" if names else ""
    space: dict[str, Any] = {}
    exec(f"def padded(call):\n{body}    return call()\n", space)  # noqa: S102 (our own text)
    padded: Padding = space["padded"]
    return padded


def pad_threads(padded: Padding) -> None:
    """Has threads of this process, each of which has chunks of its own, begin below a frame of that size too.

    For good: the whole process exists for this measurement. A class of threads with a `run` of its own is not reached.
    """
    run = threading.Thread.run

    def run_padded(thread: threading.Thread) -> None:
        padded(partial(run, thread))

    threading.Thread.run = run_padded  # type: ignore[method-assign]


@dataclass(frozen=True)
class Target:
    """One case's function; it stands in for the single round that the suite's plugin believes it runs.

    Everything else about the fixture (that it is used once, its errors) stays the plugin's own. `seen` are the seconds
    of one run of the function in each timed call, of which the plugin's figures are made.
    """

    channel: ArmEnd
    present: PresentCase
    padded: Padding
    case: str
    function: Callable[..., Any]
    args: Sequence[Any]
    kwargs: dict[str, Any]
    setup: Callable[[], Any] | None = None
    teardown: Callable[..., Any] | None = None
    once: bool = False
    seen: list[float] = field(default_factory=list)

    def obey(self) -> Any:
        """Calls as the driver says until it says finish; returns what the last call of the function returned."""
        loopable = self.setup is None and self.teardown is None and not self.once
        with self.present.waiting(Ready(self.case, loopable=loopable, once=self.once)):
            return self._obey()

    def _obey(self) -> Any:
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

        def measured() -> Any:
            with _watched(figures, memory=command.watch_memory):
                return self._loop(command.loops, args, kwargs)

        result = self.padded(measured)
        if self.teardown is not None:
            self.teardown(*args, **kwargs)
        _check_that_it_ran(result)
        if not command.watch_memory:
            self.seen.append(figures["wall_s"] / command.loops)
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
        files = {entry.code.co_filename for entry in profiler.getstats() if isinstance(entry.code, CodeType)}
        self.channel.send(Traced(self.case, dict(own_s), sorted(files)))
        return result

    def _arguments(self) -> tuple[Sequence[Any], dict[str, Any]]:
        made = self.setup() if self.setup is not None else None
        return made or (self.args, self.kwargs)

    def _loop(self, loops: int, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        function = self.function
        for _ in range(loops - 1):
            function(*args, **kwargs)
        return function(*args, **kwargs)


def _check_that_it_ran(result: object) -> None:
    """Raises TypeError where a call has only made something that would do the work if it were run."""
    waiting = (
        (inspect.iscoroutine(result) and inspect.getcoroutinestate(result) == inspect.CORO_CREATED)
        or (inspect.isgenerator(result) and inspect.getgeneratorstate(result) == inspect.GEN_CREATED)
        or inspect.isasyncgen(result)
    )
    if waiting:
        kind = type(result).__name__.replace("_", " ")
        if inspect.iscoroutine(result):
            result.close()  # it would be warned of
        raise TypeError(f"the target returned a {kind} that nobody has run: give the fixture a function that runs it")


@contextmanager
def _watched(figures: dict[str, Any], *, memory: bool) -> Iterator[None]:
    """Wall and CPU seconds of the block, or, in an untimed call, the peak memory of the process tree."""
    clock = SYSTEM.perf_counter
    if memory:
        started = clock()
        with process_tree.peak_memory() as peak:
            yield
        figures.update(wall_s=clock() - started, cpu_s=0.0, peak_bytes=peak.bytes)
        return
    cpu_before = process_tree.cpu_s(process_tree.descendants())
    started = clock()
    yield
    wall_s = clock() - started
    cpu_after = process_tree.cpu_s(process_tree.descendants())
    figures.update(wall_s=wall_s, cpu_s=cpu_after - cpu_before, peak_bytes=0)


def _timed(work: Callable[[], object]) -> float:
    started = SYSTEM.perf_counter()
    work()
    return SYSTEM.perf_counter() - started


def _label(code: CodeType | str) -> str:
    return code if isinstance(code, str) else f"{code.co_qualname} ({Path(code.co_filename).name})"
