"""``benchgate merge``: one report and one exit status of the shards of a suite, which were measured by several jobs."""

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from . import compare
from .comparison import Result
from .errors import GateError, WrongUseError
from .part import Part
from .provenance import shortened
from .report.stored import Stored, read


def run(arguments: Sequence[str]) -> int:
    """Prints and writes the joint report; returns the exit status, as a run of all cases would have it."""
    given = _parser().parse_args(arguments)
    try:
        merged = join([read(_file(path)) for path in given.runs])
        directory = compare.cleared(given.output)
    except GateError as error:
        sys.stdout.write(f"error: {error}\n")
        return error.exit_status
    compare.report(merged.result, merged.explanations, merged.settings, directory)
    return merged.result.exit_status


def join(runs: Sequence[Stored]) -> Stored:
    """All shards as one run; raises GateError when one is absent, or they do not belong together.

    Each was judged with its share of the suite's alpha, so together they raise a false alarm in that share of runs.
    """
    first = runs[0]
    compared = {(run.result.base.commit, run.result.head.commit) for run in runs}
    counts = {run.settings.part.shard.count for run in runs}
    numbers = [run.settings.part.shard.number for run in runs]
    if len(compared) > 1:
        raise WrongUseError("these runs compared different commits: " + ", ".join(_told(run) for run in runs))
    if len(counts) > 1 or len(set(numbers)) < len(numbers):
        raise WrongUseError("these are not the shards of one suite: " + ", ".join(_told(run) for run in runs))
    absent = sorted(set(range(1, counts.pop() + 1)) - set(numbers))
    if absent:
        are = "shards {} are absent: their" if len(absent) > 1 else "shard {} is absent: its"
        raise GateError(f"{are.format(', '.join(map(str, absent)))} cases were not judged")
    counted = Counter(finding.case for run in runs for finding in run.result.findings)
    if twice := [case for case, count in counted.items() if count > 1]:
        raise WrongUseError(f"{shortened(twice)} was judged in several shards: measure all with one version")
    if unjudged := sorted({case for run in runs for case in run.result.of_shards}.difference(counted)):
        raise GateError(
            f"{shortened(unjudged)} was judged in no shard, for they found different cases: give all the same "
            "selection, Python and libraries"
        )
    notes = dict.fromkeys(note for run in runs for note in run.result.notes if not note.startswith("this is shard "))
    result = Result(
        first.result.base,
        first.result.head,
        [finding for run in runs for finding in run.result.findings],
        [pair for run in runs for pair in run.result.pairs],
        [*notes],
        "; ".join(run.result.stopped for run in runs if run.result.stopped),
        rootdir=first.result.rootdir,
    )
    rule = replace(first.settings.rule, alpha=sum(run.settings.rule.alpha for run in runs))
    explanations = [explanation for run in runs for explanation in run.explanations]
    return Stored(first.file, result, explanations, replace(first.settings, rule=rule, part=Part()))


def _told(run: Stored) -> str:
    return f"{run.file} (shard {run.settings.part.shard}, {run.result.head} against {run.result.base})"


def _file(path: Path) -> Path:
    return path / "gate.json" if path.is_dir() else path


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="benchgate merge",
        description="Makes one report and one exit status of runs with --shard 1/N to N/N, as of several jobs of CI.",
        epilog="Exit status: as of a comparison; 3 if a shard is absent.",
    )
    parser.add_argument("runs", nargs="+", type=Path, metavar="DIR", help="the output of each run")
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="the joint report goes here")
    return parser
