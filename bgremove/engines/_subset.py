"""Colour models learned from some of the pixels only, in one kernel."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bgremove.engines._compile import kernel
from bgremove.engines._energy import BLOCK, COMPONENTS, PARAMETERS, GMMs
from bgremove.engines._gmm import MOMENTS, SINGULAR, add_clusters, add_components, learn_from
from bgremove.engines._kmeans import Work, find_clusters, make_work
from bgremove.engines._palette import TABLES, Counts, collect, count, encode
from bgremove.engines._random import seed_generator
from bgremove.engines._seeding import Points
from bgremove.errors import EngineError
from bgremove.types import Foreground, Image, Mask

_PIXELS = 20_000  # enough: with all pixels the error was no smaller
_FEWEST = 500  # pixels of the rarer label, or else the subset is made denser
_SINGULAR = -1
_ALL = -1  # in the place of a distance: pixels and labels are those of the whole image


class Subset(NamedTuple):
    """Room for pixels of an image at even distances, and what models are learned in."""

    labels: Mask
    """(N,): 1 in the foreground, else 0."""
    marks: Mask
    """(N,): 0 where a pixel is background and stays so."""
    pixels: NDArray[np.uint8]
    """(N, 3)"""
    codes: NDArray[np.int32]
    """(N,): see `bgremove.engines._palette.encode`, and so the next."""
    colours: NDArray[np.uint8]
    """(3, N)"""
    background: NDArray[np.uint8]
    """(N,): on how many pixels of the background each colour is."""
    foreground: NDArray[np.uint8]
    """(N,)"""
    found: NDArray[np.int32]
    """(3,): colours of the candidates, other colours, and at what distances pixels were taken; 0 if none were."""
    tables: NDArray[np.int32]
    assigned: NDArray[np.uint8]
    """(BLOCK,): the components of some colours."""
    moments: NDArray[np.int64]
    generator: NDArray[np.uint64]
    work: Work


def make_subset(pixels: int, tables: tuple[int, int] = TABLES) -> Subset:
    """For so many pixels; 18 bytes each."""
    labels, marks, background, foreground = np.empty((4, pixels), np.uint8)
    return Subset(
        labels, marks, np.empty((pixels, 3), np.uint8), np.empty(pixels, np.int32), np.empty((3, pixels), np.uint8),
        background, foreground, np.zeros(3, np.int32), np.empty(tables, np.int32), np.empty(BLOCK, np.uint8),
        np.empty((2, COMPONENTS, MOMENTS), np.int64), np.empty(1, np.uint64), make_work(pixels, pixels),
    )  # fmt: skip


def all_of(image: Image, labels: Mask) -> Subset:
    """All pixels of an image, and no more room than they take: 4 bytes each, and 9 a colour.

    What has a label of 0 is not to become foreground.
    """
    room, pixels, marks = make_subset(0, (0, 0)), image.reshape(-1, 3), labels.reshape(-1)
    codes, found = np.empty(marks.size, np.int32), room.found
    encode(pixels, marks, codes, np.empty(TABLES, np.int32), found)
    candidates, number = int(found[0]), int(found[0] + found[1])
    colours = np.empty((3, number), np.uint8)
    collect(pixels, candidates, codes, colours)
    found[2] = _ALL
    return room._replace(
        labels=marks, marks=marks, pixels=pixels, codes=codes, colours=colours,
        background=np.empty(number, np.uint8), foreground=np.empty(candidates, np.uint8),
        work=make_work(len(codes), number),
    )  # fmt: skip


def subset_of(height: int, width: int) -> Subset:
    """With room for what is taken of an image, unless a label is rare."""
    distance = distance_of(height * width)
    rows, columns = (len(range(distance // 2, side, distance)) for side in (height, width))
    return make_subset(rows * columns)


def distance_of(pixels: int) -> int:
    """Of an image with so many `pixels`: every how many rows and columns one is taken."""
    return max(1, round(math.sqrt(pixels / _PIXELS)))


def initialise_gmms(image: Image, foreground: Foreground, seed: int) -> GMMs:
    """Models after splitting the colours of each label into five. Raises `EngineError` if a component has no density.

    Neither label may be missing.
    """
    gmms = np.zeros((2, COMPONENTS, PARAMETERS))
    return _learned(image, 0, foreground, gmms, seed)


def learn_gmms(image: Image, left: int, foreground: Foreground, gmms: GMMs) -> GMMs:
    """Models learned after every colour has been assigned to the component that makes it likeliest.

    Column 0 of the foreground is column `left` of the image. Raises `EngineError` like `initialise_gmms`.
    """
    return _learned(image, left, foreground, gmms.copy(), -1)


def _learned(image: Image, left: int, foreground: Foreground, gmms: GMMs, seed: int) -> GMMs:
    sides, subset, distance = foreground.view(np.uint8), subset_of(*foreground.shape), distance_of(foreground.size)
    while wanted := learn(image, left, sides, sides, distance, gmms, seed, subset):
        subset = larger_subset(wanted)
    return gmms


def larger_subset(wanted: int) -> Subset:
    """With the room that `learn` wants. Raises `EngineError` where it found that a component has no density instead."""
    if wanted == _SINGULAR:
        raise EngineError(SINGULAR)
    return make_subset(wanted)


@kernel
def learn(
    image: Image, left: int, foreground: Mask, marks: Mask, distance: int, gmms: GMMs, seed: int, subset: Subset
) -> int:
    """Learn models in place of the `gmms`, or, with a `seed` of 0 or more, from a start of their own.

    Takes a pixel of each `distance` rows and columns, from columns `left` on, or more when one label is rare. What is
    not to become foreground has a mark of 0. Returns 0, or for how many pixels there has to be room, or `_SINGULAR`.
    """
    if seed < 0:
        return learn_again(image, left, foreground, marks, distance, gmms, subset)
    size = _take(image, left, foreground, marks, distance, subset)
    if size > len(subset.labels):
        return size
    seed_generator(subset.generator, seed)
    codes, pixels, labels = subset.codes[:size], subset.pixels[:size], subset.labels[:size]
    counts = _counts(subset)
    for model in range(2):
        points = Points(pixels, subset.colours, counts[model], codes, labels, model)
        find_clusters(points, subset.generator, subset.work)
        subset.moments[model] = 0
        add_clusters(points, subset.work.nearest[: len(counts[model])], subset.work.moved, subset.moments[model])
    return 0 if learn_from(subset.moments, gmms) else _SINGULAR


@kernel
def learn_again(
    image: Image, left: int, foreground: Mask, marks: Mask, distance: int, gmms: GMMs, subset: Subset
) -> int:
    """`learn` without a start."""
    size = _take(image, left, foreground, marks, distance, subset)
    if size > len(subset.labels):
        return size
    add_components(subset.colours, _counts(subset), gmms, subset.moments, subset.assigned)
    return 0 if learn_from(subset.moments, gmms) else _SINGULAR


@kernel
def _take(image: Image, left: int, foreground: Mask, marks: Mask, distance: int, subset: Subset) -> int:
    """Take labels and count colours, whose pixels are taken if they are others than before; returns how many.

    If there is no room for so many, nothing is done.
    """
    if subset.found[2] == _ALL:
        count(subset.codes, subset.labels, _counts(subset))
        return len(subset.codes)
    while True:
        size = _room(foreground, distance)
        if size > len(subset.labels):
            return size
        chosen = _take_labels(foreground, distance, subset.labels)
        if distance == 1 or min(chosen, size - chosen) >= _FEWEST:
            break
        distance //= 2
    codes, pixels = subset.codes[:size], subset.pixels[:size]
    if subset.found[2] != distance:
        _take_labels(marks, distance, subset.marks)
        _take_pixels(image[:, left : left + foreground.shape[1]], distance, pixels)
        subset.found[:] = 0
        encode(pixels, subset.marks[:size], codes, subset.tables, subset.found)
        collect(pixels, subset.found[0], codes, subset.colours)
        subset.found[2] = distance
    count(codes, subset.labels[:size], _counts(subset))
    return size


@kernel
def _counts(subset: Subset) -> Counts:
    candidates, others = subset.found[0], subset.found[1]
    return subset.background[: candidates + others], subset.foreground[:candidates]


@kernel
def _room(labels: Mask, distance: int) -> int:
    height, width = labels.shape
    return len(range(distance // 2, height, distance)) * len(range(distance // 2, width, distance))


@kernel
def _take_labels(labels: Mask, distance: int, taken: Mask) -> int:
    """Write every n-th label of every n-th row; returns their sum."""
    size, total = 0, 0
    for y in range(distance // 2, labels.shape[0], distance):
        for x in range(distance // 2, labels.shape[1], distance):
            taken[size] = labels[y, x]
            total += labels[y, x]
            size += 1
    return total


@kernel
def _take_pixels(image: Image, distance: int, taken: NDArray[np.uint8]) -> None:
    size = 0
    for y in range(distance // 2, image.shape[0], distance):
        for x in range(distance // 2, image.shape[1], distance):
            for channel in range(3):
                taken[size, channel] = image[y, x, channel]
            size += 1
