"""Markdown of what was kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from statistics import fmean, median
from typing import Any

from benchmarks.scaling.cells import IDEAL, LOOP, Cell
from benchmarks.scaling.law import fitted_intervals
from benchmarks.scaling.stages import COPY, COPY_BYTES
from bgremove.comparison.statistics import Costs, Interval, paired_ratio, pays_from, serial_fraction

Kept = dict[str, Any]


def tables(kept: Kept) -> str:
    """All of them, of the parts by name."""
    lines = ["  \n".join(_circumstances(kept))]
    for title, needed, make in (
        ("Share of the ideal that each strategy reaches, with workers that are ready:", [], _efficiency),
        ("CPU time an image, in ms, of all processes; it depends little on what else the machine does:", [], _cpu),
        ("The start of the workers, and from how many images on it is repaid:", ["start"], _starts),
        ("A task that does nothing, by what it carries there and back:", ["tasks"], _tasks),
        ("More and more workers:", ["workers"], _workers),
        ("The universal scalability law, fitted to them:", ["workers"], _laws),
        ("What processes that work at a time take from one another:", ["stages"], _stages),
    ):
        if kept.keys() >= set(needed):
            lines += ["", title, "", *make(kept)]
    return "\n".join(lines) + "\n"


def _circumstances(kept: Kept) -> Iterator[str]:
    """When and where the parts were measured, the newest first."""
    parts: dict[str, list[str]] = {}
    for name, part in kept.items():
        machine = ", ".join(f"{key}: {value}" for key, value in part["machine"].items())
        parts.setdefault(f"{part['date']}. {machine}.", []).append(name)
    for circumstances in sorted(parts, reverse=True):
        yield circumstances if len(parts) == 1 else f"{', '.join(parts[circumstances])}: {circumstances}"


def _cells(kept: Kept, parts: Iterable[str]) -> list[Cell]:
    return [Cell(**row) for name in parts if name in kept for row in kept[name]["rows"]]


def _plain(kept: Kept) -> list[Cell]:
    """Those with as many workers as there are cores, by size and number."""
    names = [name for name in kept if name not in {"tasks", "start", "stages", *BY_WORKERS}]
    return sorted(_cells(kept, names), key=lambda cell: (cell.megapixels, cell.images))


def _shown(interval: Interval, form: str = ".0%") -> str:
    return f"{interval.estimate:{form}} ({interval.low:{form}}-{interval.high:{form}})"


def _efficiency(kept: Kept) -> Iterator[str]:
    yield f"| MP each | images | ideal, s | ideal is faster than the loop | {' | '.join(map(_code, _SHOWN))} | others |"
    yield "| ---: " * (5 + len(_SHOWN)) + "|"
    for cell in _plain(kept):
        over_loop = _shown(cell.speedup(IDEAL, LOOP), ".2f") if LOOP in cell.seconds else ""
        shares = [_shown(cell.speedup(name, IDEAL)) if name in cell.seconds else "" for name in _SHOWN]
        ideal = f"{cell.megapixels:g} | {cell.images} | {median(cell.seconds[IDEAL]):.3g} | {over_loop}"
        yield f"| {ideal} | {' | '.join(shares)} | {max(cell.others):.0%} |"


def _cpu(kept: Kept) -> Iterator[str]:
    names = (IDEAL, LOOP, *_SHOWN)
    yield f"| MP each | images | {' | '.join(map(_code, names))} |"
    yield "| ---: " * (2 + len(names)) + "|"
    for cell in _plain(kept):
        if cell.images > 2:  # else it is a few steps of the clock
            cpu_s = {name: fmean(rounds) / cell.images for name, rounds in cell.cpu_seconds.items()}
            found = [f"{1e3 * cpu_s[name]:.1f}" if name in cpu_s else "" for name in names]
            yield f"| {cell.megapixels:g} | {cell.images} | {' | '.join(found)} |"


BY_WORKERS = ("workers", "workers of dask")
_SHOWN = ("threads", "pool", "processes", "dask")


def _starts(kept: Kept) -> Iterator[str]:
    start_s = {row["strategy"]: median(row["seconds"]) for row in kept["start"]["rows"]}
    sizes = sorted({cell.megapixels for cell in _plain(kept)})
    yield f"| strategy | start and end, s | {' | '.join(f'{size:g} MP' for size in sizes)} |"
    yield "| --- " + "| ---: " * (1 + len(sizes)) + "|"
    for name in _SHOWN:
        pays = [_pays_from(name, [cell for cell in _plain(kept) if cell.megapixels == size], start_s) for size in sizes]
        yield f"| {_code(name)} | {start_s[name]:.3f} | {' | '.join(pays)} |"


def _pays_from(name: str, cells: list[Cell], start_s: dict[str, float]) -> str:
    """By the times an image of the largest cell in which the loop was run, too."""
    both = [cell for cell in cells if {name, LOOP} <= cell.seconds.keys()]
    if not both:
        return ""
    cell = both[-1]
    costs = Costs(
        loop_s=median(cell.seconds[LOOP]) / cell.images,
        worker_s=median(cell.seconds[name]) * min(cell.workers, cell.images) / cell.images,
        startup_s=start_s[name] - start_s[LOOP],
    )
    count = pays_from(costs, cell.workers)
    return "never" if count is None else str(count)


def _tasks(kept: Kept) -> Iterator[str]:
    rows = kept["tasks"]["rows"]
    sizes = list(dict.fromkeys(row["megapixels"] for row in rows))
    heads = [f"{size:g} MP, ms" if size else "nothing, ms" for size in sizes]
    yield f"| strategy | transport | {' | '.join(heads)} |"
    yield "| --- | --- " + "| ---: " * len(sizes) + "|"
    ways = dict.fromkeys((row["strategy"], row["transport"]) for row in rows)
    for strategy, way in ways:
        found = {row["megapixels"]: row for row in rows if (row["strategy"], row["transport"]) == (strategy, way)}
        cells = [f"{1e3 * median(found[size]['seconds']):.3g}" if size in found else "" for size in sizes]
        yield f"| {_code(strategy)} | {way} | {' | '.join(cells)} |"


def _workers(kept: Kept) -> Iterator[str]:
    yield "| strategy | images | MP each | workers | times as fast as the loop | share of the ideal |"
    yield "| --- | ---: " + "| ---: " * 4 + "|"
    for name, cells in _by_strategy(kept):
        for cell in cells:
            speedup, share = cell.speedup(name, LOOP), cell.speedup(name, IDEAL)
            sizes = f"{cell.images} | {cell.megapixels:g} | {cell.workers}"
            yield f"| {_code(name)} | {sizes} | {_shown(speedup, '.2f')} | {_shown(share)} |"


def _laws(kept: Kept) -> Iterator[str]:
    yield "| strategy | one worker | contention | coherency | serial part up to the number of cores |"
    yield "| --- " + "| ---: " * 4 + "|"
    for name, cells in _by_strategy(kept):
        found = fitted_intervals({cell.workers: _speedups(cell, name) for cell in cells})
        cores = cells[1]
        alone = cells[0].speedup(name, LOOP).estimate
        serial = serial_fraction([cores.workers], [cores.speedup(name, LOOP).estimate / alone])
        figures = [_shown(found["one"], ".2f"), _shown(found["contention"], ".3f"), _shown(found["coherency"], ".3f")]
        yield f"| {_code(name)} | {' | '.join(figures)} | {serial:.3f} |"


def _by_strategy(kept: Kept) -> Iterator[tuple[str, list[Cell]]]:
    for part in (each for each in BY_WORKERS if each in kept):
        cells = _cells(kept, [part])
        for name in (each for each in cells[0].seconds if each not in {IDEAL, LOOP}):
            yield name, cells


def _speedups(cell: Cell, name: str) -> list[float]:
    return [loop / own for loop, own in zip(cell.seconds[LOOP], cell.seconds[name], strict=True)]


def _stages(kept: Kept) -> Iterator[str]:
    yield "| stage | MP | alone, ms | takes longer with all cores at work |"
    yield "| --- | ---: | ---: | ---: |"
    for row in kept["stages"]["rows"]:
        alone, together = row["seconds"]["alone"], row["seconds"]["all"]
        size, rate = f"{row['megapixels']:g}", ""
        if row["stage"] == COPY:
            size, rate = "", f", {2 * COPY_BYTES / median(alone) / 1e9:.0f} GB/s read and written"
        longer = _shown(paired_ratio(together, alone), ".2f")
        yield f"| {row['stage']}{rate} | {size} | {1e3 * median(alone):.3g} | {longer} times |"


def _code(name: str) -> str:
    return f"`{name}`"
