"""What the machine takes from processes that work at a time: by the stages of an image, and for plain copies."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import numpy as np

from benchmarks.scaling.pinned import Pinned
from benchmarks.scaling.quiet import timed
from benchmarks.speed import scene
from bgremove.engines import DEFAULT_ENGINE
from bgremove.formats import Photo, decode, encode
from bgremove.machine import usable_cpus
from bgremove.preparation import Preparation
from bgremove.remove import cut_photo
from bgremove.settings import Settings

COPY = "copy 64 MB"
STAGES = ("decode", "segment", "encode", COPY)
COPY_BYTES = 64_000_000
"""Read, and as many written: more than the caches of most machines hold."""
_SECONDS = 0.5
"""About what one process does in a round."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of an image of so many megapixels, done without files."""

    name: str
    megapixels: float

    def __call__(self, _: object) -> None:
        """Do it once."""
        _made(self.name, self.megapixels)()


@lru_cache(maxsize=1)
def _made(name: str, megapixels: float) -> Callable[[], object]:
    """The stage, with what it works on, which is kept in the process that asks for it."""
    if name == COPY:
        source, target = np.ones(COPY_BYTES, np.uint8), np.ones(COPY_BYTES, np.uint8)
        return partial(np.copyto, target, source)
    image, rect, _ = scene(megapixels, 1)
    settings = Settings(rect=rect)
    if name == "decode":
        return partial(decode, encode(image, "jpg"))
    if name == "segment":
        return partial(cut_photo, Photo(image), settings)
    return partial(encode, cut_photo(Photo(image), settings).emitted("cutout", settings), "png")


def slowdowns(sizes: Sequence[float], rounds: int = 6) -> Iterator[dict[str, Any]]:
    """Seconds of as many calls by one process alone, and by each of as many as there are cores, in each round."""
    order = random.Random(0)
    with ExitStack() as stack:
        sides = {
            side: stack.enter_context(Pinned(count, Preparation(DEFAULT_ENGINE)))
            for side, count in {"alone": 1, "all": usable_cpus()}.items()
        }
        for stage in [Stage(COPY, 0.0), *(Stage(name, size) for size in sizes for name in STAGES if name != COPY)]:
            sides["all"].run(stage, range(usable_cpus()))  # makes what it works on
            sides["alone"].run(stage, range(1))
            calls = max(1, round(_SECONDS / timed(partial(sides["alone"].run, stage, range(1))).wall_s))
            seconds: dict[str, list[float]] = {side: [] for side in sides}
            for _ in range(rounds):
                for side in order.sample(list(sides), len(sides)):
                    count = calls * (usable_cpus() if side == "all" else 1)
                    seconds[side].append(timed(partial(sides[side].run, stage, range(count))).wall_s / calls)
            yield {"stage": stage.name, "megapixels": stage.megapixels, "seconds": seconds}
