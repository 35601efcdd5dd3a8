"""``python -m benchmarks.report RUN.json...`` makes a page of the stored runs of a machine: how each case went.

Runs are stored by ``pytest benchmarks/ --benchmark-autosave`` under ``.benchmarks/``. The page is one file that fetches
nothing.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

import jinja2
from matplotlib.figure import Figure

from benchmarks.history import FEWEST_RUNS, Run, Series, all_series, load_runs
from bgremove.errors import BgremoveError
from bgremove.files import write_text_file
from bgremove.report.drawing import BLUE, ORANGE, Plot, Table
from bgremove.report.page import Cell, plot_for_page, render

_COLUMNS = 3
_NAME_LENGTH = 38


def page(runs: Sequence[Run], refused: Sequence[str], series: Sequence[Series]) -> str:
    """The page of some runs, oldest first."""
    plots = [_plot(number, group, list(own), runs) for number, (group, own) in enumerate(_by_group(series))]
    changed = sorted((each for each in series if each.changes), key=lambda each: -abs(math.log(each.overall)))
    return render(
        "history.html.j2",
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        title="Benchmark history",
        answer=answer(runs, series),
        sections=[
            ("changes", "Changes"),
            ("cases", "Cases"),
            *((plot.name, plot.title) for plot in plots),
            ("runs", "Runs"),
        ],
        changes=Table(
            ("case", "from the run of", "commit", "time there, times that before", "all changes"),
            tuple(_change_row(each, runs, change.index, change.ratio) for each in changed for change in each.changes),
        ),
        headings=["case", "latest median, ms", "runs", "changes", "all changes, times", "group"],
        rows=[_case_row(each) for each in series],
        plots=[plot_for_page(plot) for plot in plots],
        runs=Table(
            ("run", "made", "commit", "cases"),
            tuple((run.file.name, _day(run), run.commit, str(len(run.cases))) for run in runs),
        ),
        refused=list(refused),
    )


def answer(runs: Sequence[Run], series: Sequence[Series]) -> str:
    """One sentence: what changed, and on what evidence."""
    evidence = f"{len(series)} cases in {len(runs)} runs, {_day(runs[0])} to {_day(runs[-1])}"
    if len(runs) < FEWEST_RUNS:
        return f"No change can be told yet: that takes {FEWEST_RUNS} runs ({evidence})."
    slower = sorted((each for each in series if each.overall > 1), key=lambda each: -each.overall)
    faster = [each for each in series if each.overall < 1]
    if not slower and not faster:
        return f"No case changed its level ({evidence})."
    worst = f"; the most, {slower[0].name}, takes {slower[0].overall:.2f} times as long as at first" if slower else ""
    return f"{len(slower)} cases became slower and {len(faster)} faster{worst} ({evidence})."


def _by_group(series: Sequence[Series]) -> Any:
    return groupby(sorted(series, key=lambda each: each.group), key=lambda each: each.group)


def _plot(number: int, group: str, series: list[Series], runs: Sequence[Run]) -> Plot:
    rows = math.ceil(len(series) / _COLUMNS)

    def draw(figure: Figure) -> None:
        grid = figure.subplots(rows, _COLUMNS, squeeze=False, sharex=True)
        for axes, each in zip(grid.flat, series, strict=False):
            values = [1e3 * value for value in each.medians_s]
            axes.plot(range(len(values)), values, "o", color=BLUE, markersize=3.5)
            for start, end, level in _levels(each):
                axes.plot([start, end - 1], [1e3 * level] * 2, color=ORANGE, linewidth=1.6)
            for change in each.changes:
                axes.axvline(change.index - 0.5, color=ORANGE, linewidth=1, linestyle=":")
            present = [value for value in values if not math.isnan(value)]
            axes.set_ylim(0.8 * min(present), 1.2 * max(present))
            axes.set_title(_shortened(each.name), fontsize=8)
            axes.tick_params(labelsize=8)
        for axes in list(grid.flat)[len(series) :]:
            axes.set_visible(False)
        figure.supxlabel("run, the latest on the right", fontsize=9)
        figure.supylabel("median, ms", fontsize=9)

    table = tuple(
        (
            each.name,
            f"{1e3 * each.latest_s:.3g}",
            ", ".join(f"{change.ratio:.3f} times from {_day(runs[change.index])} on" for change in each.changes),
        )
        for each in series
    )
    return Plot(
        name=f"group-{number}",
        title=group,
        words=f"Medians of {len(runs)} runs. A line is a level; where one ends, the case changed.",
        table=Table(("case", "latest median, ms", "changes"), table),
        height_in=0.7 + 1.35 * rows,
        draw=draw,
    )


def _levels(series: Series) -> list[tuple[int, int, float]]:
    """First and last run of each level, and the level: the geometric mean, as changes are ratios."""
    ends = [0, *(change.index for change in series.changes), len(series.medians_s)]
    levels = []
    for start, end in pairwise(ends):
        logs = [math.log(value) for value in series.medians_s[start:end] if not math.isnan(value)]
        if logs:
            levels.append((start, end, math.exp(sum(logs) / len(logs))))
    return levels


def _change_row(series: Series, runs: Sequence[Run], index: int, ratio: float) -> tuple[str, ...]:
    return series.name, _day(runs[index]), runs[index].commit, f"{ratio:.3f}", f"{series.overall:.3f}"


def _case_row(series: Series) -> list[Cell]:
    count = sum(not math.isnan(value) for value in series.medians_s)
    return [
        Cell(series.name),
        Cell(f"{1e3 * series.latest_s:.3g}", series.latest_s),
        Cell(str(count), count),
        Cell(str(len(series.changes)), len(series.changes)),
        Cell(f"{series.overall:.3f}", series.overall),
        Cell(series.group),
    ]


def _day(run: Run) -> str:
    return run.when[:10]


def _shortened(name: str) -> str:
    case = name.rpartition("::")[2].removeprefix("test_")
    return case if len(case) <= _NAME_LENGTH else f"{case[: _NAME_LENGTH - 1]}…"


def main(arguments: Sequence[str]) -> int:
    """The command; its exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.report", description=__doc__)
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN.json")
    parser.add_argument("-o", "--output", type=Path, default=Path("benchmark-history.html"))
    options = parser.parse_args(arguments)
    try:
        runs, refused = load_runs(options.runs)
        write_text_file(options.output, page(runs, refused, all_series(runs)))
    except (ValueError, BgremoveError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    sys.stderr.write("".join(f"left out: {reason}\n" for reason in refused) + f"{options.output}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
