"""What a comparison has shown, as a table, a sentence, and JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, fields
from statistics import fmean, median
from typing import Any

from rich.table import Table

from bgremove.batch.records import FORMAT_VERSION, reading_json, span_json
from bgremove.batch.worker import Times
from bgremove.comparison.compare import BASELINE, ONE_AT_A_TIME, Comparison, StrategyResult
from bgremove.comparison.rounds import Round
from bgremove.comparison.statistics import Interval, paired_ratio

TABLE_WIDTH = 144
"""Columns of a terminal that the table needs."""

_FIGURES = (
    ("read", "ms/image"), ("segment", "ms/image"), ("write", "ms/image"), ("start-up", "s"), ("total", "s"),
    ("CPU", "used"), ("peak", "MB"), ("speed-up", "(95% interval)"),
)  # fmt: skip


def comparison_json(comparison: Comparison, environment: dict[str, Any], command: Sequence[str] = ()) -> dict[str, Any]:
    """All of a comparison, for `compare --json`; ``environment`` is where it ran, ``command`` what was typed.

    Times of a round are seconds since it began to start its workers; it began itself `began_s` after the first.
    """
    images = [{"path": str(job.source), "pixels": job.pixels} for job in comparison.jobs]
    origin_s = min(each.began_s for result in comparison.results for each in result.rounds)
    return {
        "format_version": FORMAT_VERSION,
        "kind": "compare",
        "command": list(command),
        "environment": environment,
        "settings": asdict(comparison.settings),
        "workload": {
            "images": len(images),
            "pixels": sum(job.pixels for job in comparison.jobs),
            "engine": comparison.settings.engine,
            "failed": [{"path": str(path), "error": str(error)} for path, error in comparison.failed],
        },
        "rounds": comparison.rounds,
        "parity": {
            "identical": not comparison.differing,
            "differing": [str(path) for path in comparison.differing],
        },
        "answer": answer(comparison),
        "auto": {"chosen": comparison.auto, "fastest": fastest(comparison).name, "told": choice(comparison)},
        "images": images,
        "strategies": [_strategy_json(result, images, origin_s) for result in comparison.results],
    }


def _strategy_json(result: StrategyResult, images: Sequence[dict[str, Any]], origin_s: float) -> dict[str, Any]:
    own = {field.name: getattr(result, field.name) for field in fields(result)}
    times = [{"path": image["path"], **asdict(times)} for image, times in zip(images, result.images, strict=True)]
    return {
        **own,
        "speedup": asdict(result.speedup),
        "total_speedup": asdict(result.total_speedup),
        "pays_from": None if result.pays_from is None else asdict(result.pays_from),
        "images": times,
        "rounds": [_round_json(each, origin_s) for each in result.rounds],
    }


def _round_json(round_: Round, origin_s: float) -> dict[str, Any]:
    # What the meter takes to begin, between start-up and work, is left out.
    start_s = round_.reading.began_s - round_.startup_s
    return {
        "began_s": start_s - origin_s,
        "startup_s": round_.startup_s,
        **reading_json(round_.reading, start_s),
        "outcomes": [
            {"image": outcome.index, **span_json(outcome, start_s), **asdict(value.times)}
            for outcome, value in zip(round_.outcomes, round_.values(), strict=True)
        ],
    }


def comparison_table(comparison: Comparison) -> Table:
    """A row for each contender; `TABLE_WIDTH` columns hold all of it."""
    table = Table(title=_title(comparison))
    table.add_column("strategy", no_wrap=True)
    table.add_column("work-\ners", justify="right")
    for name, unit in _FIGURES:
        table.add_column(f"{name}\n{unit}", justify="right", no_wrap=True)
    table.add_column("effic-\niency", justify="right")
    table.add_column("pays from\nimages (95%)", justify="right", no_wrap=True)
    for result in comparison.results:
        table.add_row(*_cells(result))
    return table


def comparison_list(comparison: Comparison) -> str:
    """The same for a narrow terminal: a paragraph for each contender, with a figure on each line."""
    names = [*(f"{name}, {unit}" for name, unit in _FIGURES), "efficiency", "pays from, images (95%)"]
    paragraphs = [_title(comparison)]
    for result in comparison.results:
        title, workers, *figures = _cells(result)
        lines = [f"  {name}: {figure}" for name, figure in zip(names, figures, strict=True) if figure]
        paragraphs.append("\n".join([f"{title}, {workers} {'worker' if workers == '1' else 'workers'}", *lines]))
    return "\n\n".join(paragraphs)


def _title(comparison: Comparison) -> str:
    return f"{counted(len(comparison.jobs))}, engine {comparison.settings.engine}, {comparison.rounds} rounds"


def _cells(result: StrategyResult) -> list[str]:
    stages = [fmean(getattr(times, stage) for times in result.images) for stage in Times.__dataclass_fields__]
    is_baseline = result.name == BASELINE
    return [
        result.name,
        str(result.workers),
        *(f"{1e3 * seconds:.1f}" for seconds in stages),
        f"{result.startup_s:.2f}",
        f"{_total_s(result):.2f}",
        f"{result.cpu_utilisation:.0%}",
        f"{result.peak_memory_bytes / 1e6:.0f}",
        "1" if is_baseline else _shown(result.speedup),
        "" if is_baseline else f"{result.efficiency:.0%}",
        str(result.pays_from or ""),
    ]


def _shown(interval: Interval) -> str:
    return f"{interval.estimate:.2f} ({interval.low:.2f} to {interval.high:.2f})"


def counted(images: int) -> str:
    """A number of images, in words."""
    return f"{images} {'image' if images == 1 else 'images'}"


def answer(comparison: Comparison) -> str:
    """One sentence: does parallel pay, by how much, from how many images on, and on what evidence."""
    images = len(comparison.jobs)
    parallel = [result for result in comparison.results if result.name not in ONE_AT_A_TIME]
    evidence = f"{comparison.rounds} interleaved rounds of {counted(images)}"
    differing = len(comparison.differing)
    masks = f"MASKS OF {counted(differing).upper()} DIFFER" if differing else "all masks identical"
    if not parallel:
        return f"No parallel strategy was compared ({evidence}; {masks})."
    best = max(parallel, key=lambda result: result.speedup.estimate)
    figures = f"{_shown(best.speedup)} times the speed of the loop"
    how = f"`{best.name}` with {best.workers} {'worker' if best.workers == 1 else 'workers'}"
    pays_from = None if best.pays_from is None else best.pays_from.images
    later = pays_from is not None and pays_from > images
    if best.speedup.low > 1 and pays_from is not None:
        pays = f"start-up included, it pays from {best.pays_from} images on" + (", more than there are here" * later)
        return f"Yes, parallel pays: {how} ran at {figures}; {pays} ({evidence}; {masks})."
    if best.speedup.high < 1:
        pays = f"; start-up included, it pays from {best.pays_from} images on" * later
        return f"No, parallel does not pay here: the best, {how}, ran at {figures}{pays} ({evidence}; {masks})."
    return f"Not shown: the best, {how}, ran at {figures}, which may be no gain at all ({evidence}; {masks})."


def fastest(comparison: Comparison) -> StrategyResult:
    """The contender with the least time, start-up included."""
    return min(comparison.results, key=_total_s)


def choice(comparison: Comparison) -> str:
    """One sentence: what `auto` would have chosen, and how that did beside the fastest."""
    chosen = [result for result in comparison.results if result.name == comparison.auto]
    best = fastest(comparison)
    if not chosen:
        return f"`auto` would have chosen `{comparison.auto}`, which was not compared; the fastest was `{best.name}`."
    own = min(chosen, key=_total_s)
    if own is best:
        return f"`auto` would have chosen `{own.name}`, which was the fastest, start included."
    longer = paired_ratio(own.totals_s(), best.totals_s())
    if longer.low > 1:
        how = f"took {_shown(longer)} times as long, start included, as `{best.name}`"
    else:
        how = f"was not shown to be slower than the fastest, `{best.name}`: {_shown(longer)} times as long"
    return f"`auto` would have chosen `{own.name}`, which {how}."


def _total_s(result: StrategyResult) -> float:
    return result.startup_s + median(result.wall_s)
