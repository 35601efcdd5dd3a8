"""The table under pytest-benchmark's: what it does not show of each case."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

HEADINGS = ("images/s", "CPU s", "CPU use", "peak MB", "speed-up (95%)", "stored/now")
LEGEND = (
    "images/s: by the median round. CPU s: of the process tree, one round. CPU use: of all usable cores. peak MB: of",
    "the process tree, shared memory counted once. speed-up: how many times faster than the case named, from rounds",
    "that took turns with it. stored/now: median of the stored run, divided by this one's; runs at different times",
    "are no evidence of a few percent, python -m benchmarks.gate is.",
)


def lines(cases: Iterable[Any], stored: Mapping[Any, Mapping[str, Any]]) -> Iterator[str]:
    """Lines of the table of `cases` (pytest-benchmark's), by group; `stored` as in `baseline.Baseline`."""
    measured = sorted((case for case in cases if case and case.extra_info), key=lambda case: str(case.group))
    for group, members in groupby(measured, key=lambda case: str(case.group)):
        rows = [(case.name, *_cells(case, stored)) for case in members]
        yield ""
        yield from _aligned([(group, *HEADINGS), *rows])
    if measured:
        yield ""
        yield from LEGEND


def _cells(case: Any, stored: Mapping[Any, Mapping[str, Any]]) -> Iterator[str]:
    info = case.extra_info
    yield _number(info.get("images_per_s"), 1)
    yield _number(info.get("cpu_s"), 3)
    yield _number(info.get("cpu_utilisation"), 0, scale=100, unit="%")
    yield _number(info.get("peak_pss_bytes", info.get("peak_rss_bytes")), 0, scale=1e-6)
    yield _speedup(info)
    earlier = [run[case.fullname]["stats"]["median"] for run in stored.values() if case.fullname in run]
    yield _number(earlier[-1] / case["median"] if earlier else None, 2)


def _speedup(info: Mapping[str, Any]) -> str:
    if "speedup" not in info:
        return ""
    return f"{info['speedup']:.2f} ({info['speedup_low']:.2f}-{info['speedup_high']:.2f}) of {info['speedup_against']}"


def _number(value: float | None, digits: int, scale: float = 1, unit: str = "") -> str:
    return "" if value is None else f"{value * scale:.{digits}f}{unit}"


def _aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for name, *cells in rows:
        numbers = (cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True))
        yield "  ".join([name.ljust(widths[0]), *numbers]).rstrip()
