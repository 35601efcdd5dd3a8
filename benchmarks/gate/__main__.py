"""``python -m benchmarks.gate``: says whether head is slower than base."""

import os
import signal
import sys
import tempfile
import traceback
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import FrameType

from rich.console import Console

from . import outputs
from .errors import GateError
from .findings import exit_status
from .gate import Outcome, compare
from .options import Options, parse
from .pairs import Bench
from .profiling import Explanation, explain
from .records import Pair
from .report import annotations, failure, show
from .worktrees import top

#: Regressed cases that are profiled, the gravest first.
MOST_EXPLAINED = 3
#: Columns of the table where nobody sees a terminal; wide enough for the ids of cases.
LOG_WIDTH = 140


def run(arguments: Sequence[str] | None = None) -> int:
    """Compares, explains what regressed, reports, and returns the exit status."""
    options = parse(arguments)
    console = Console() if sys.stdout.isatty() else Console(width=LOG_WIDTH)
    directory = _output_directory(options)
    explanations: list[Explanation] = []
    try:
        outcome = compare(
            top(Path.cwd()),
            options,
            directory,
            on_pair=lambda pair: _tell(pair, directory, console),
            after=lambda bench, outcome: explanations.extend(_explain(bench, outcome)),
        )
    except GateError as error:
        console.print(f"error: {error}", style="bold red", markup=False)
        outputs.write_error(directory, error)
        _annotate([failure(error)])
        return error.exit_status
    outputs.write(directory, outcome, explanations, options)
    show(outcome, explanations, console)
    console.print(f"raw pairs, report, JUnit and flame graphs: {directory}", markup=False)
    _annotate(annotations(outcome))
    return exit_status(outcome.findings)


def _annotate(lines: Iterable[str]) -> None:
    if os.environ.get("GITHUB_ACTIONS") == "true":
        sys.stdout.writelines(f"{line}\n" for line in lines)


def _output_directory(options: Options) -> Path:
    directory = (options.output or Path(tempfile.mkdtemp(prefix="gate-output-"))).resolve()
    (directory / "logs").mkdir(parents=True, exist_ok=True)
    outputs.clear(directory)
    return directory


def _explain(bench: Bench, outcome: Outcome) -> list[Explanation]:
    regressed = [finding for finding in outcome.findings if finding.verdict == "regressed"]
    regressed.sort(key=lambda finding: -max(metric.ratio for metric in finding.metrics))
    loops = {block.case: block.loops for pair in outcome.pairs for block in pair.blocks}
    return [explain(bench, finding.case, loops[finding.case]) for finding in regressed[:MOST_EXPLAINED]]


def _tell(pair: Pair, directory: Path, console: Console) -> None:
    outputs.keep(directory, pair)
    console.print(f"{pair.stage} pair {pair.number}: {len(pair.blocks)} cases in {pair.seconds:.0f} s", style="dim")


def main() -> int:
    """`run` on the command line; a crash of the gate is undecided, for Python's own 1 would mean "regressed"."""
    try:
        return run()
    except Exception:  # noqa: BLE001 (whatever it is: it must not look like a verdict)
        traceback.print_exc()
        return GateError.exit_status


def _leave(_signal: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + signal.SIGTERM)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _leave)  # worktrees and processes are ended also when CI cancels the job
    sys.exit(main())
