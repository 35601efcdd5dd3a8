"""``python -m benchmarks.speed``: all engines on every fixture and on scenes of up to 24 megapixels, in one thread.

The suite times a few pictures with an interval for each; this takes them all, a few times each, and sums up over
pictures. What it measured is kept in `KEPT`.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from statistics import fmean, median
from time import perf_counter
from typing import Any

import cv2
import numpy as np

from benchgate.guard.machine import identity
from benchmarks.workloads import one_thread
from bgremove.comparison.statistics import paired_ratio
from bgremove.engines import make_engine
from bgremove.formats import Photo
from bgremove.remove import initial_labels
from bgremove.types import Foreground, Image, Mask, Rect
from fixtures import Fixture, load
from fixtures.scenes import make_scene

KEPT = Path(__file__).parent / "results" / "speed.json"
REFERENCE = "opencv"
ENGINES = (REFERENCE, "exact", "multiscale")
OWN_SIZE, ENLARGED, SCENE = "fixtures, own size", "fixtures, enlarged to 1 MP", "scenes"
MEGAPIXEL = 1_000_000
SCENES_MP = {1: ENGINES, 3: ENGINES[1:], 12: ENGINES[1:], 24: ENGINES[2:]}
"""Sizes, and the engines that are not too slow for them."""
SCENE_SEEDS = (1, 2)


@dataclass(frozen=True, slots=True)
class Subject:
    """A picture to be segmented. It is made when its turn comes, since all of them would be gigabytes."""

    name: str
    group: str
    engines: tuple[str, ...]
    make: Callable[[], tuple[Image, Rect, Foreground]]


@dataclass(frozen=True, slots=True)
class Result:
    """What was measured of one subject: by engine, the seconds of each round and the error inside the rect.

    An error is the share of the rect's pixels that are on the wrong side. `differing` counts the pixels at which
    `exact` and the reference disagree, None where one of them was not run.
    """

    name: str
    group: str
    pixels: int
    seconds: dict[str, list[float]]
    errors: dict[str, float]
    differing: int | None


def subjects() -> Iterator[Subject]:
    """All of them, from the quickest kind to the slowest."""
    for fixture in load():
        yield Subject(fixture.name, OWN_SIZE, ENGINES, partial(enlarged, fixture, 0))
    for fixture in load():
        yield Subject(fixture.name, ENLARGED, ENGINES, partial(enlarged, fixture, MEGAPIXEL))
    for megapixels, engines in SCENES_MP.items():
        for seed in SCENE_SEEDS:
            name = f"{megapixels} MP, seed {seed}"
            yield Subject(name, SCENE, engines, partial(scene, megapixels, seed))


def enlarged(fixture: Fixture, pixels: int) -> tuple[Image, Rect, Foreground]:
    """A fixture with about so many pixels, but never reduced."""
    image, truth = fixture.read(), fixture.truth()
    factor = max(1.0, (pixels / truth.size) ** 0.5)
    if factor == 1:
        return image, fixture.rect, truth
    size = round(truth.shape[1] * factor), round(truth.shape[0] * factor)
    larger = cv2.resize(image, size, interpolation=cv2.INTER_CUBIC)
    shades = cv2.resize(truth.astype(np.uint8) * np.uint8(255), size, interpolation=cv2.INTER_LINEAR)
    return np.asarray(larger, np.uint8), Rect(*(round(side * factor) for side in fixture.rect)), shades > 127


def scene(megapixels: float, seed: int) -> tuple[Image, Rect, Foreground]:
    """A generated scene of so many megapixels, with sides as 3 to 4."""
    height = round((megapixels * MEGAPIXEL * 3 / 4) ** 0.5)
    made = make_scene(height, round(height * 4 / 3), seed)
    return made.image, made.rect, made.truth


def measure(subject: Subject, rounds: int, order: random.Random) -> Result:
    """Each of its engines `rounds` times, in random order within a round, in this thread."""
    image, rect, truth = subject.make()
    labels = initial_labels(Photo(image), rect)
    seconds: dict[str, list[float]] = {engine: [] for engine in subject.engines}
    masks: dict[str, Mask] = {}
    for _ in range(rounds):
        for engine in order.sample(subject.engines, len(subject.engines)):
            start = perf_counter()
            masks[engine] = make_engine(engine).segment(image, labels, iterations=5, seed=0)
            seconds[engine].append(perf_counter() - start)
    wrong = {
        engine: float(np.mean((masks[engine][rect.slices] & 1) != truth[rect.slices])) for engine in subject.engines
    }
    both = [masks[engine] for engine in ENGINES[:2] if engine in masks]
    differing = int(np.count_nonzero(both[0] != both[1])) if len(both) > 1 else None
    return Result(subject.name, subject.group, labels.size, seconds, wrong, differing)


def tables(kept: dict[str, Any]) -> str:
    """Markdown of what was kept."""
    results = [Result(**each) for each in kept["results"]]
    machine = ", ".join(f"{key}: {value}" for key, value in kept["machine"].items())
    lines = [f"{kept['date']}, {kept['rounds']} rounds. {machine}.", ""]
    lines += _summary(results)
    lines += ["", *_by_size([result for result in results if result.group == SCENE])]
    return "\n".join(lines) + "\n"


def _summary(results: Sequence[Result]) -> Iterator[str]:
    yield "| pictures | engine | times as fast as `opencv` | least | most | error in the rect | pixels that differ |"
    yield "| --- | --- | ---: | ---: | ---: | ---: | ---: |"
    whole = [result for result in results if REFERENCE in result.seconds]
    groups = {group: [result for result in whole if result.group == group] for group in (OWN_SIZE, ENLARGED)}
    groups["fixtures, both"] = groups[OWN_SIZE] + groups[ENLARGED]
    groups["scenes of 1 MP"] = [result for result in whole if result.group == SCENE]
    for name, members in groups.items():
        for engine in ENGINES:
            yield _summary_row(f"{name} ({len(members)})", engine, members)


def _summary_row(name: str, engine: str, results: Sequence[Result]) -> str:
    error = f"{fmean(result.errors[engine] for result in results):.2%}"
    if engine == REFERENCE:
        return f"| {name} | `{engine}` | 1 | | | {error} | |"
    base, own = _medians(results, REFERENCE), _medians(results, engine)
    mean = paired_ratio(base, own)
    ratios = [one / other for one, other in zip(base, own, strict=True)]
    unlike = sum(result.differing or 0 for result in results)
    shown = f"{unlike} of {sum(result.pixels for result in results):,}" if engine == "exact" else ""
    faster = f"{mean.estimate:.1f} ({mean.low:.1f} to {mean.high:.1f})"
    return f"| {name} | `{engine}` | {faster} | {min(ratios):.1f} | {max(ratios):.1f} | {error} | {shown} |"


def _by_size(scenes: Sequence[Result]) -> Iterator[str]:
    reference_s = fmean(_medians([scene for scene in scenes if REFERENCE in scene.seconds], REFERENCE))
    yield f"| scenes | {' | '.join(f'`{engine}`, s' for engine in ENGINES)} | " + (
        f"`opencv` on 1 MP ({reference_s:.1f} s) takes | error of `multiscale` |"
    )
    yield "| ---: " * 6 + "|"
    for pixels in dict.fromkeys(scene.pixels for scene in scenes):
        alike = [scene for scene in scenes if scene.pixels == pixels]
        cells = [f"{fmean(_medians(alike, engine)):.2f}" if engine in alike[0].seconds else "" for engine in ENGINES]
        ratio = reference_s / fmean(_medians(alike, "multiscale"))
        error = fmean(scene.errors["multiscale"] for scene in alike)
        yield f"| {pixels / MEGAPIXEL:.0f} MP | {' | '.join(cells)} | {ratio:.0f} times as long | {error:.2%} |"


def _medians(results: Iterable[Result], engine: str) -> list[float]:
    return [median(result.seconds[engine]) for result in results]


def _measured(rounds: int) -> dict[str, Any]:
    order, results = random.Random(0), []
    with one_thread():
        for engine in ENGINES:
            make_engine(engine).warm_up()
        for subject in subjects():
            results.append(asdict(measure(subject, rounds, order)))
            sys.stderr.write(f"{subject.group}: {subject.name}\n")
    machine = identity(Path(__file__).parents[1])
    return {"date": f"{datetime.now(UTC):%Y-%m-%d}", "rounds": rounds, "machine": machine, "results": results}


if __name__ == "__main__":
    _parser = argparse.ArgumentParser(prog="python -m benchmarks.speed", description=__doc__)
    _parser.add_argument("--rounds", type=int, default=3, help="of each engine on each picture (%(default)s)")
    KEPT.write_text(json.dumps(_measured(_parser.parse_args().rounds), indent=1) + "\n", encoding="ascii")
