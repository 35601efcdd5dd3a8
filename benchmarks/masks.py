"""``python -m benchmarks.masks``: every fixture under the old and the new default, with a rect and without.

``--model u2net=FILE`` adds the engine ``onnx``, which has no margin: without a rect it sees the whole image. What it
measured is kept in `KEPT`; ``python -m benchmarks.tables`` makes the table of it. The engines take turns, so that their
times can be compared.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import fmean, median
from time import perf_counter
from typing import Any

import numpy as np

from benchmarks.workloads import one_thread
from bgremove.engines import DEFAULT_ENGINE, Model, make_engine, read_model
from bgremove.formats import Photo
from bgremove.remove import chosen_rect, initial_labels, label_around, remove_background
from bgremove.settings import Settings
from bgremove.types import Foreground, Image
from fixtures import load

KEPT = Path(__file__).parent / "results" / "masks.json"
ENGINES = ("exact", DEFAULT_ENGINE)


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


def settings_for(model: Model | None) -> list[Settings]:
    """How each engine is used; the last one only with a `model`."""
    settings = [Settings(engine=engine) for engine in ENGINES]
    return settings if model is None else [*settings, Settings(engine="onnx", model=model)]


def measure(image: Image, truth: Foreground, chosen: Sequence[Settings], rounds: int) -> dict[str, Any]:
    """Overlap, seconds and doubts of one picture, each engine `rounds` times in turn."""
    seconds: dict[str, list[float]] = {each.engine: [] for each in chosen}
    masks = {}
    for number in range(rounds):
        for each in chosen if number % 2 else chosen[::-1]:
            engine, drawn = make_engine(each.engine, each.model), each.rect is not None
            around = label_around(each, engine, *truth.shape)
            labels = initial_labels(Photo(image), chosen_rect(each, *truth.shape), around=around)
            start = perf_counter()
            masks[each.engine] = engine.segment(image, labels, iterations=5, seed=0, drawn=drawn)
            seconds[each.engine].append(perf_counter() - start)
    default = next(each for each in chosen if each.engine == DEFAULT_ENGINE)
    return {
        "overlap": {engine: overlap((mask & 1).view(np.bool_), truth) for engine, mask in masks.items()},
        "seconds": {engine: median(times) for engine, times in seconds.items()},
        "doubts": remove_background(image, settings=default).doubts,
    }


def results(rounds: int, model: Model | None) -> Iterator[Result]:
    """All fixtures, first with the rect that belongs to them, then with a margin only."""
    for drawn in (True, False):
        for fixture in load():
            image, truth = fixture.read(), fixture.truth()
            chosen = [replace(each, rect=fixture.rect if drawn else None) for each in settings_for(model)]
            yield Result(fixture.name, fixture.kind, drawn, **measure(image, truth, chosen, rounds))


def table(kept: dict[str, Any]) -> str:
    """Markdown of what was kept."""
    found = [Result(**each) for each in kept["results"]]
    engines = kept["engines"]
    model = f" `onnx` is {kept['model']}." if kept["model"] else ""
    lines = [f"{kept['date']}, {kept['rounds']} rounds. IoU: intersection over union with the truth.{model}", ""]
    columns = " | ".join(f"`{engine}`" for engine in engines)
    lines.append(f"| fixture | rect: {columns} | no rect: {columns} | named as doubtful |")
    lines.append(f"| --- |{' ---: |' * (2 * len(engines))} --- |")
    by_name = {(each.name, each.drawn): each for each in found}
    for name in dict.fromkeys(each.name for each in found):
        pair = by_name[name, True], by_name[name, False]
        cells = [f"{each.overlap[engine]:.3f}" for each in pair for engine in engines]
        doubts = "; ".join(
            f"{said}: {', '.join(each.doubts)}"
            for said, each in zip(("rect", "no rect"), pair, strict=True)
            if each.doubts
        )
        lines.append(f"| {name} | {' | '.join(cells)} | {doubts} |")
    lines.append(f"| **mean** | {' | '.join(_means(found, engines))} | |")
    lines += ["", *_summary(found, *ENGINES)]
    return "\n".join(lines) + "\n"


def _means(found: Sequence[Result], engines: Sequence[str]) -> Iterator[str]:
    for drawn in (True, False):
        for engine in engines:
            yield f"**{fmean(each.overlap[engine] for each in found if each.drawn is drawn):.3f}**"


def _summary(found: Sequence[Result], before: str, after: str) -> Iterator[str]:
    ratios = [each.seconds[before] / each.seconds[after] for each in found]
    share = float(np.exp(-np.log(ratios).mean()))
    yield f"`{after}` takes {share:.2f} of the time of `{before}` (geometric mean over pictures)."
    bad = [each for each in found if each.overlap[after] < 0.7]
    rest = [each for each in found if each.overlap[after] >= 0.7]
    named, wrongly = (sum(1 for each in group if each.doubts) for group in (bad, rest))
    yield f"Of {len(bad)} masks under an IoU of 0.7, {named} are named as doubtful; of {len(rest)} others, {wrongly}."


def _measured(rounds: int, name: str | None) -> dict[str, Any]:
    model = None if name is None else read_model(name)
    chosen = settings_for(model)
    with one_thread():
        for each in chosen:
            make_engine(each.engine, each.model).warm_up()
        found = [asdict(each) for each in results(rounds, model)]
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "rounds": rounds,
        "engines": [each.engine for each in chosen],
        "model": ""
        if model is None
        else f"{Path(model.path).name}, {model.file_bytes / 1e6:.0f} MB, {model.digest[:8]}",
        "results": found,
    }


if __name__ == "__main__":
    _parser = argparse.ArgumentParser(prog="python -m benchmarks.masks", description=__doc__)
    _parser.add_argument("--rounds", type=int, default=3, help="of each engine on each picture (%(default)s)")
    _parser.add_argument("--model", metavar="PRESET=FILE", help="measures the engine onnx too")
    _given = _parser.parse_args()
    KEPT.write_text(json.dumps(_measured(_given.rounds, _given.model), indent=1) + "\n", encoding="ascii")
