"""``python -m benchmarks.margins PHOTOS MASKS``: masks by default beside those within a margin that is certain.

PHOTOS and MASKS are folders as of ``python -m benchmarks.location``. What touches the edge of its picture is told from
what does not: a certain margin cuts it off.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.location.pictures import Photograph
from benchmarks.location.reading import read_photographs
from benchmarks.masks import overlap
from bgremove.remove import remove_background
from bgremove.types import MARGIN

_NOTABLE = 0.01


def table(photographs: Sequence[Photograph]) -> str:
    """Markdown of the mean intersection over union, and of how often the default is better and worse."""
    touching = [_touches_edge(each) for each in photographs]
    lines = [
        "| object | with a margin | by default | difference (standard error) | better, worse |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for said, wanted in (("touches the edge", True), ("does not", False)):
        chosen = [each for each, touches in zip(photographs, touching, strict=True) if touches is wanted]
        if chosen:
            lines.append(f"| {said} ({len(chosen)}) | {_cells(np.array([_overlaps(each) for each in chosen]))} |")
    return "\n".join(lines) + "\n"


def _touches_edge(photograph: Photograph) -> bool:
    truth = photograph.truth
    return bool(np.concatenate([truth[0], truth[-1], truth[:, 0], truth[:, -1]]).any())


def _overlaps(photograph: Photograph) -> list[float]:
    """With a margin, and by default."""
    cutouts = remove_background(photograph.image, margin=MARGIN), remove_background(photograph.image)
    return [overlap(cutout.foreground, photograph.truth) for cutout in cutouts]


def _cells(overlaps: NDArray[np.float64]) -> str:
    gains = overlaps[:, 1] - overlaps[:, 0]
    error = gains.std() / len(gains) ** 0.5
    better, worse = np.count_nonzero(gains > _NOTABLE), np.count_nonzero(gains < -_NOTABLE)
    before, after = overlaps.mean(axis=0)
    return f"{before:.3f} | {after:.3f} | {gains.mean():+.3f} ({error:.3f}) | {better}, {worse}"


if __name__ == "__main__":
    _parser = argparse.ArgumentParser(prog="python -m benchmarks.margins", description=__doc__)
    for _name in ("photos", "masks"):
        _parser.add_argument(_name, type=Path)
    _given = _parser.parse_args()
    sys.stdout.write(table(read_photographs(_given.photos, _given.masks)))
