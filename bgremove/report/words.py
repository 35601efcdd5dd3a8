"""The figures of a report as words and tables, for the page and for Markdown alike."""

from __future__ import annotations

from dataclasses import dataclass

from bgremove.comparison.report import counted
from bgremove.comparison.statistics import Interval
from bgremove.report.drawing import Table
from bgremove.report.figures import best_of, loop_of, summary
from bgremove.report.report import Contender, Report


@dataclass(frozen=True, slots=True)
class Card:
    """One figure, large."""

    name: str
    value: str
    note: str


def cards(report: Report) -> list[Card]:
    """The four figures that the project's question asks for; of a run of one strategy, those that there are."""
    loop, best = loop_of(report), best_of(report)
    if loop is None or best is None or best.speedup is None:
        return [card for contender in report.contenders[:1] for card in _single(contender, report)]
    one, many = summary(loop), summary(best)
    return [
        Card(
            "Time an image",
            f"{_ms(one.image_wall_s)} → {_ms(many.image_wall_s)} ms",
            f"wall time by number of images: the loop, then {best.title}",
        ),
        Card(
            f"Total for {counted(report.done)}",
            f"{one.total_s:.2f} → {many.total_s:.2f} s",
            "start-up included",
        ),
        Card("CPUs used", f"{one.cpu_utilisation:.0%} → {many.cpu_utilisation:.0%}", "of all usable CPUs"),
        Card("Speed-up", interval_words(best.speedup), "times the loop, 95% interval, start-up not counted"),
    ]


def _single(contender: Contender, report: Report) -> list[Card]:
    own = summary(contender)
    return [
        Card("Time an image", f"{_ms(own.image_wall_s)} ms", f"wall time by number of images, {contender.title}"),
        Card(f"Total for {counted(report.done)}", f"{own.total_s:.2f} s", "start-up included"),
        Card("CPUs used", f"{own.cpu_utilisation:.0%}", "of all usable CPUs"),
        Card("In the worker", f"{_ms(own.image_s)} ms", "median time of one image"),
    ]


def strategies_table(report: Report) -> Table:
    """A row for each strategy, and a column for each figure that there is."""
    headings = (
        "strategy", "workers", "wall, ms an image", "total, s", "CPUs used", "speed-up (95%)",
        "speed-up with start-up (95%)", "pays from, images (95%)", "in the worker, ms an image", "start-up, s",
        "peak memory, MB",
    )  # fmt: skip
    rows = []
    for contender in report.contenders:
        own = summary(contender)
        rows.append(
            (
                contender.name,
                str(contender.workers),
                _ms(own.image_wall_s),
                f"{own.total_s:.2f}",
                f"{own.cpu_utilisation:.0%}",
                interval_words(contender.speedup),
                interval_words(contender.total_speedup),
                str(contender.pays_from or ""),
                _ms(own.image_s),
                f"{own.startup_s:.2f}",
                f"{own.peak_memory_bytes / 1e6:.0f}",
            )
        )
    filled = [column for column in range(len(headings)) if any(row[column] for row in rows)]
    kept = [tuple(line[column] for column in filled) for line in (headings, *rows)]
    return Table(kept[0], tuple(kept[1:]))


def strategies_note(report: Report) -> str:
    """What the headings mean."""
    metrics = {"pss": "shared memory counted once", "rss": "shared memory counted in each process"}
    shown = sorted({summary(each).memory_metric for each in report.contenders})
    memory = "; ".join(f"{metric.upper()}, {metrics.get(metric, '')}" for metric in shown)
    rounds = max((len(each.rounds) for each in report.contenders), default=0)
    note = f"Medians of {rounds} rounds. " if rounds > 1 else ""
    note += f"Peak memory is of all processes together ({memory})."
    if best_of(report) is None:
        return note
    return (
        f"{note} Speed-ups are geometric means over pairs of rounds. Pays from: the number of images from which the "
        "strategy, started afresh, is always faster than the loop. Both have bootstrapped intervals."
    )


def interval_words(interval: Interval | None) -> str:
    """An estimate with its ends."""
    if interval is None:
        return ""
    if interval.low == interval.high:
        return f"{interval.estimate:.2f}"
    return f"{interval.estimate:.2f} ({interval.low:.2f} to {interval.high:.2f})"


def _ms(seconds: float) -> str:
    return f"{1e3 * seconds:.1f}" if seconds < 0.1 else f"{1e3 * seconds:.0f}"
