"""``python -m benchmarks.location PHOTOS MASKS``: fit the network that tells where the object is likely to be.

PHOTOS and MASKS are folders whose files have the same names but for the suffix; a mask is bright on the object. Half of
the photographs judge a network fitted to the other half, and the other way round; the one that is printed at the end,
for ``bgremove/engines/_location_table.py``, is fitted to all of them.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

import cv2
import numpy as np

from bgremove.engines._barriers import Field
from bgremove.engines._cues import CUES, measure_cues
from bgremove.engines._location import shrink
from bgremove.engines._location_table import LIMIT, Network, parse
from bgremove.formats import read
from bgremove.types import Foreground, Image, Label, Mask, Rect

PIXELS = 400  # of each photograph under each kind of box
UNITS, DECAY, EPOCHS, BATCH, RATE = 16, 3e-3, 20, 512, 3e-3
MARGIN = 0.05
_BRIGHT = 127
_MOST_ROOM = 0.05  # between the object and a side of a drawn box, as a share of the object's


class Sample(NamedTuple):
    """Some pixels of one photograph."""

    cues: Field
    """(pixels, cues)"""
    truth: Foreground
    """(pixels,)"""
    drawn: bool


def take_sample(image: Image, truth: Foreground, *, drawn: bool, generator: np.random.Generator) -> Sample:
    """Open pixels at random, in a box that is drawn around the truth or leaves a margin."""
    rect = draw(truth, generator) if drawn else Rect.from_margin(MARGIN, *truth.shape)
    labels: Mask = np.zeros(truth.shape, np.uint8)
    labels[rect.slices] = Label.PROBABLY_FOREGROUND
    across, down = rect.width // 4 + 2, rect.height // 4 + 2  # as the engine looks around the box
    window = (
        slice(max(0, rect.y - down), rect.y + rect.height + down),
        slice(max(0, rect.x - across), rect.x + rect.width + across),
    )
    small, labels = shrink(np.ascontiguousarray(image[window]), np.ascontiguousarray(labels[window]))
    size = labels.shape[1], labels.shape[0]
    share = cv2.resize(truth[window].astype(np.float32), size, interpolation=cv2.INTER_AREA)
    chosen = np.flatnonzero(labels >= Label.PROBABLY_BACKGROUND)
    chosen = generator.choice(chosen, min(PIXELS, chosen.size), replace=False)
    return Sample(measure_cues(small, labels).reshape(-1, len(CUES))[chosen], share.ravel()[chosen] > 0.5, drawn)


def draw(truth: Foreground, generator: np.random.Generator) -> Rect:
    """A rect around the object, as a person might draw it."""
    x, y, width, height = cv2.boundingRect(truth.astype(np.uint8))
    left, right, top, bottom = (
        int(share * side) + 1
        for share, side in zip(generator.uniform(0, _MOST_ROOM, 4), (width, width, height, height), strict=True)
    )
    x0, y0 = max(1, x - left), max(1, y - top)
    x1, y1 = min(truth.shape[1] - 1, x + width + right), min(truth.shape[0] - 1, y + height + bottom)
    return Rect(x0, y0, x1 - x0, y1 - y0)


def fit(samples: Sequence[Sample]) -> str:
    """The table of a network that is fitted by Adam (Kingma, Ba 2015, https://arxiv.org/abs/1412.6980)."""
    cues = np.concatenate([sample.cues for sample in samples])
    mean, deviation = cues.mean(axis=0), cues.std(axis=0) + 1e-6
    drawn = np.concatenate([np.full(len(sample.truth), 2.0 * sample.drawn - 1) for sample in samples])
    seen = np.column_stack([np.clip((cues - mean) / deviation, -LIMIT, LIMIT), drawn]).astype(np.float32)
    truth = np.concatenate([sample.truth for sample in samples]).astype(np.float32)
    generator = np.random.default_rng(0)
    number = seen.shape[1]
    shapes = (number, UNITS), (UNITS,), (UNITS,), (1,)
    spreads = number**-0.5, 0, UNITS**-0.5, 0
    values = [
        generator.normal(0, 1, shape).astype(np.float32) * spread for shape, spread in zip(shapes, spreads, strict=True)
    ]
    first, second = ([np.zeros_like(value) for value in values] for _ in range(2))
    steps = EPOCHS * (len(seen) // BATCH)
    for step in range(steps):
        if step % (len(seen) // BATCH) == 0:
            order = generator.permutation(len(seen))
        chosen = order[step % (len(seen) // BATCH) * BATCH :][:BATCH]
        rate = RATE * (1 - step / steps) + 1e-5
        for i, slope in enumerate(_gradient(seen[chosen], truth[chosen], values)):
            first[i] = 0.9 * first[i] + 0.1 * slope
            second[i] = 0.999 * second[i] + 0.001 * slope**2
            scaled = first[i] / (1 - 0.9 ** (step + 1)) / (np.sqrt(second[i] / (1 - 0.999 ** (step + 1))) + 1e-8)
            values[i] = (values[i] - rate * scaled).astype(np.float32)
    return "\n".join(_rows(mean, deviation, values)) + "\n"


def _gradient(seen: Field, truth: Field, values: Sequence[Field]) -> list[Field]:
    """Of the mean logarithmic loss, and of the decay of the weights."""
    weights, bias, last, constant = values
    total = seen @ weights + bias
    hidden = np.maximum(total, 0)
    error = (1 / (1 + np.exp(-(hidden @ last + constant))) - truth) / len(truth)
    back = np.outer(error, last) * (total > 0)
    slopes = (seen.T @ back + DECAY * weights, back.sum(0), hidden.T @ error + DECAY * last, error.sum(keepdims=True))
    return [np.asarray(slope, np.float32) for slope in slopes]


def _rows(mean: Field, deviation: Field, values: Sequence[Field]) -> Iterator[str]:
    weights, bias, last, constant = ((100 * value).round().astype(int) for value in values)
    for row, middle, spread in zip(weights, mean, deviation, strict=False):  # the last row is of the kind of box
        yield f"{middle:8.3f}{spread:8.3f}" + "".join(f"{weight:5d}" for weight in row)
    for line in (weights[-1], bias, [*last, *constant]):
        yield " " * 16 + "".join(f"{weight:5d}" for weight in line)


def answer(network: Network, cues: Field) -> Field:
    """The logarithm of the odds of each pixel."""
    seen = np.clip((cues - network.mean) * network.scale, -LIMIT, LIMIT)
    hidden = np.maximum(seen @ network.weights + network.bias, 0)
    return np.asarray(hidden @ network.last[:-1] + network.last[-1], np.float32)


def overlaps(table: str, samples: Sequence[Sample]) -> Iterator[float]:
    """Of each sample, the intersection over union of what is likely with the truth."""
    for sample in samples:
        likely = answer(parse(table, drawn=sample.drawn), sample.cues) > 0
        yield float(np.sum(likely & sample.truth) / max(1, int(np.sum(likely | sample.truth))))


def _samples(photos: Path, masks: Path) -> Iterator[tuple[Sample, Sample]]:
    """Of each photograph, with a margin and with a box drawn."""
    by_name = {path.stem: path for path in masks.iterdir()}
    for number, path in enumerate(sorted(photos.iterdir())):
        image, truth = read(path).image, read(by_name[path.stem]).image[..., 0] > _BRIGHT
        generator = np.random.default_rng(number)
        one, other = (take_sample(image, truth, drawn=drawn, generator=generator) for drawn in (False, True))
        yield one, other


def main(photos: Path, masks: Path) -> None:
    """Say how well halves predict each other, and write the table."""
    pairs = list(_samples(photos, masks))
    halves = [[sample for pair in pairs[part::2] for sample in pair] for part in range(2)]
    for part in range(2):
        table = fit(halves[1 - part])
        for drawn in (False, True):
            found = overlaps(table, [sample for sample in halves[part] if sample.drawn is drawn])
            kind = "drawn" if drawn else "margin"
            sys.stderr.write(f"half {part}, {kind}: mean IoU of the likely pixels {fmean(found):.3f}\n")
    sys.stdout.write(fit([*halves[0], *halves[1]]))


if __name__ == "__main__":
    _parser = argparse.ArgumentParser(prog="python -m benchmarks.location", description=__doc__)
    _parser.add_argument("photos", type=Path)
    _parser.add_argument("masks", type=Path)
    _given = _parser.parse_args()
    main(_given.photos, _given.masks)
