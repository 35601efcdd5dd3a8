"""The command `benchgate`: says whether head is slower than base, or where the time of cases goes."""

import argparse
import os
import signal
import sys
import tempfile
import traceback
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import FrameType

from rich.console import Console

from . import __version__, settings
from .comparison import Comparison, Result, prepared
from .decide.findings import exit_status
from .decide.schedule import Schedule
from .errors import GateError
from .explain import look
from .explain.profiles import Explanation, explain
from .measure.records import Pair
from .report import files
from .report.text import annotations, failure, show
from .revisions.git import top
from .settings import Settings

#: Regressed cases that are profiled, the gravest first.
MOST_EXPLAINED = 3
#: Columns of the table where nobody sees a terminal; wide enough for the ids of cases.
LOG_WIDTH = 140


def compare(arguments: Sequence[str]) -> int:
    """Compares, explains what regressed, reports, and returns the exit status."""
    given = _parser().parse_args(arguments)
    console = Console() if sys.stdout.isatty() else Console(width=LOG_WIDTH)
    directory = _cleared(Path(given.output or tempfile.mkdtemp(prefix="benchgate-output-")))
    try:
        repository = top(Path.cwd())
        asked = settings.settings(given, Path.cwd(), repository)
        directory = _cleared(asked.output) if asked.output else directory
        with prepared(repository, asked, directory) as comparison:
            result = _measured(comparison, asked, directory, console)
            explanations = _explain(comparison, result)
    except GateError as error:
        console.print(f"error: {error}", style="bold red", markup=False)
        files.write_error(directory, error)
        _annotate([failure(error)])
        return error.exit_status
    files.write(directory, result, explanations, asked)
    show(result, explanations, console)
    console.print(f"raw pairs, report, JUnit and flame graphs: {directory}", markup=False)
    _annotate(annotations(result))
    return exit_status(result.findings)


def _measured(comparison: Comparison, asked: Settings, directory: Path, console: Console) -> Result:
    schedule = Schedule(comparison.driver, comparison.cases, asked.rule, asked.budget_s, comparison.tolerances)
    for pair in schedule.pairs():
        files.keep(directory, pair)
        console.print(_progress(pair), style="dim")
    comparison.check_untouched()
    return comparison.result(schedule.measured)


def _progress(pair: Pair) -> str:
    return f"{pair.stage} pair {pair.number}: {len(pair.blocks)} cases in {pair.seconds:.0f} s"


def _annotate(lines: Iterable[str]) -> None:
    if os.environ.get("GITHUB_ACTIONS") == "true":
        sys.stdout.writelines(f"{line}\n" for line in lines)


def _cleared(output: Path) -> Path:
    """The directory of a run's reports, without those of the run before."""
    directory = output.resolve()
    (directory / "logs").mkdir(parents=True, exist_ok=True)
    files.clear(directory)
    return directory


def _explain(comparison: Comparison, result: Result) -> list[Explanation]:
    regressed = [finding for finding in result.findings if finding.verdict == "regressed"]
    regressed.sort(key=lambda finding: -max(metric.ratio for metric in finding.metrics))
    loops = {block.case: block.loops for pair in result.pairs for block in pair.blocks}
    return [explain(comparison.driver, finding.case, loops[finding.case]) for finding in regressed[:MOST_EXPLAINED]]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="benchgate",
        description="Says whether head is slower than base, case by case; `benchgate profile` says where time goes.",
        epilog="What is not given is read from [tool.benchgate] of pyproject.toml. "
        "Exit status: 0 nothing regressed, 1 something did, 2 wrong use, 3 something could not be decided.",
    )
    parser.add_argument("--version", action="version", version=f"benchgate {__version__}")
    settings.add_comparison(parser)
    return parser


def run(arguments: Sequence[str] | None = None) -> int:
    """Runs the command that the first argument names, or a comparison, and returns the exit status."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    return look.run(words[1:]) if words[:1] == ["profile"] else compare(words)


def main() -> int:
    """`run` as a process of its own; a crash of the gate is undecided, for Python's own 1 would mean "regressed"."""
    signal.signal(signal.SIGTERM, _leave)  # worktrees and processes are ended also when CI cancels the job
    try:
        return run()
    except Exception:  # noqa: BLE001 (whatever it is: it must not look like a verdict)
        traceback.print_exc()
        return GateError.exit_status


def _leave(_signal: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + signal.SIGTERM)
