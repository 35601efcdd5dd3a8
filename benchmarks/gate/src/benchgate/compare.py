"""The command `benchgate`: says whether head is slower than base, case by case."""

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from . import __version__, settings
from .comparison import Comparison, Result, prepared
from .decide.forecast import Forecast
from .decide.schedule import Schedule
from .errors import GateError, WrongUseError
from .explain.profiles import Explanation, explain
from .report import files
from .report.plain import plain
from .report.progress import show_progress
from .report.text import annotations, failure, show
from .revisions.git import top
from .settings import Settings
from .stopping import STOPPED_STATUS, StoppedError, stoppable, unstoppable

#: Regressed cases that are profiled, the gravest first.
MOST_EXPLAINED = 3
#: Where there is no time for all cases, this share of the budget is spent beforehand to see which run what changed.
LOOK_SHARE = 0.1
#: How a folder for reports is called for which none was asked.
_TEMPORARY = "benchgate-output-"
#: Columns of the table where nobody sees a terminal; wide enough for the ids of cases.
LOG_WIDTH = 140


def run(arguments: Sequence[str]) -> int:
    """Compares, explains what regressed, reports, and returns the exit status."""
    return compared(arguments)[0]


def compared(arguments: Sequence[str]) -> tuple[int, Sequence[str]]:
    """The same; returns the files of case definitions beside the status, none where it did not come so far."""
    given = _parser().parse_args(arguments)
    console = _console()
    directory: Path | None = None
    explanations: list[Explanation] = []
    status: int | None = None
    try:
        with stoppable():
            directory = cleared(Path(given.output)) if given.output else None
            repository = top(Path.cwd())
            asked = settings.settings(given, Path.cwd(), repository)
            directory = directory or cleared(asked.output or Path(tempfile.mkdtemp(prefix=_TEMPORARY)))

            def say(line: str) -> None:
                console.print(plain(line), markup=False, highlight=False)

            with prepared(repository, asked, directory, say) as comparison:
                result, status = _measured(comparison, asked, directory, console)
                _explain(comparison, result, explanations)
    except (GateError, StoppedError, OSError) as error:  # such as a disk that is full
        if directory is None or status is None:  # nothing is known of any case
            _report(console, [f"error: {error}", *_left_of(directory, error)], [failure(error)])
            return STOPPED_STATUS if isinstance(error, StoppedError) else getattr(error, "exit_status", 3), ()
        status = STOPPED_STATUS if isinstance(error, StoppedError) else status
    report(result, explanations, asked, directory, console)
    return status, comparison.definitions


def report(
    result: Result, explanations: list[Explanation], asked: Settings, directory: Path, console: Console | None = None
) -> None:
    """Writes, prints and annotates what a run has found."""
    console = console or _console()
    with unstoppable():
        problems = files.write(directory, result, explanations, asked)
        show(result, explanations, console)
        _report(console, [*problems, f"raw pairs, report, JUnit and flame graphs: {directory}"], annotations(result))


def _console() -> Console:
    return Console() if sys.stdout.isatty() else Console(width=LOG_WIDTH)


def _measured(comparison: Comparison, asked: Settings, directory: Path, console: Console) -> tuple[Result, int]:
    """What the pairs show, and the exit status; a stop or a failure on the way costs what would have come after it."""
    trial = comparison.trial
    expected = Forecast.of(trial.call_s, trial.start_s, asked.budget_s, trial.setup_s)
    if not expected.fits:
        expected = replace(expected, changed=comparison.running_changes(LOOK_SHARE * asked.budget_s))
    schedule = Schedule(comparison.driver, comparison.cases, asked.rule, asked.budget_s, comparison.tolerances)
    schedule.give_up(trial.troubles)
    _plan(schedule, expected, console)
    began = time.monotonic()
    try:
        for pair in schedule.pairs():
            files.keep(directory, pair)
            show_progress(pair, schedule.measured, began + asked.budget_s - time.monotonic(), console)
            if expected.may_overestimate:
                expected = expected.corrected(pair.seconds)
                _plan(schedule, expected, console)
        comparison.check_untouched()
    except StoppedError as stopped:
        return comparison.result(schedule.measured, str(stopped)), STOPPED_STATUS
    except (GateError, OSError) as error:
        if not schedule.measured.evidence.pairs:
            raise
        result = comparison.result(schedule.measured, f"ended early: {error}")
        return result, result.exit_status
    result = comparison.result(schedule.measured)
    return result, result.exit_status


def _plan(schedule: Schedule, expected: Forecast, console: Console) -> None:
    """Tells what the budget holds, and leaves out what it will not do for."""
    for line in expected.lines():
        console.print(line, markup=False, highlight=False)
    if not expected.may_overestimate:
        schedule.limit_to(expected.affordable(), expected.case_s, expected.beside_s)


def _report(console: Console, lines: Iterable[str], for_github: Iterable[str]) -> None:
    for line in lines:
        style = "bold red" if line.startswith("error: ") else None
        console.print(plain(line), style=style, markup=False, highlight=False)
    _annotate(for_github)


def _annotate(lines: Iterable[str]) -> None:
    if os.environ.get("GITHUB_ACTIONS") == "true":
        sys.stdout.writelines(f"{line}\n" for line in lines)


def cleared(output: Path) -> Path:
    """The directory of a run's reports, without those of the run before; WrongUseError where there can be none."""
    try:
        directory = files.made(output.resolve())
        files.clear(directory)
    except (OSError, RuntimeError) as error:
        raise WrongUseError(f"reports cannot be written into {output}: {error}") from None
    return directory


def _left_of(directory: Path | None, error: Exception) -> list[str]:
    """What a run that found nothing leaves: what it says to those that look for its report, or logs, or nothing."""
    if directory is None:
        return []
    if not directory.name.startswith(_TEMPORARY):
        return files.write_error(directory, error)
    if any((directory / "logs").iterdir()):
        return [f"logs of what was run: {directory / 'logs'}"]
    shutil.rmtree(directory, ignore_errors=True)
    return []


def _explain(comparison: Comparison, result: Result, explanations: list[Explanation]) -> None:
    """Adds an explanation of each of the gravest regressed cases."""
    if result.stopped:
        return
    regressed = [finding for finding in result.findings if finding.verdict == "regressed"]
    regressed.sort(key=lambda finding: -max(metric.ratio for metric in finding.metrics))
    loops = {block.case: block.loops for pair in result.pairs for block in pair.blocks}
    # one after the other, so that a stop keeps those that are done
    explanations.extend(
        explain(comparison.driver, finding.case, loops[finding.case]) for finding in regressed[:MOST_EXPLAINED]
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="benchgate",
        description="Says whether head is slower than base, case by case. Others: benchgate profile, which says "
        "where time goes; bisect, since which commit; doctor, what this machine can see; merge, one report of shards; "
        "history, how cases went from commit to commit.",
        epilog="What is not given is read from [tool.benchgate] of pyproject.toml. "
        "Exit status: 0 nothing regressed, 1 something did, 2 wrong use, 3 something could not be decided.",
    )
    parser.add_argument("--version", action="version", version=f"benchgate {__version__}")
    settings.add_comparison(parser)
    return parser
