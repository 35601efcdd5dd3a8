"""``python -m benchmarks.million``: a batch of a million names is planned, run by a stub, and resumed.

The names are those of files that are there, links to one small picture a folder; what is measured is all that a run
does beside the images. Each stage is a process of its own. What was measured is in `KEPT`.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import Any
from unittest.mock import patch

import numpy as np

from benchgate.guard.machine import identity
from bgremove.batch import Job, make_plan, run, run_jobs
from bgremove.batch.worker import Done, Times
from bgremove.formats import encode
from bgremove.settings import Settings
from bgremove.strategies import make_strategy

KEPT = Path(__file__).parent / "results" / "million.json"
_NAMES_PER_FOLDER = 1000


@dataclass(frozen=True, slots=True)
class StubWorker:
    """Stands for `FileWorker`: links the photograph to where the cutout would be."""

    settings: Settings

    def __call__(self, job: Job) -> Done:
        """Do one file."""
        for path in map(str, job.outputs.values()):
            if not os.path.isdir(os.path.dirname(path)):
                os.makedirs(os.path.dirname(path), exist_ok=True)
            os.link(str(job.source), path)
        return Done(Times(0.0, 0.0, 0.0), (), {})


def make_names(folder: Path, count: int) -> None:
    """So many photographs in folders of a thousand; a file has no room for a million links."""
    content = encode(np.zeros((30, 40, 4), np.uint8))
    for first in range(0, count, _NAMES_PER_FOLDER):
        inner = folder / f"{first // _NAMES_PER_FOLDER:04}"
        inner.mkdir(parents=True)
        original = inner / f"photograph-{first:07}.png"
        original.write_bytes(content)
        for number in range(first + 1, min(count, first + _NAMES_PER_FOLDER)):
            os.link(original, inner / f"photograph-{number:07}.png")


def planned(folder: Path) -> dict[str, float]:
    """Seconds until everything is planned."""
    began_s = perf_counter()
    plan = make_plan(folder / "in", folder / "out", Settings(), recursive=True)
    return {"seconds": perf_counter() - began_s, "names": len(plan.todo)}


def done(folder: Path) -> dict[str, float]:
    """Seconds until all are done, and until the first is, by two worker processes."""
    began_s = perf_counter()
    plan = make_plan(folder / "in", folder / "out", Settings(), recursive=True)
    count, first_s = 0, 0.0
    with (
        patch.object(run, "FileWorker", StubWorker),
        make_strategy("processes", workers=2) as strategy,
        closing(run_jobs(plan, strategy)) as records,
    ):
        for record in records:
            first_s = first_s or perf_counter() - began_s
            count += record.status == "ok"
    return {"seconds": perf_counter() - began_s, "first_s": first_s, "names": count}


def resumed(folder: Path) -> dict[str, float]:
    """Seconds until it is known that nothing is left to do: the whole command."""
    words = ["remove", str(folder / "in"), "-o", str(folder / "out"), "-r", "--resume"]
    began_s = perf_counter()
    ran = subprocess.run(  # noqa: S603 - this very package
        [sys.executable, "-m", "bgremove", *words], check=True, capture_output=True, text=True
    )
    seconds = perf_counter() - began_s
    return {"seconds": seconds, "names": int(ran.stderr.split(" ok, ")[1].split()[0])}


_STAGES: dict[str, Callable[[Path], dict[str, float]]] = {"planned": planned, "done": done, "resumed": resumed}


def measured(stage: str, folder: Path) -> dict[str, float]:
    """A stage in a process of its own, and the most memory that this, or one that it starts for it, took."""
    line = [sys.executable, "-m", "benchmarks.million", "--stage", stage, "--folder", str(folder)]
    ran = subprocess.run(line, check=True, capture_output=True, text=True)  # noqa: S603 - this very module
    return dict(json.loads(ran.stdout))


def _stage(name: str, folder: Path) -> dict[str, float]:
    taken = _STAGES[name](folder)
    who = resource.RUSAGE_CHILDREN if name == "resumed" else resource.RUSAGE_SELF
    scale = 1 if sys.platform == "darwin" else 1024
    return {**taken, "peak_bytes": scale * resource.getrusage(who).ru_maxrss}


def table(kept: dict[str, Any]) -> str:
    """Markdown of what was kept."""
    machine = ", ".join(f"{key}: {value}" for key, value in kept["machine"].items())
    lines = [
        f"{kept['date']}. {machine}.",
        "",
        "| names | stage | s | us a name | peak MB |",
        "| ---: | --- " + "| ---: " * 3 + "|",
    ]
    for row in kept["rows"]:
        seconds, names, peak = row["seconds"], int(row["names"]), row["peak_bytes"] / 1e6
        lines.append(f"| {names:,} | {row['stage']} | {seconds:.1f} | {1e6 * seconds / names:.0f} | {peak:.0f} |")
    return "\n".join(lines) + "\n"


def _all(counts: list[int]) -> dict[str, Any]:
    rows = []
    for count in counts:
        with tempfile.TemporaryDirectory(prefix="bgremove-million-") as folder:
            make_names(Path(folder, "in"), count)
            for stage in _STAGES:
                rows.append({"stage": stage, **measured(stage, Path(folder))})
                sys.stderr.write(f"{count:,} {stage}: {rows[-1]}\n")
    return {"date": f"{datetime.now(UTC):%Y-%m-%d}", "machine": identity(Path(__file__).parents[1]), "rows": rows}


if __name__ == "__main__":
    _parser = argparse.ArgumentParser(prog="python -m benchmarks.million", description=__doc__)
    _parser.add_argument("--names", type=int, nargs="+", default=[10_000, 100_000, 1_000_000], help="(%(default)s)")
    _parser.add_argument("--stage", choices=_STAGES, help=argparse.SUPPRESS)
    _parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    _arguments = _parser.parse_args()
    if _arguments.stage:
        sys.stdout.write(json.dumps(_stage(_arguments.stage, _arguments.folder)) + "\n")
    else:
        KEPT.write_text(json.dumps(_all(_arguments.names), indent=1) + "\n", encoding="ascii")
