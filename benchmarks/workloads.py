"""What the cases work on, and the functions that workers run. Everything here can be sent to another process."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import cv2

from bgremove.batch import Job
from bgremove.batch.worker import FileWorker
from bgremove.cutout import Cutout
from bgremove.engines import DEFAULT_ENGINE
from bgremove.formats import write
from bgremove.preparation import Preparation
from bgremove.remove import remove_background
from bgremove.settings import Settings
from bgremove.strategies import Strategy, Task, make_strategy
from bgremove.strategies.transports import Transport
from bgremove.types import Image, Rect
from fixtures import load
from fixtures.scenes import make_scene

SOURCES = ("generated", "fixtures")

_SCENE_HEIGHT, _SCENES = 240, 12
_FIXTURES = ("rocket", "bowl", "tulip", "dahlia", "star", "pear")
"""Photographs and composites of middling cost, so that none decides alone how long a round takes."""


@dataclass(frozen=True, slots=True)
class Picture:
    """An image, and the rect around its object."""

    image: Image
    rect: Rect


@cache
def scene(height: int, seed: int = 1) -> Picture:
    """A generated scene of `height` pixels, with sides as 3 to 4."""
    made = make_scene(height, height * 4 // 3, seed)
    return Picture(made.image, made.rect)


@cache
def fixture(name: str) -> Picture:
    """A fixture, decoded."""
    found = next(each for each in load() if each.name == name)
    return Picture(found.read(), found.rect)


def pictures(source: str, count: int | None = None) -> list[Picture]:
    """The images of a source out of `SOURCES`; scenes in any number, the same twelve again and again."""
    if source == "fixtures":
        return [fixture(name) for name in _FIXTURES]
    return [scene(_SCENE_HEIGHT, number % _SCENES) for number in range(count or _SCENES)]


def jobs(source: str, folder: Path) -> list[Job]:
    """The images of a source as files, each with an output of its own; both in `folder`, as PNG."""
    made = []
    for index, picture in enumerate(pictures(source)):
        file = folder / f"{source}-{index}.png"
        write(file, picture.image)
        made.append(Job(file, {"cutout": folder / f"{source}-{index}-cutout.png"}, picture.rect, overwrite=True))
    return made


def cut(picture: Picture) -> Cutout:
    """The whole of what a user of arrays asks for."""
    return remove_background(picture.image, rect=picture.rect)


cut_file = FileWorker(Settings())
"""The whole of what a batch does with one file: read, segment, write."""


def tasks(values: Sequence[Any]) -> list[Task[Any]]:
    """One task for each value."""
    return [Task(index, value, f"task {index}") for index, value in enumerate(values)]


@contextmanager
def started(name: str, workers: int | None = None) -> Iterator[Strategy]:
    """A strategy whose workers are ready: started, OpenCV's threads set to one, kernels compiled."""
    with make_strategy(name, workers=workers, worker_context=Preparation(DEFAULT_ENGINE)) as strategy:
        strategy.warm_up(cut)
        yield strategy


def run(
    strategy: Strategy, function: Callable[[Any], Any], work: Sequence[Task[Any]], transport: Transport | None = None
) -> int:
    """Run all tasks; returns how many there were. A task that fails fails the case."""
    outcomes = strategy.run(function, work) if transport is None else transport.run(strategy, function, work)
    count = 0
    for outcome in outcomes:
        if outcome.error is not None:
            raise outcome.error
        count += 1
    assert count == len(work), f"{count} outcomes of {len(work)} tasks"
    return count


@contextmanager
def one_thread() -> Iterator[None]:
    """OpenCV does its work in the calling thread alone."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)
