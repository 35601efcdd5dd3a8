"""``benchgate doctor``: one revision against itself, to know what this machine will see, and what disturbs it."""

import argparse
import math
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from .comparison import Comparison, prepared
from .decide.estimate import spread
from .decide.forecast import Forecast
from .decide.metrics import control, log_ratios
from .decide.schedule import FEWEST_PAIRS, MOST_PAIRS, planned_block_s
from .errors import GateError
from .measure.control import Clock, load_average, processors
from .measure.records import Pair, Trouble
from .report.files import made
from .report.plain import plain
from .revisions.git import resolve, top
from .settings import Settings, add_selection, seconds, settings, share
from .stopping import STOPPED_STATUS, StoppedError, stoppable

#: Seconds for the pairs, and for looking at the machine while nothing of ours runs.
DEFAULT_S, IDLE_S = 120.0, 2.0
#: An interval that misses 1% on one side, as a multiple of the spread of a pair and 1/sqrt(pairs): 2.33 sqrt(pi/3).
_WIDTH = 2.38
_SYSTEM = Path("/sys/devices/system/cpu")


@dataclass(frozen=True)
class Machine:
    """What disturbs: shares of the processors' time that others took, and what the system says of its speed."""

    busy_share: float
    load: float
    stolen_share: float
    governor: str
    throttled: int
    control_spread: float


def run(arguments: Sequence[str]) -> int:
    """Measures for some time and prints what that says; returns the exit status."""
    given = _parser().parse_args(arguments)
    pairs: list[Pair] = []
    status = 0
    try:
        with stoppable(), ExitStack() as stack:
            repository = top(Path.cwd())
            asked = settings(given, Path.cwd(), repository)
            commit = resolve(repository, asked.head).commit
            directory = made(asked.output or Path(stack.enter_context(TemporaryDirectory(prefix="benchgate-doctor-"))))
            busy_share, load = _busy_share(), load_average()
            with prepared(repository, replace(asked, base=commit, head=commit), directory, _say) as comparison:
                clock, throttled = Clock.now(), _throttled()
                try:
                    pairs.extend(_pairs(comparison, given.seconds))
                except StoppedError as stopped:  # what was measured until then tells something too
                    _say(str(stopped))
                    status = STOPPED_STATUS
                troubles = [*of_troubles([*comparison.missing, *comparison.trial.troubles], pairs)]
            machine = Machine(
                busy_share,
                load,
                Clock.now().stolen_share_since(clock),
                _governor(),
                _throttled() - throttled,
                spread([control(block)[0] for pair in pairs for block in pair.blocks] or [0.0]),
            )
    except (GateError, StoppedError, OSError) as error:
        _say(f"error: {error}")
        return STOPPED_STATUS if isinstance(error, StoppedError) else getattr(error, "exit_status", 3)
    for line in [*of_noise(pairs, asked), *troubles, *of_machine(machine)]:
        _say(line)
    return status


def _say(line: str) -> None:
    sys.stdout.write(f"{plain(line)}\n")
    sys.stdout.flush()


def _pairs(comparison: Comparison, for_s: float) -> Iterator[Pair]:
    """Pairs of as many cases as can be looked at several times."""
    expected = Forecast.of(comparison.trial.call_s, comparison.trial.start_s, for_s, comparison.trial.setup_s)
    cases = expected.affordable() or [*expected.case_s][:1]
    end = time.monotonic() + for_s
    while cases and time.monotonic() < end:
        yield comparison.driver.measure(dict.fromkeys(cases, planned_block_s(for_s, len(cases))))


def of_noise(pairs: Sequence[Pair], asked: Settings) -> Iterator[str]:
    """How much equal pairs differ, and the smallest loss of each case that the budget would show."""
    values: dict[str, list[float]] = {}
    for pair in pairs:
        for block in pair.blocks:
            values.setdefault(block.case, []).append(log_ratios(block)["wall"])
    enough = {case: spread(ratios) for case, ratios in values.items() if len(ratios) > 2}
    if not pairs:
        yield "no case could be measured"
        return
    if not enough:
        yield f"too few pairs were measured to tell their noise ({len(pairs)}): give --seconds {DEFAULT_S * 4:g}"
        return
    pair_s = sum(pair.seconds for pair in pairs) / len(pairs)
    held = max(int(asked.budget_s / pair_s), 1)
    yield (
        f"{len(pairs)} pairs of one revision against itself, {pair_s:.1f} s each; {asked.budget_s:.0f} s hold {held}"
    )
    most = min(max(held, FEWEST_PAIRS), MOST_PAIRS)
    for case, noise in sorted(enough.items(), key=lambda item: -item[1]):
        seen = math.expm1(max(_WIDTH * noise / math.sqrt(most), asked.rule.alarming))  # less is no alarm
        yield f"  {case}: equal pairs spread by {math.expm1(noise):.1%}; a loss of {seen:.1%} would be seen"


def of_troubles(tried: Sequence[Trouble], pairs: Sequence[Pair]) -> Iterator[str]:
    """Which cases were not measured and why, one line a case."""
    whys = {trouble.case: trouble.why for trouble in [*tried, *(each for pair in pairs for each in pair.troubles)]}
    yield from (f"not measured: {case}: {why}" for case, why in whys.items())


def of_machine(machine: Machine) -> Iterator[str]:
    """What disturbs the machine, in words; that nothing does, if so."""
    said = []
    if machine.busy_share > 0.05:
        said.append(f"others keep {machine.busy_share:.0%} of the processors busy (load {machine.load:.1f}): end them")
    if machine.stolen_share > 0.02:
        said.append(f"other guests of the host took {machine.stolen_share:.0%} of its time: use a dedicated machine")
    if machine.governor not in {"", "performance"}:
        said.append(f"the frequency of the processors is governed by {machine.governor!r}: set it to performance")
    if machine.throttled:
        said.append(
            f"the processors were slowed {machine.throttled} times for their heat: better cooling, or fewer cores"
        )
    if machine.control_spread > 0.02:
        said.append(f"the gate's own fixed work differs by {machine.control_spread:.1%} between equal processes")
    yield from said or ["nothing was found that disturbs: no other load, no stolen time, no throttling"]


def _busy_share() -> float:
    """The share of the processors' time that is used while nothing of ours runs; 0 where the system does not say."""
    before = _ticks()
    time.sleep(IDLE_S)
    after = _ticks()
    total = sum(after.values()) - sum(before.values())
    return 1 - (after.get("idle", 0) - before.get("idle", 0)) / total if total else 0.0


def _ticks() -> Mapping[str, int]:
    try:
        with Path("/proc/stat").open(encoding="ascii") as lines:
            words = [int(word) for word in lines.readline().split()[1:9]]
    except FileNotFoundError:
        return {}
    return {"idle": words[3] + words[4], "used": sum(words) - words[3] - words[4]}


def _governor() -> str:
    file = _SYSTEM / f"cpu{(processors() or [0])[0]}/cpufreq/scaling_governor"
    return file.read_text(encoding="ascii").strip() if file.exists() else ""


def _throttled() -> int:
    """How often the processors were slowed for their heat since the system started."""
    return sum(
        int(file.read_text(encoding="ascii")) for file in _SYSTEM.glob("cpu*/thermal_throttle/core_throttle_count")
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="benchgate doctor", description="Says how well this machine can tell a loss, and what disturbs it."
    )
    add_selection(parser)
    parser.add_argument("--seconds", type=seconds, default=DEFAULT_S, help="for measuring (%(default)g)")
    parser.add_argument("--budget-s", type=seconds, help="of the comparisons that are meant (600)")
    parser.add_argument("--tolerance", type=share, help="of the comparisons that are meant (0.03)")
    return parser
