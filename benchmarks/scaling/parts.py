"""What is measured, in parts that take under ninety seconds each, so that a machine need not be given up for long."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from itertools import chain
from pathlib import Path
from time import perf_counter
from typing import Any

from benchgate.guard.machine import identity
from benchmarks.scaling.cells import IDEAL, LOOP, measure
from benchmarks.scaling.overhead import start_costs, task_costs
from benchmarks.scaling.stages import slowdowns
from bgremove.machine import usable_cpus
from bgremove.strategies import BUILT_IN, STRATEGIES

ROOT = Path(__file__).parents[2]
KEPT = ROOT / "benchmarks" / "results" / "scaling.json"
PARALLEL = ("threads", "processes")
WORKERS = tuple(dict.fromkeys((1, usable_cpus(), 2 * usable_cpus())))
"""One shows what the strategy costs; as many as there are cores, what it gains; more, what that spoils."""


def _cells(images: Sequence[int], megapixels: float, contenders: Sequence[str], **how: int) -> Iterator[dict[str, Any]]:
    for cell in measure(images, megapixels, contenders, **how):
        yield asdict(cell)


def _by_workers(images: int, megapixels: float, strategies: Sequence[str], rounds: int) -> Iterator[dict[str, Any]]:
    return chain.from_iterable(
        _cells((images,), megapixels, (IDEAL, LOOP, *strategies), workers=workers, rounds=rounds) for workers in WORKERS
    )


PARTS: dict[str, Callable[[], Iterator[dict[str, Any]]]] = {
    "0.1 MP": partial(_cells, (1, 2, 4, 8, 16), 0.1, (IDEAL, *BUILT_IN), rounds=5),
    "32 of 0.1 MP": partial(_cells, (32,), 0.1, (IDEAL, *BUILT_IN), rounds=6),
    "64 of 0.1 MP": partial(_cells, (64,), 0.1, (IDEAL, *BUILT_IN), rounds=5),
    "256 images": partial(_cells, (256,), 0.1, (IDEAL, *BUILT_IN), rounds=3),
    "1 MP": partial(_cells, (1, 4, 16), 1.0, (IDEAL, *BUILT_IN), rounds=4),
    "32 of 1 MP": partial(_cells, (32,), 1.0, (IDEAL, *BUILT_IN), rounds=4),
    "12 MP": partial(_cells, (1, 4), 12.0, (IDEAL, *BUILT_IN), rounds=3),
    **{f"32 of 12 MP, {name}": partial(_cells, (32,), 12.0, (IDEAL, name), rounds=6) for name in PARALLEL},
    "24 MP": partial(_cells, (1, 4), 24.0, (IDEAL, *BUILT_IN), rounds=3),
    "dask": partial(_cells, (1, 4, 16, 64), 0.1, (IDEAL, LOOP, "dask"), rounds=4),
    "workers": partial(_by_workers, 32, 0.1, PARALLEL, 5),
    "workers of dask": partial(_by_workers, 64, 0.1, ("dask",), 4),
    "tasks": partial(task_costs, STRATEGIES),
    "start": partial(start_costs, STRATEGIES),
    "stages": partial(slowdowns, (0.1, 1.0, 12.0)),
}


def keep(name: str, kept: Path = KEPT) -> None:
    """Measure a part, and put it in the place of what was kept of it."""
    began_s = perf_counter()
    rows = list(PARTS[name]())
    everything = json.loads(kept.read_text(encoding="ascii")) if kept.exists() else {}
    everything[name] = {"date": f"{datetime.now(UTC):%Y-%m-%d}", "machine": identity(ROOT), "rows": rows}
    kept.write_text(json.dumps(everything, indent=1) + "\n", encoding="ascii")
    sys.stderr.write(f"{name}: {len(rows)} rows, {perf_counter() - began_s:.0f} s\n")
