"""A small convolutional network that sees a picture at five sizes, and answers for each pixel of the second.

It has the shape of a U (Ronneberger, Fischer, Brox 2015, https://doi.org/10.1007/978-3-319-24574-4_28): what the
picture shows at twice the size joins what is known of each pixel by itself; then its neighbourhood is seen at a half, a
quarter and an eighth of the size, and back again, with what was seen on the way down. At the eighth the mean of the
whole picture is added. Five milliseconds for 64 by 64 pixels.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bgremove.engines._barriers import Field
from bgremove.engines._compile import kernel
from bgremove.engines._cues import CUES
from bgremove.engines._layers import (
    Layer,
    average,
    convolve,
    copy_inside,
    double,
    double_smoothly,
    halve,
    mix,
    rimmed_convolve,
    split,
)
from bgremove.types import Image

INPUTS = len(CUES) + 2
"""The cues, whether a pixel is open, and whether the box was drawn."""
FINE = 12
"""Three channels of each of the four pixels that a pixel is at twice the size."""
_FINE, _PIXEL, _HALF, _QUARTER, _EIGHTH = 16, 32, 48, 64, 128
"""Units of layers, by the size at which they see."""
_HALF_AGAIN, _QUARTER_AGAIN = 32, 48
"""On the way back."""


class Network(NamedTuple):
    """The layers in order, and what cues are scaled by before."""

    mean: Field
    scale: Field
    """(cues,): one over the standard deviation."""
    fine: Layer
    pixel: Layer
    half: Layer
    quarter: Layer
    quarter_more: Layer
    eighth: Layer
    whole: Layer
    wide: Layer
    wider: Layer
    quarter_again: Layer
    half_again: Layer
    pixel_again: Layer
    last: Layer


def shapes() -> dict[str, tuple[int, ...]]:
    """Of the weights of each layer."""
    return {
        "fine": (_FINE, FINE, 9),
        "pixel": (_PIXEL, INPUTS + _FINE),
        "half": (_HALF, _PIXEL, 9),
        "quarter": (_QUARTER, _HALF, 9),
        "quarter_more": (_QUARTER, _QUARTER, 9),
        "eighth": (_EIGHTH, _QUARTER, 9),
        "whole": (_EIGHTH, _EIGHTH),
        "wide": (_EIGHTH, _EIGHTH, 9),
        "wider": (_EIGHTH, _EIGHTH, 9),
        "quarter_again": (_QUARTER_AGAIN, _EIGHTH + _QUARTER, 9),
        "half_again": (_HALF_AGAIN, _QUARTER_AGAIN + _HALF, 9),
        "pixel_again": (_PIXEL, _HALF_AGAIN + _PIXEL),
        "last": (1, _PIXEL),
    }


@cache
def load() -> Network:
    """The network that tells where the object is likely to be; `benchmarks.location` fitted it."""
    return unpack(np.load(Path(__file__).with_name("_location.npy")).astype(np.float32))


def unpack(values: Field) -> Network:
    """The network whose numbers are these, one after the other."""
    sizes = [len(CUES)] * 2
    for shape in shapes().values():
        sizes += [int(np.prod(shape)), shape[0]]
    if values.size != sum(sizes):
        raise ValueError(f"{values.size} numbers for a network that has {sum(sizes)}")
    mean, scale, *parts = np.split(values, np.cumsum(sizes)[:-1])
    layers = zip(parts[::2], parts[1::2], shapes().values(), strict=True)
    return Network(mean, scale, *(Layer(weights.reshape(shape), bias) for weights, bias, shape in layers))


def answer(network: Network, planes: Field, picture: Image) -> Field:
    """``(H, W)``: what the network answers, of ``(INPUTS, H, W)`` and ``(2 H, 2 W, 3)``; sides are multiples of 8."""
    _, height, width = planes.shape
    space = make_space(height, width)
    space.seen[:INPUTS] = planes.reshape(INPUTS, -1)
    compute(network, picture, 0, space, width)
    return space.answer.reshape(height, width)


class Space(NamedTuple):
    """What the network computes in: ``(planes, pixels)``, with a rim of one pixel where neighbours are seen."""

    fines: Field
    """What `fine` sees."""
    fine: Field
    seen: Field
    """What `pixel` sees: `INPUTS` planes, then those of `fine`. No rim."""
    pixels: Field
    """What `pixel_again` sees: planes from the half, then its own. No rim."""
    pixel: Field
    """No rim."""
    halves: Field
    """What `half_again` sees: planes from the quarter, then its own; before that, what `half` sees."""
    half: Field
    quarters: Field
    quarter: Field
    eighths: Field
    eighth: Field
    mean: Field
    whole: Field
    row: Field
    answer: Field
    """(1, pixels)"""


def make_space(height: int, width: int) -> Space:
    """For a picture of this size."""
    pixels = height * width
    rimmed, at_half, at_quarter, at_eighth = ((height // size + 2) * (width // size + 2) for size in (1, 2, 4, 8))
    shapes = (
        (FINE, rimmed), (_FINE, rimmed), (INPUTS + _FINE, pixels), (_HALF_AGAIN + _PIXEL, pixels), (_PIXEL, pixels),
        (_QUARTER_AGAIN + _HALF, at_half), (_HALF_AGAIN, at_half),
        (_EIGHTH + _QUARTER, at_quarter), (_QUARTER, at_quarter),
        (_EIGHTH, at_eighth), (_EIGHTH, at_eighth), (_EIGHTH, 1), (_EIGHTH, 1), (1, width // 2), (1, pixels),
    )  # fmt: skip
    return Space(*(np.empty(shape, np.float32) for shape in shapes))


@kernel
def compute(network: Network, picture: Image, mirrored: int, space: Space, width: int) -> None:
    """Write what the network answers to `space`, whose `seen` has the `INPUTS`; they may be of the mirror image."""
    w, h, q, e = width + 2, width // 2 + 2, width // 4 + 2, width // 8 + 2  # rims included
    own_pixel, own_half = space.pixels[_HALF_AGAIN:], space.halves[_QUARTER_AGAIN:]
    own_quarter = space.quarters[_EIGHTH:]
    space.fines[:], space.halves[:], space.quarters[:], space.eighths[:] = 0, 0, 0, 0
    split(picture, mirrored, space.fines)
    convolve(space.fines, network.fine.weights, network.fine.bias, w, space.fine)
    copy_inside(space.fine, w, space.seen[INPUTS:])
    mix(space.seen, network.pixel.weights, network.pixel.bias, 0.0, own_pixel)
    halve(own_pixel, width, 0, space.halves[:_PIXEL], h)
    rimmed_convolve(space.halves[:_PIXEL], network.half, h, own_half)
    halve(own_half, h, 1, space.quarters[:_HALF], q)
    rimmed_convolve(space.quarters[:_HALF], network.quarter, q, space.quarter)
    rimmed_convolve(space.quarter, network.quarter_more, q, own_quarter)
    halve(own_quarter, q, 1, space.eighths[:_QUARTER], e)
    rimmed_convolve(space.eighths[:_QUARTER], network.eighth, e, space.eighth)

    average(space.eighth, e, space.mean)
    mix(space.mean, network.whole.weights, network.whole.bias, -np.inf, space.whole)
    for unit in range(_EIGHTH):
        space.whole[unit, 0] += network.wide.bias[unit]
    rimmed_convolve(space.eighth, Layer(network.wide.weights, space.whole[:, 0]), e, space.eighths)
    rimmed_convolve(space.eighths, network.wider, e, space.eighth)

    double(space.eighth, e, space.quarters, q)
    rimmed_convolve(space.quarters, network.quarter_again, q, space.quarter[:_QUARTER_AGAIN])
    double(space.quarter[:_QUARTER_AGAIN], q, space.halves, h)
    rimmed_convolve(space.halves, network.half_again, h, space.half)
    double_smoothly(space.half, h, space.row[0], space.pixels)
    mix(space.pixels, network.pixel_again.weights, network.pixel_again.bias, 0.0, space.pixel)
    mix(space.pixel, network.last.weights, network.last.bias, -np.inf, space.answer)
