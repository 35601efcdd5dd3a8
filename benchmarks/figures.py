"""The table under pytest-benchmark's: what it does not show of each case.

``python -m benchmarks.figures RUN.json`` keeps in `KEPT` what it shows of a run, and the machine that it was made on.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from benchgate.guard.machine import of_run

Case = Mapping[str, Any]
"""As pytest-benchmark stores it."""

KEPT = Path(__file__).parent / "results" / "suite.json"

HEADINGS = ("images/s", "CPU s", "CPU use", "peak MB", "speed-up (95%)", "stored/now")
LEGEND = (
    "images/s: by the median round. CPU s: of the process tree, one round. CPU use: of all usable cores. peak MB: of",
    "the process tree, shared memory counted once. speed-up: how many times faster than the case named, from rounds",
    "that took turns with it. stored/now: median of the stored run, divided by this one's; runs at different times",
    "are no evidence of a few percent, benchgate is.",
)


def lines(cases: Iterable[Case], stored: Iterable[Mapping[str, Case]] = ()) -> Iterator[str]:
    """Lines of the table of `cases`, by group; `stored` holds cases of earlier runs by full name."""
    measured = sorted((case for case in cases if case["extra_info"]), key=_group)
    for group, members in groupby(measured, key=_group):
        rows = [(case["name"], *_cells(case, stored)) for case in members]
        yield ""
        yield from _aligned([(group, *HEADINGS), *rows])
    if measured:
        yield ""
        yield from LEGEND


def of_kept_run(run: Mapping[str, Any]) -> Iterator[str]:
    """The table of a run as pytest-benchmark stores it."""
    yield f"{run['datetime'][:10]}, " + ", ".join(f"{key}: {value}" for key, value in of_run(run).items())
    yield from lines(run["benchmarks"])


def _group(case: Case) -> str:
    return str(case["group"])


def _cells(case: Case, stored: Iterable[Mapping[str, Case]]) -> Iterator[str]:
    info = case["extra_info"]
    yield _number(info.get("images_per_s"), 1)
    yield _number(info.get("cpu_s"), 3)
    yield _number(info.get("cpu_utilisation"), 0, scale=100, unit="%")
    yield _number(info.get("peak_pss_bytes", info.get("peak_rss_bytes")), 0, scale=1e-6)
    yield _speedup(info)
    name = case["fullname"]
    earlier = [run[name]["stats"]["median"] for run in stored if name in run]
    yield _number(earlier[-1] / case["stats"]["median"] if earlier else None, 2)


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


def section(run: Mapping[str, Any]) -> str:
    """What docs/figures.md has of a kept run."""
    return "".join(f"{line}\n" for line in ("```text", *of_kept_run(run), "```"))


def _reduced(run: Mapping[str, Any]) -> dict[str, Any]:
    """As much of a run as its table shows."""
    cases = [
        {key: case[key] for key in ("name", "fullname", "group", "extra_info")}
        | {"stats": {key: case["stats"][key] for key in ("median", "rounds")}}
        for case in run["benchmarks"]
    ]
    for case in cases:
        case["extra_info"].pop("baseline_wall_s", None)
    return {"datetime": run["datetime"], "machine_info": {"identity": of_run(run)}, "benchmarks": cases}


if __name__ == "__main__":
    _run = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    KEPT.write_text(json.dumps(_reduced(_run), indent=1) + "\n", encoding="ascii")
