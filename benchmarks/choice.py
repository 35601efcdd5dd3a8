"""``python -m benchmarks.choice``: what `auto` chooses beside what is best, over images and pixels, as whole commands.

Each command reads the photographs, cuts them out and writes them; its start counts. What was measured is in `KEPT`.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from benchgate.guard.machine import identity
from benchmarks.speed import scene
from bgremove.batch import make_plan
from bgremove.batch.run import batch_strategy, estimate_s
from bgremove.formats import encode
from bgremove.settings import Settings

KEPT = Path(__file__).parent / "results" / "choice.json"
STRATEGIES = ("sequential", "threads", "processes")
IMAGES = (1, 4, 15, 64, 256)
MEGAPIXELS = (0.1, 1.0, 12.0)
ROUNDS_S = 120.0
"""About how long the rounds of one strategy take together, if there is more than one."""
HOPELESS_S = 60.0
"""A loop that would take longer is not run: with several cores it is not the best."""


@dataclass(frozen=True, slots=True)
class Cell:
    """So many images of one size: the strategy that `auto` chooses, and the seconds of each round by strategy."""

    images: int
    megapixels: float
    chosen: str
    seconds: dict[str, list[float]]

    @property
    def excess(self) -> float:
        """How much longer the choice takes than the best; 0 where it is the best."""
        medians = {name: median(rounds) for name, rounds in self.seconds.items()}
        return medians[self.chosen] / min(medians.values()) - 1


def measure(images: int, megapixels: float, rounds: int, order: random.Random) -> Cell:
    """Each strategy in turn, in random order within a round."""
    with tempfile.TemporaryDirectory(prefix="bgremove-choice-") as folder:
        inputs = Path(folder, "in")
        inputs.mkdir()
        first = inputs / "0.png"
        first.write_bytes(encode(scene(megapixels, 1)[0]))
        for index in range(1, images):
            os.link(first, inputs / f"{index}.png")
        plan = make_plan(inputs, Path(folder, "out"), Settings())
        made = batch_strategy(plan, "auto")
        loop_s = sum(estimate_s(plan.settings, job.pixels or 0) for job in plan.todo)
        contenders = [name for name in STRATEGIES if name != "sequential" or loop_s < HOPELESS_S or made.name == name]
        seconds: dict[str, list[float]] = {name: [] for name in contenders}
        for _ in range(max(1, min(rounds, int(ROUNDS_S / loop_s)))):
            for name in order.sample(contenders, len(contenders)):
                with tempfile.TemporaryDirectory(dir=folder) as output:
                    seconds[name].append(_run(inputs, Path(output), name))
        return Cell(images, megapixels, made.name, seconds)


def _run(inputs: Path, output: Path, strategy: str) -> float:
    line = [sys.executable, "-m", "bgremove", "remove", str(inputs), "-o", str(output), "-q"]
    start = perf_counter()
    subprocess.run([*line, "--strategy", strategy], check=True)  # noqa: S603 - this very package
    return perf_counter() - start


def tables(kept: dict[str, Any]) -> str:
    """Markdown of what was kept."""
    machine = ", ".join(f"{key}: {value}" for key, value in kept["machine"].items())
    return "\n".join([f"{kept['date']}. {machine}.", "", *_rows([Cell(**each) for each in kept["cells"]])]) + "\n"


def _rows(cells: Sequence[Cell]) -> Iterator[str]:
    yield f"| images | MP each | {' | '.join(f'`{name}`, s' for name in STRATEGIES)} | `auto` chooses | longer by |"
    yield "| ---: " * (2 + len(STRATEGIES)) + "| --- | ---: |"
    for cell in cells:
        times = [f"{median(cell.seconds[name]):.2f}" if name in cell.seconds else "" for name in STRATEGIES]
        yield f"| {cell.images} | {cell.megapixels:g} | {' | '.join(times)} | `{cell.chosen}` | {cell.excess:.0%} |"


def _measured(rounds: int) -> dict[str, Any]:
    order, cells = random.Random(0), []
    for megapixels in MEGAPIXELS:
        for images in IMAGES:
            cells.append(measure(images, megapixels, rounds, order))
            sys.stderr.write(f"{images} x {megapixels:g} MP: {cells[-1].chosen} +{cells[-1].excess:.0%}\n")
    machine = identity(Path(__file__).parents[1])
    return {"date": f"{datetime.now(UTC):%Y-%m-%d}", "machine": machine, "cells": [asdict(cell) for cell in cells]}


if __name__ == "__main__":
    _parser = argparse.ArgumentParser(prog="python -m benchmarks.choice", description=__doc__)
    _parser.add_argument("--rounds", type=int, default=3, help="of each strategy at most (%(default)s)")
    KEPT.write_text(json.dumps(_measured(_parser.parse_args().rounds), indent=1) + "\n", encoding="ascii")
