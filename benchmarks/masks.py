"""``python -m benchmarks.masks``: every fixture under the old and the new default, with a rect and without.

What it measured is kept in `KEPT`; ``python -m benchmarks.tables`` makes the table of it. The engines take turns, so
that their times can be compared.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import fmean, median
from time import perf_counter
from typing import Any

import numpy as np

from benchmarks.workloads import one_thread
from bgremove.engines import DEFAULT_ENGINE, make_engine
from bgremove.formats import Photo
from bgremove.remove import initial_labels, remove_background
from bgremove.types import Foreground, Image, Rect
from fixtures import load

KEPT = Path(__file__).parent / "results" / "masks.json"
ENGINES = ("exact", DEFAULT_ENGINE)
MARGIN = 0.05


@dataclass(frozen=True, slots=True)
class Result:
    """One fixture and one kind of rect: intersection over union with the truth, and median seconds, by engine."""

    name: str
    kind: str
    drawn: bool
    overlap: dict[str, float]
    seconds: dict[str, float]
    doubts: tuple[str, ...]
    """What is said of the mask of the default engine."""


def overlap(mask: Foreground, truth: Foreground) -> float:
    """Intersection over union."""
    return float(np.sum(mask & truth) / max(1, int(np.sum(mask | truth))))


def measure(image: Image, truth: Foreground, rect: Rect, *, drawn: bool, rounds: int) -> dict[str, Any]:
    """Overlap, seconds and doubts of one picture, each engine `rounds` times in turn."""
    labels = initial_labels(Photo(image), rect)
    seconds: dict[str, list[float]] = {engine: [] for engine in ENGINES}
    masks = {}
    for number in range(rounds):
        for engine in ENGINES if number % 2 else ENGINES[::-1]:
            start = perf_counter()
            masks[engine] = make_engine(engine).segment(image, labels, iterations=5, seed=0, drawn=drawn)
            seconds[engine].append(perf_counter() - start)
    return {
        "overlap": {engine: overlap((mask & 1).view(np.bool_), truth) for engine, mask in masks.items()},
        "seconds": {engine: median(times) for engine, times in seconds.items()},
        "doubts": remove_background(image, **({"rect": rect} if drawn else {"margin": MARGIN})).doubts,
    }


def results(rounds: int) -> Iterator[Result]:
    """All fixtures, first with the rect that belongs to them, then with a margin only."""
    for drawn in (True, False):
        for fixture in load():
            image, truth = fixture.read(), fixture.truth()
            rect = fixture.rect if drawn else Rect.from_margin(MARGIN, *truth.shape)
            measured = measure(image, truth, rect, drawn=drawn, rounds=rounds)
            yield Result(fixture.name, fixture.kind, drawn, **measured)


def table(kept: dict[str, Any]) -> str:
    """Markdown of what was kept."""
    found = [Result(**each) for each in kept["results"]]
    before, after = kept["engines"]
    lines = [f"{kept['date']}, {kept['rounds']} rounds. IoU: intersection over union with the truth.", ""]
    lines.append(f"| fixture | rect: `{before}` | `{after}` | no rect: `{before}` | `{after}` | named as doubtful |")
    lines.append("| --- | ---: | ---: | ---: | ---: | --- |")
    by_name = {(each.name, each.drawn): each for each in found}
    for name in dict.fromkeys(each.name for each in found):
        pair = by_name[name, True], by_name[name, False]
        cells = [f"{each.overlap[engine]:.3f}" for each in pair for engine in (before, after)]
        doubts = "; ".join(
            f"{said}: {', '.join(each.doubts)}"
            for said, each in zip(("rect", "no rect"), pair, strict=True)
            if each.doubts
        )
        lines.append(f"| {name} | {' | '.join(cells)} | {doubts} |")
    lines.append(f"| **mean** | {' | '.join(_means(found, before, after))} | |")
    lines += ["", *_summary(found, before, after)]
    return "\n".join(lines) + "\n"


def _means(found: Sequence[Result], before: str, after: str) -> Iterator[str]:
    for drawn in (True, False):
        for engine in (before, after):
            yield f"**{fmean(each.overlap[engine] for each in found if each.drawn is drawn):.3f}**"


def _summary(found: Sequence[Result], before: str, after: str) -> Iterator[str]:
    ratios = [each.seconds[before] / each.seconds[after] for each in found]
    share = float(np.exp(-np.log(ratios).mean()))
    yield f"`{after}` takes {share:.2f} of the time of `{before}` (geometric mean over pictures)."
    bad = [each for each in found if each.overlap[after] < 0.7]
    rest = [each for each in found if each.overlap[after] >= 0.7]
    named, wrongly = (sum(1 for each in group if each.doubts) for group in (bad, rest))
    yield f"Of {len(bad)} masks under an IoU of 0.7, {named} are named as doubtful; of {len(rest)} others, {wrongly}."


def _measured(rounds: int) -> dict[str, Any]:
    with one_thread():
        for engine in ENGINES:
            make_engine(engine).warm_up()
        found = [asdict(each) for each in results(rounds)]
    return {"date": f"{datetime.now(UTC):%Y-%m-%d}", "rounds": rounds, "engines": ENGINES, "results": found}


if __name__ == "__main__":
    _parser = argparse.ArgumentParser(prog="python -m benchmarks.masks", description=__doc__)
    _parser.add_argument("--rounds", type=int, default=3, help="of each engine on each picture (%(default)s)")
    KEPT.write_text(json.dumps(_measured(_parser.parse_args().rounds), indent=1) + "\n", encoding="ascii")
