"""Photographs varied at random, as the network sees them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from bgremove.engines._barriers import Field
from bgremove.engines._cues import CUES, measure_cues
from bgremove.engines._location import LIMIT, SIDE, Square, to_square
from bgremove.engines._network import INPUTS
from bgremove.types import Foreground, Image, Label, Rect

VARIANTS = 3  # of each photograph, the first as it is, under each kind of box
MARGIN = 0.05
_PASTED = 3  # one of so many has its object on another background
_LEAST = 0.008  # of a picture that is object
_STEPS = 31  # that a cue's standard deviation is stored in
_ROOM = 0.03, 0.05, 0.1  # between the object and a side of a drawn box, at most, as shares of the object's


class Photograph(NamedTuple):
    """With what is true of it."""

    image: Image
    truth: Foreground


class Samples(NamedTuple):
    """What the network is fitted to, or judged by."""

    cues: NDArray[np.int8]
    """(samples, cues + 1, SIDE, SIDE): in parts of their deviation, and what part of a pixel is open."""
    pictures: NDArray[np.uint8]
    """(samples, 2 SIDE, 2 SIDE, 3)"""
    truth: NDArray[np.uint8]
    """(samples, SIDE, SIDE): 255 times the share of a pixel that is object."""
    drawn: NDArray[np.bool_]
    plain: NDArray[np.bool_]
    """Whether the photograph is as it was."""

    def planes(self, i: int) -> Field:
        """What the network is given."""
        drawn = np.full((1, SIDE, SIDE), 2.0 * self.drawn[i] - 1)
        return np.concatenate([self.cues[i] / np.float32(_STEPS), drawn]).astype(np.float32)

    def inside(self, i: int) -> Field:
        """What part of each pixel is open."""
        return np.asarray(self.planes(i)[-2] / LIMIT)


class Scaling(NamedTuple):
    """What cues are like."""

    mean: Field
    """(cues,)"""
    scale: Field
    """(cues,): one over the standard deviation."""


def measure_scaling(photographs: Sequence[Photograph]) -> Scaling:
    """From photographs as they are."""
    found = [
        measure_cues(seen.small, seen.labels)[::4, ::4]
        for number, each in enumerate(photographs)
        for drawn in (False, True)
        for seen, _ in [square(each, drawn=drawn, generator=np.random.default_rng(number))]
    ]
    cues = np.concatenate([each.reshape(-1, len(CUES)) for each in found])
    return Scaling(cues.mean(axis=0), 1 / (cues.std(axis=0) + np.float32(1e-6)))


def take_samples(photographs: Sequence[Photograph], scaling: Scaling) -> Samples:
    """Variants of each photograph, in a box that is drawn around the object and in one that leaves a margin."""
    number = 2 * VARIANTS * len(photographs)
    samples = Samples(
        np.empty((number, INPUTS - 1, SIDE, SIDE), np.int8),
        np.empty((number, 2 * SIDE, 2 * SIDE, 3), np.uint8),
        np.empty((number, SIDE, SIDE), np.uint8),
        np.tile([False, True], number // 2),
        np.tile([True] * 2 + [False] * 2 * (VARIANTS - 1), len(photographs)),
    )
    for i in range(0, number, 2):
        which, variant = divmod(i // 2, VARIANTS)
        generator = np.random.default_rng([which, variant])
        photograph = _vary(photographs, which, variant, generator) if variant else photographs[which]
        for k in (i, i + 1):
            (image, fine, labels, open_share), truth = square(photograph, drawn=bool(k % 2), generator=generator)
            cues = np.clip((measure_cues(image, labels) - scaling.mean) * scaling.scale, -LIMIT, LIMIT)
            samples.cues[k, :-1] = np.rint(np.moveaxis(cues, -1, 0) * _STEPS)
            samples.pictures[k] = fine
            samples.cues[k, -1] = np.rint(open_share * LIMIT * _STEPS)
            samples.truth[k] = np.rint(truth * 255)
    return samples


def square(photograph: Photograph, *, drawn: bool, generator: np.random.Generator) -> tuple[Square, Field]:
    """What the network sees of what the engine looks at, and the share of each pixel that is object."""
    image, truth = photograph
    rect = _draw(truth, generator) if drawn else Rect.from_margin(MARGIN, *truth.shape)
    labels = np.zeros(truth.shape, np.uint8)
    labels[rect.slices] = Label.PROBABLY_FOREGROUND
    across, down = rect.width // 4 + 2, rect.height // 4 + 2  # as the engine looks around the box
    window = (
        slice(max(0, rect.y - down), rect.y + rect.height + down),
        slice(max(0, rect.x - across), rect.x + rect.width + across),
    )
    seen = to_square(np.ascontiguousarray(image[window]), np.ascontiguousarray(labels[window]))
    share = cv2.resize(truth[window].astype(np.float32), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return seen, np.asarray(share)


def _draw(truth: Foreground, generator: np.random.Generator) -> Rect:
    """A rect around the object, as a person might draw it."""
    x, y, width, height = cv2.boundingRect(truth.astype(np.uint8))
    most = generator.choice(_ROOM)
    left, right, top, bottom = (
        int(share * side) + 1
        for share, side in zip(generator.uniform(0, most, 4), (width, width, height, height), strict=True)
    )
    x0, y0 = max(1, x - left), max(1, y - top)
    x1, y1 = min(truth.shape[1] - 1, x + width + right), min(truth.shape[0] - 1, y + height + bottom)
    return Rect(x0, y0, x1 - x0, y1 - y0)


def _vary(photographs: Sequence[Photograph], which: int, variant: int, generator: np.random.Generator) -> Photograph:
    """Another picture of the same object."""
    photograph = photographs[which]
    if variant % _PASTED == _PASTED - 1:
        other = photographs[int(generator.integers(len(photographs)))]
        photograph = _paste(photograph, other, generator) or photograph
    image, truth = _turn(_crop(photograph, generator), generator)
    return Photograph(_tint(image, generator), truth) if truth.mean() > _LEAST else photographs[which]


def _crop(photograph: Photograph, generator: np.random.Generator) -> Photograph:
    """A part that leaves nearly all of the object in the box, if one is found."""
    image, truth = photograph
    height, width = truth.shape
    for _ in range(10 if generator.random() < 0.6 else 0):
        share = generator.uniform(0.55, 1)
        down, across = (min(side, int(side * share * generator.uniform(0.85, 1.15))) for side in (height, width))
        y, x = generator.integers(height - down + 1), generator.integers(width - across + 1)
        part = slice(y, y + down), slice(x, x + across)
        left = truth[part][Rect.from_margin(0.04, down, across).slices]
        if left.sum() >= 0.93 * truth.sum() and truth[part].mean() < 0.65:
            return Photograph(np.ascontiguousarray(image[part]), np.ascontiguousarray(truth[part]))
    return photograph


def _turn(photograph: Photograph, generator: np.random.Generator) -> Photograph:
    """By some degrees."""
    if generator.random() < 0.6:
        return photograph
    image, truth = photograph
    height, width = truth.shape
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), generator.normal(0, 6), 1.05)
    shown, turned = (
        cv2.warpAffine(each, matrix, (width, height), borderMode=cv2.BORDER_REFLECT)
        for each in (image, truth.astype(np.uint8))
    )
    return Photograph(np.asarray(shown, np.uint8), np.asarray(turned > 0))


def _tint(image: Image, generator: np.random.Generator) -> Image:
    """With other light, contrast and colours; now and then in gray."""
    light = (image / np.float32(255)) ** np.float32(np.exp(generator.normal(0, 0.2)))
    mean = light.mean()
    light = (light - mean) * generator.uniform(0.8, 1.2) + mean + generator.normal(0, 0.03)
    light = light * (1 + generator.normal(0, 0.06, 3))
    gray = light.mean(axis=2, keepdims=True)
    light = gray + (light - gray) * (generator.uniform(0.4, 1.5) if generator.random() > 0.05 else 0)
    return np.asarray(np.clip(light, 0, 1) * 255, np.uint8)


def _paste(one: Photograph, other: Photograph, generator: np.random.Generator) -> Photograph | None:
    """The object of one before the background of the other, if that has a part beside its own object."""
    height, width = other.truth.shape
    x, y, across, down = cv2.boundingRect(other.truth.astype(np.uint8))
    beside = other.image[:, :x], other.image[:, x + across :], other.image[:y], other.image[y + down :]
    parts = [part for part in beside if min(part.shape[:2]) > 60 and part[..., 0].size > 0.2 * height * width]
    if not parts:
        return None
    behind = np.ascontiguousarray(parts[generator.integers(len(parts))])
    enlarged = (90_000 / behind[..., 0].size) ** 0.5
    behind = np.asarray(cv2.resize(behind, None, fx=enlarged, fy=enlarged, interpolation=cv2.INTER_LINEAR), np.uint8)
    x, y, across, down = cv2.boundingRect(one.truth.astype(np.uint8))
    room = 0.9 * behind.shape[0] / down, 0.9 * behind.shape[1] / across
    share = min(1.5, min(room) * generator.uniform(0.35, 1))
    size = int(across * share), int(down * share)
    if min(size) < 12:
        return None
    shown, cover = (
        cv2.resize(np.ascontiguousarray(each[y : y + down, x : x + across]), size, interpolation=cv2.INTER_AREA)
        for each in (one.image, one.truth.astype(np.float32))
    )
    top, left = (
        int(np.clip(generator.normal(middle, 0.2), 0.04, 0.96) * (most - side))
        for middle, most, side in zip((0.55, 0.5), behind.shape[:2], reversed(size), strict=True)
    )
    place = slice(top, top + size[1]), slice(left, left + size[0])
    soft = cv2.GaussianBlur(cover, (0, 0), 0.7)[..., None]
    image, truth = behind.copy(), np.zeros(behind.shape[:2], np.bool_)
    image[place] = np.clip(soft * shown + (1 - soft) * image[place], 0, 255)
    truth[place] = cover > 0.5
    return Photograph(image, truth)
