"""What is plotted of a report: how fast each strategy is, and how that scales."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.figure import Figure

from bgremove.comparison.statistics import amdahl
from bgremove.report.drawing import BLUE, GREEN, GRID, INK, MUTED, ORANGE, PURPLE, SKY, Plot, Table, rows_axis, ticks
from bgremove.report.figures import (
    Crossover,
    crossovers,
    histogram_words,
    is_parallel,
    loop_of,
    scalings,
    stage_means_s,
)
from bgremove.report.plots_of_time import load_plot, timeline_plot, workers_plot
from bgremove.report.report import Contender, Report

_MOST_POINTS = 1200
_COLOURS = {"read": SKY, "segment": BLUE, "write": GREEN, "other": MUTED, "queue": GRID, "return": PURPLE}
_MARKS = "osD^v"


def plots_of(report: Report) -> list[Plot]:
    """Every plot for which the report has figures, in the order in which they are read."""
    made = [
        _speedup(report), _times(report), _stages(report), workers_plot(report), timeline_plot(report),
        load_plot(report), _scaling(report), _crossover(report),
    ]  # fmt: skip
    return [plot for plot in made if plot is not None]


def _speedup(report: Report) -> Plot | None:
    shown = [(each, each.speedup) for each in report.contenders if each.speedup is not None]
    if loop_of(report) is None or len(shown) < 2:
        return None

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        for row, (contender, interval) in enumerate(shown):
            colour = BLUE if is_parallel(contender) else MUTED
            axes.plot([interval.low, interval.high], [row, row], color=colour, linewidth=3, solid_capstyle="round")
            axes.plot([interval.estimate], [row], "o", color=colour, markersize=8)
            right = (interval.high, row)
            axes.annotate(f"{interval.estimate:.2f}", right, (9, -4), textcoords="offset points")
        axes.axvline(1, color=INK, linewidth=1, linestyle="--")
        rows_axis(axes, [contender.title for contender, _ in shown])
        axes.set_xlim(0, 1.1 * max(1.0, *(interval.high for _, interval in shown)))
        axes.set_xlabel("times the speed of the loop, with its 95% interval")

    rows = [(c.title, f"{i.estimate:.2f}", f"{i.low:.2f}", f"{i.high:.2f}") for c, i in shown]
    return Plot(
        "speedup",
        "Speed-up against the loop",
        "The dashed line is the loop: what lies to its right is faster. Start-up is not counted here.",
        Table(("strategy", "speed-up", "95% from", "95% to"), tuple(rows)),
        0.9 + 0.5 * len(shown),
        draw,
    )


def _times(report: Report) -> Plot | None:
    shown = [(each, _work_s(each)) for each in report.contenders]
    shown = [(contender, values) for contender, values in shown if values]
    if not shown:
        return None
    wide = max(values[-1] for _, values in shown) > 8 * min(values[0] for _, values in shown)

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        jitter = np.random.default_rng(0)
        for row, (_, values) in enumerate(shown):
            points = values[:: math.ceil(len(values) / _MOST_POINTS)]
            ticks(axes, points, row + 0.1 + jitter.uniform(-0.22, 0.22, len(points)), 0.05, BLUE)
            low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
            axes.plot([low, high], [row - 0.32, row - 0.32], color=INK, linewidth=4, solid_capstyle="butt")
            axes.plot([middle], [row - 0.32], "|", color=INK, markersize=13, markeredgewidth=2)
        rows_axis(axes, [contender.title for contender, _ in shown])
        if wide:
            axes.set_xscale("log")
            axes.xaxis.set_minor_formatter(lambda value, _: f"{1e3 * value:g}" if f"{value:e}"[0] in "25" else "")
        axes.xaxis.set_major_formatter(lambda value, _: f"{1e3 * value:g}")
        scale = " (logarithmic)" if wide else ""
        axes.set_xlabel(f"milliseconds an image, from its start in the worker to its end{scale}")

    count = max(len(values) for _, values in shown)
    thinned = (
        "" if count <= _MOST_POINTS else f" Of {count} points, every {math.ceil(count / _MOST_POINTS)}th is drawn."
    )
    return Plot(
        "times",
        "Time an image",
        f"A mark is one image in one round. The bar above holds the middle half, its mark is the median.{thinned}",
        Table(("strategy", "time an image"), tuple((c.title, histogram_words(v)) for c, v in shown)),
        1.0 + 0.72 * len(shown),
        draw,
    )


def _work_s(contender: Contender) -> list[float]:
    return sorted(span.work_s for each in contender.rounds for span in each.spans if span.stages_s is not None)


def _stages(report: Report) -> Plot | None:
    shown = [(each, stage_means_s(each)) for each in report.contenders]
    shown = [(contender, means) for contender, means in shown if means]
    if not shown:
        return None
    worked, around = ("read", "segment", "write", "other"), ("queue", "return")

    def draw(figure: Figure) -> None:
        in_worker, outside = figure.subplots(1, 2, sharey=True, width_ratios=[3, 2])
        for axes, stages in ((in_worker, worked), (outside, around)):
            left = np.zeros(len(shown))
            for stage in stages:
                widths = np.array([1e3 * means[stage] for _, means in shown])
                axes.barh(range(len(shown)), widths, 0.6, left=left, color=_COLOURS[stage], label=stage)
                left += widths
            rows_axis(axes, [contender.title for contender, _ in shown])
            axes.set_xlabel("milliseconds an image")
        in_worker.set_title("in the worker", pad=24)
        outside.set_title("around it", pad=24)
        for axes in (in_worker, outside):
            axes.legend(loc="lower left", bbox_to_anchor=(-0.02, 0.98), ncols=4, handlelength=1, columnspacing=1)

    headings = ("strategy", *(f"{stage}, ms" for stage in (*worked, *around)))
    rows = [(c.title, *(f"{1e3 * means[stage]:.1f}" for stage in (*worked, *around))) for c, means in shown]
    return Plot(
        "stages",
        "Where the time of an image goes",
        "Means over all rounds. An image waits in the queue while its worker does the ones before it: no time is lost "
        "then. Return is the way back of the result.",
        Table(headings, tuple(rows)),
        1.6 + 0.42 * len(shown),
        draw,
    )


def _scaling(report: Report) -> Plot | None:
    shown = scalings(report)
    if not shown:
        return None
    most = max(count for each in shown for count in each.workers)

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        axes.grid(visible=True, axis="both")
        counts = np.linspace(1, most, 50)
        axes.plot(counts, counts, color=MUTED, linestyle=":", label="ideal")
        for each, colour, mark in zip(shown, [BLUE, ORANGE, GREEN, PURPLE, INK], _MARKS, strict=False):
            axes.plot(counts, [amdahl(each.serial, count) for count in counts], color=colour, linewidth=1.2)
            axes.plot(each.workers, each.speedups, mark, color=colour, markersize=8, label=each.name)
        axes.set_xticks(sorted({1, *(count for each in shown for count in each.workers)}))
        axes.set_xlabel("workers")
        axes.set_ylabel("times the speed of the loop")
        axes.set_ylim(bottom=0)
        axes.legend(loc="upper left")

    rows = [
        (each.name, str(count), f"{speedup:.2f}", f"{count}", f"{amdahl(each.serial, count):.2f}", f"{each.serial:.1%}")
        for each in shown
        for count, speedup in zip(each.workers, each.speedups, strict=True)
    ]
    single = all(len(each.workers) == 1 for each in shown)
    advice = (
        " With one number of workers the model is no test of itself: compare with --workers 1,2,4." if single else ""
    )
    return Plot(
        "scaling",
        "Speed-up against workers",
        "Dotted: every worker adds as much as the first. Lines: Amdahl's law, fitted to the points; its serial part is "
        f"the share of the work that more workers do not make faster.{advice}",
        Table(("strategy", "workers", "speed-up", "ideal", "model", "serial part"), tuple(rows)),
        4.2,
        draw,
    )


def _first(line: Crossover) -> int:
    """From how many images on it pays, 0 where it never does."""
    return (line.contender.pays_from and line.contender.pays_from.images) or 0


def _crossover(report: Report) -> Plot | None:
    lines = crossovers(report)
    if len(lines) < 2:
        return None
    paying = [_first(line) for line in lines]
    most = max(10, math.ceil(1.6 * max(paying)))
    counts = np.unique(np.linspace(1, most, min(most, 400)).astype(int))

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        axes.grid(visible=True, axis="both")
        colours = [INK, BLUE, ORANGE, GREEN, PURPLE, SKY, MUTED]
        for index, line in enumerate(lines):
            colour, dashes = colours[index % 7], ["-", "--", "-."][index // 7 % 3]
            totals = [line.total_s(count) for count in counts]
            axes.plot(counts, totals, dashes, color=colour, linewidth=1.6, label=line.contender.title)
            if first := _first(line):
                axes.plot([first], [line.total_s(first)], "o", color=colour, markersize=8)
        axes.set_xlabel("images")
        axes.set_ylabel("seconds, start-up included")
        axes.set_xlim(left=0)
        axes.set_ylim(bottom=0)
        figure.legend(loc="outside right upper")

    rows = [
        (
            line.contender.title,
            f"{line.startup_s:.2f}",
            f"{1e3 * line.wave_s:.0f}",
            str(line.contender.pays_from or ""),
        )
        for line in lines
    ]
    return Plot(
        "crossover",
        "From how many images on it pays",
        "Total time against the number of images, computed from the measured start-up and time an image. A dot is the "
        "number from which a strategy, started afresh, is always faster than the loop.",
        Table(("strategy", "start-up, s", "a wave, ms", "pays from, images (95%)"), tuple(rows)),
        4.2,
        draw,
    )
