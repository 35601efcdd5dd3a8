"""What can be seen of each pixel that tells an object from its surroundings: cues, for `bgremove.engines._location`.

They are measured on some 10,000 pixels. The ideas, beside place and colour: the barrier between a pixel and the border
(Zhang and others 2015, https://doi.org/10.1109/ICCV.2015.165), how widely a colour is spread (Liu and others 2011,
https://doi.org/10.1109/TPAMI.2010.70), how much of it is at the border (Zhu and others 2014,
https://doi.org/10.1109/CVPR.2014.360), its distance from the colours of each side (Jiang and others 2013,
https://doi.org/10.1109/CVPR.2013.271).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from bgremove.engines._compile import kernel
from bgremove.engines._energy import OPEN, open_box
from bgremove.types import Image, Mask, Rect

Field = NDArray[np.float32]

CUES = (
    *("across squared", "down squared", "down"),
    *("barrier", "barrier raw", "barrier top", "barrier bottom", "barrier nearer", "barrier farther", "barrier around"),
    *("colour", "colour around", "rare", "rare around", "rare outside"),
    *("colour off centre", "colour off centre around", "colour across", "colour across around", "colour up and down"),
    *("colour down", "colour at the border", "colour at the border around"),
    *("lightness", "red", "yellow", "chroma"),
    *("contrast fine", "contrast middle", "contrast wide"),
    *("unlike top", "unlike bottom", "unlike nearer", "unlike farther"),
    *("edges near", "edges around", "sharpness"),
    *("texture", "texture around", "texture outside"),
)
"""What `measure_cues` measures, in its order."""

_BLUR = 1.0  # standard deviation, in pixels, of what is done against noise
_PASSES = 4  # over the image, from either end in turn: more change hardly any distance
_LIGHTNESS = 0.4  # of a step in lightness against one in hue; 8-bit Lab stretches it by 2.55
_BINS = (16, 32, 32)
_MOST_DEVIATION = 128.0  # pixels; the time and memory of a blur grow with it
_UNIT, _GRAY = np.array([128, 32, 32], np.float32), np.array([1, 4, 4], np.float32)  # of 8-bit Lab, scaled alike
_RARE, _RARE_TEXTURE = 1e-5, 1e-3  # share of what is never met
_BORDER = 0.9  # from this on, where the middle is 0 and a side 1


class _Scene(NamedTuple):
    """What several cues are measured on."""

    image: Image
    lab: Image
    inside: NDArray[np.bool_]
    box: Rect
    across: NDArray[Any]
    """(H, W): -1 to 1 in the box."""
    down: NDArray[Any]
    middle: NDArray[Any]
    """(H, W): greater where an object is likelier, 0 outside."""

    def blur(self, values: NDArray[Any], share: float) -> Field:
        """With a standard deviation that is a share of the longer side of the box."""
        deviation = max(0.5, share * max(self.box.width, self.box.height))
        field = np.asarray(values, np.float32)
        step = int(deviation / _MOST_DEVIATION) + 1  # above 1 only in a strip, whose longer side is hardly made smaller
        if step == 1:
            return np.asarray(cv2.GaussianBlur(field, (0, 0), deviation))
        height, width = field.shape[:2]
        small = cv2.resize(field, (-(-width // step), -(-height // step)), interpolation=cv2.INTER_AREA)
        down, across = (min(deviation / step, side) for side in small.shape[:2])
        return np.asarray(cv2.resize(cv2.GaussianBlur(small, (0, 0), across, None, down), (width, height)))


def measure_cues(image: Image, labels: Mask) -> Field:
    """``(H, W, cues)``, see `CUES`; about 10 milliseconds for 10,000 pixels."""
    box, inside = open_box(labels), labels >= OPEN
    height, width = labels.shape
    across = (2 * (np.arange(width, dtype=np.float32) + 0.5 - box.x) / box.width - 1)[None, :].repeat(height, 0)
    down = (2 * (np.arange(height, dtype=np.float32) + 0.5 - box.y) / box.height - 1)[:, None].repeat(width, 1)
    lab = to_lab(cv2.GaussianBlur(image, (0, 0), _BLUR))
    scene = _Scene(image, lab, inside, box, across, down, np.exp(-2 * (across**2 + down**2)) * inside)
    place = (across**2, down**2, down)
    cues = chain(place, _barriers(scene), _colours(scene), _contrasts(scene), _textures(scene))
    return np.stack([np.asarray(cue, np.float32) for cue in cues], axis=-1)


def to_lab(image: NDArray[Any]) -> Image:
    """8-bit CIE Lab."""
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2Lab), np.uint8)


def colour_codes(lab: Image) -> NDArray[np.int32]:
    """A number for what is nearly the same colour."""
    lightness, red, yellow = (lab[..., channel].astype(np.int32) for channel in range(3))
    return np.asarray(((lightness >> 4) * _BINS[1] + (red >> 3)) * _BINS[2] + (yellow >> 3), np.int32)


def log_ratio(codes: NDArray[np.int32], one: NDArray[Any], other: NDArray[Any]) -> NDArray[np.float64]:
    """By code, the logarithm of how much more often a colour is met among pixels weighted by `one` than by `other`."""
    inside, outside = _histograms(codes, one, other)
    return np.asarray(_log_share(inside) - _log_share(outside))


def _histograms(codes: NDArray[np.int32], *weights: NDArray[Any]) -> NDArray[np.float64]:
    """``(weights, codes)``: sums of weights by colour, with those of the colours next to it."""
    flat, size = codes.ravel(), int(np.prod(_BINS))
    sums = np.stack([np.bincount(flat, weight.ravel().astype(np.float64), size) for weight in weights])
    counts: NDArray[np.float64] = sums.astype(np.float64).reshape(-1, *_BINS)
    for axis in (1, 2, 2, 3, 3):
        last = np.moveaxis(counts, axis, 0)
        smooth = 0.5 * last
        smooth[1:] += 0.25 * last[:-1]
        smooth[:-1] += 0.25 * last[1:]
        counts = np.moveaxis(smooth, 0, axis)
    return counts.reshape(len(weights), -1)


def _log_share(histogram: NDArray[Any], rare: float = _RARE) -> NDArray[np.float64]:
    return np.asarray(np.log(histogram / max(histogram.sum(), 1e-9) + rare))


def _barriers(scene: _Scene) -> Iterator[NDArray[Any]]:
    """From all that is outside, then from each side."""
    inside, box = scene.inside, scene.box
    barrier = _barrier(scene.lab, inside)
    mean, deviation = barrier[inside].mean(), barrier[inside].std() + 1e-3
    top, bottom, left, right = (
        (_barrier(scene.lab, free) - mean) / deviation for free in _beyond_each_side(inside.shape, box)
    )
    standard = (barrier - mean) / deviation
    yield from (standard, np.log1p(barrier / 20), top, bottom, np.minimum(left, right), np.maximum(left, right))
    yield scene.blur(standard, 0.04)


def _beyond_each_side(shape: tuple[int, ...], box: Rect) -> Iterator[NDArray[np.bool_]]:
    """False above the box, then below, left and right of it, at least in one row or column; else true."""
    for part in _side_parts(shape, box):
        free = np.ones(shape, np.bool_)
        free[part] = False
        yield free


def _side_parts(shape: tuple[int, ...], box: Rect) -> Iterator[tuple[slice, slice]]:
    height, width = shape
    every = slice(None)
    yield slice(max(1, box.y)), every
    yield slice(min(height - 1, box.y + box.height), None), every
    yield every, slice(max(1, box.x))
    yield every, slice(min(width - 1, box.x + box.width), None)


def _barrier(lab: Image, free: NDArray[np.bool_]) -> Field:
    """Of each free pixel from all others."""
    barrier = np.zeros(free.shape, np.float32)
    low, high, distance = np.empty((3, *free.shape), np.int32)
    measure_barriers(lab, free, low, high, distance, barrier)
    return barrier


def _colours(scene: _Scene) -> Iterator[NDArray[Any]]:
    """How often a pixel's colour is met inside and outside, and where."""
    codes, inside, across, down = colour_codes(scene.lab), scene.inside, scene.across, scene.down
    border = inside & ((abs(across) > _BORDER) | (abs(down) > _BORDER))
    off = across**2 + down**2
    outside, middle, count, at_border, *sums = _histograms(
        codes, ~inside, scene.middle, inside, border,
        off * inside, across * inside, across**2 * inside, down * inside, down**2 * inside,
    )  # fmt: skip
    off_centre, mean_across, square_across, mean_down, square_down = (each / (count + 1e-6) for each in sums)
    ratio = (_log_share(middle) - _log_share(outside))[codes]
    colour = np.where(inside, ratio, np.minimum(ratio, 0))
    rare = -_log_share(count)[codes]
    yield from (colour, scene.blur(colour, 0.03), rare, scene.blur(rare, 0.03), -_log_share(outside)[codes])
    for spread in (off_centre, square_across - mean_across**2):
        yield spread[codes]
        yield scene.blur(spread[codes], 0.03)
    yield from ((square_down - mean_down**2)[codes], mean_down[codes])
    touching = np.log((at_border + 1) / np.sqrt(count + 1))[codes]
    yield from (touching, scene.blur(touching, 0.03))


def _contrasts(scene: _Scene) -> Iterator[NDArray[Any]]:
    """The colour itself, its contrast with the surroundings, and its distance from the colours of each side."""
    lab = scene.lab / _UNIT - _GRAY
    yield from (lab[..., 0], lab[..., 1], lab[..., 2], np.hypot(lab[..., 1], lab[..., 2]))
    fine, middle, wide = (scene.blur(lab, share) for share in (0.02, 0.06, 0.2))
    for one, other in ((fine, middle), (middle, wide), (fine, wide)):
        yield _length(one - other)
    sides = [lab[part].reshape(-1, 3) for part in _side_parts(scene.inside.shape, scene.box)]
    top, bottom, left, right = (
        np.log1p(_length((fine - side.mean(axis=0)) / (side.std(axis=0) + 0.08))) for side in sides
    )
    yield from (top, bottom, np.minimum(left, right), np.maximum(left, right))


def _length(vectors: NDArray[Any]) -> Field:
    return np.asarray(np.sqrt(np.einsum("...i,...i", vectors, vectors)))


def _textures(scene: _Scene) -> Iterator[NDArray[Any]]:
    """How strong edges are, and how often the like of it is met inside and outside."""
    gray = cv2.cvtColor(scene.image, cv2.COLOR_BGR2GRAY).astype(np.float32)
    across, down = cv2.Sobel(gray, cv2.CV_32F, 1, 0), cv2.Sobel(gray, cv2.CV_32F, 0, 1)
    slope, fine = np.hypot(across, down), np.abs(cv2.Laplacian(gray, cv2.CV_32F))
    for values, share in ((slope, 0.015), (slope, 0.05), (fine, 0.04)):
        yield np.log(scene.blur(values / (values.mean() + 1e-3), share) + 0.05)
    near, around = (np.clip(np.log1p(scene.blur(slope, share)) * 2, 0, 11).astype(np.int32) for share in (0.01, 0.04))
    upright = scene.blur(across**2 - down**2, 0.01) / (scene.blur(slope**2, 0.01) + 1)
    codes = (near * 4 + np.clip((upright + 1) * 2, 0, 3).astype(np.int32)) * 12 + around
    middle, outside = (
        _log_share(np.bincount(codes.ravel(), weights.ravel().astype(np.float64), 576), _RARE_TEXTURE)
        for weights in (scene.middle, ~scene.inside)
    )
    ratio = (middle - outside)[codes]
    yield from (scene.blur(ratio, 0.015), scene.blur(ratio, 0.05), scene.blur(-outside[codes], 0.02))


@kernel
def measure_barriers(
    lab: Image,
    inside: NDArray[np.bool_],
    low: NDArray[np.int32],
    high: NDArray[np.int32],
    distance: NDArray[np.int32],
    barrier: Field,
) -> None:
    """Add the minimum barrier distance from outside, summed over the channels, to `barrier`; some passes are enough.

    The least and the most on the best path known to each pixel, and its distance, are the space to work in.
    """
    height, width = inside.shape
    for channel in range(3):
        for y in range(height):
            for x in range(width):
                low[y, x] = high[y, x] = lab[y, x, channel]
                distance[y, x] = 1000 if inside[y, x] else 0
        for number in range(_PASSES):
            step = 1 if number % 2 == 0 else -1
            for i in range(height):
                y = i if step > 0 else height - 1 - i
                for j in range(width):
                    x = j if step > 0 else width - 1 - j
                    value = np.int32(lab[y, x, channel])
                    for neighbour in range(2):
                        v, u = (y - step, x) if neighbour == 0 else (y, x - step)
                        if 0 <= v < height and 0 <= u < width and distance[v, u] < 1000:
                            top, bottom = max(high[v, u], value), min(low[v, u], value)
                            if top - bottom < distance[y, x]:
                                distance[y, x], high[y, x], low[y, x] = top - bottom, top, bottom
        share = _LIGHTNESS if channel == 0 else 1.0
        for y in range(height):
            for x in range(width):
                barrier[y, x] += share * distance[y, x]
