"""A small convolutional network that sees a picture at four sizes, and answers for each of its pixels.

It has the shape of a U (Ronneberger, Fischer, Brox 2015, https://doi.org/10.1007/978-3-319-24574-4_28): each pixel by
itself, then its neighbourhood at a half, a quarter and an eighth of the size, and back again, with what was seen on the
way down. At the eighth the mean of the whole picture is added. Two to three milliseconds for 64 by 64 pixels.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bgremove.engines._barriers import Field
from bgremove.engines._compile import fused_kernel, kernel
from bgremove.engines._cues import CUES

INPUTS = len(CUES) + 2
"""The cues, whether a pixel is open, and whether the box was drawn."""
UNITS = (24, 24, 32, 96)
"""Of each pixel by itself, and at a half, a quarter and an eighth of the size."""
_TILE = 1024  # pixels of some planes that are in the cache together


class Layer(NamedTuple):
    """Sums of planes, of which what is below 0 counts as 0."""

    weights: Field
    """(units, planes), or (units, planes, 9) for a pixel and its neighbours, row by row."""
    bias: Field
    """(units,)"""


class Network(NamedTuple):
    """The layers in order, and what cues are scaled by before."""

    mean: Field
    scale: Field
    """(cues,): one over the standard deviation."""
    pixel: Layer
    half: Layer
    quarter: Layer
    eighth: Layer
    whole: Layer
    wide: Layer
    quarter_again: Layer
    half_again: Layer
    pixel_again: Layer
    last: Layer


def shapes() -> dict[str, tuple[int, ...]]:
    """Of the weights of each layer."""
    one, half, quarter, eighth = UNITS
    return {
        "pixel": (one, INPUTS),
        "half": (half, one, 9),
        "quarter": (quarter, half, 9),
        "eighth": (eighth, quarter, 9),
        "whole": (eighth, eighth),
        "wide": (eighth, eighth, 9),
        "quarter_again": (quarter, eighth + quarter, 9),
        "half_again": (half, quarter + half, 9),
        "pixel_again": (one, half + one),
        "last": (1, one),
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


def answer(network: Network, planes: Field) -> Field:
    """``(..., H, W)``: what the network answers, of ``(..., INPUTS, H, W)``, whose sides are multiples of 8."""
    *pictures, _, height, width = planes.shape
    answers = np.empty((*pictures, height, width), np.float32)
    answer_all(
        network, np.ascontiguousarray(planes).reshape(-1, INPUTS, height * width), make_space(height, width), width,
        answers.reshape(-1, 1, height * width),
    )  # fmt: skip
    return answers


class Space(NamedTuple):
    """What the network computes in: ``(planes, pixels)``, all but the first two with a rim of one pixel."""

    pixels: Field
    """What `pixel_again` sees: planes from the half, then its own."""
    pixel: Field
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


def make_space(height: int, width: int) -> Space:
    """For a picture of this size."""
    one, half, quarter, eighth = UNITS
    at_half, at_quarter, at_eighth = ((height // size + 2) * (width // size + 2) for size in (2, 4, 8))
    shapes = (
        (half + one, height * width), (one, height * width),
        (quarter + half, at_half), (half, at_half), (eighth + quarter, at_quarter), (quarter, at_quarter),
        (eighth, at_eighth), (eighth, at_eighth), (eighth, 1), (eighth, 1), (1, width // 2),
    )  # fmt: skip
    return Space(*(np.empty(shape, np.float32) for shape in shapes))


@kernel
def answer_all(network: Network, planes: Field, space: Space, width: int, answers: Field) -> None:
    """`answer`, of ``(pictures, INPUTS, H W)``, as ``(pictures, 1, H W)``."""
    for picture in range(len(planes)):
        _answer(network, planes[picture], space, width, answers[picture])


@kernel
def _answer(network: Network, planes: Field, space: Space, width: int, answers: Field) -> None:
    one, half, quarter, eighth = UNITS
    own_pixel, own_half, own_quarter = space.pixels[half:], space.halves[quarter:], space.quarters[eighth:]
    w, h, q, e = width, width // 2 + 2, width // 4 + 2, width // 8 + 2  # rims included
    space.halves[:], space.quarters[:], space.eighths[:] = 0, 0, 0
    mix(planes, network.pixel.weights, network.pixel.bias, 0.0, own_pixel)
    _halve(own_pixel, w, 0, space.halves[:one], h)
    _convolve(space.halves[:one], network.half, h, own_half)
    _halve(own_half, h, 1, space.quarters[:half], q)
    _convolve(space.quarters[:half], network.quarter, q, own_quarter)
    _halve(own_quarter, q, 1, space.eighths[:quarter], e)
    _convolve(space.eighths[:quarter], network.eighth, e, space.eighth)

    _average(space.eighth, e, space.mean)
    mix(space.mean, network.whole.weights, network.whole.bias, -np.inf, space.whole)
    for unit in range(eighth):
        space.whole[unit, 0] += network.wide.bias[unit]
    convolve(space.eighth, network.wide.weights, space.whole[:, 0], e, space.eighths)

    _double(space.eighths, e, space.quarters, q)
    _convolve(space.quarters, network.quarter_again, q, space.quarter)
    _double(space.quarter, q, space.halves, h)
    _convolve(space.halves, network.half_again, h, space.half)
    _double_smoothly(space.half, h, space.row[0], space.pixels)
    mix(space.pixels, network.pixel_again.weights, network.pixel_again.bias, 0.0, space.pixel)
    mix(space.pixel, network.last.weights, network.last.bias, -np.inf, answers)


@kernel
def _halve(planes: Field, stride: int, rim: int, smaller: Field, width: int) -> None:
    """Write the means of 2 by 2 pixels; `width` is that of the smaller planes, with their rim."""
    for k in range(len(planes)):
        for y in range(smaller.shape[1] // width - 2):
            begin = (2 * y + rim) * stride + rim
            row, below = planes[k, begin:], planes[k, begin + stride :]
            small = smaller[k, (y + 1) * width + 1 :]
            for x in range(width - 2):
                sum_of_four = (row[2 * x] + below[2 * x]) + (row[2 * x + 1] + below[2 * x + 1])
                small[x] = np.float32(0.25) * sum_of_four


@kernel
def _convolve(planes: Field, layer: Layer, stride: int, sums: Field) -> None:
    """`convolve`, and a rim of zeros."""
    convolve(planes, layer.weights, layer.bias, stride, sums)
    for k in range(len(sums)):
        sums[k, : stride + 1] = 0
        for end in range(2 * stride - 1, sums.shape[1] - stride, stride):
            sums[k, end : end + 2] = 0
        sums[k, sums.shape[1] - stride :] = 0


@kernel
def _average(planes: Field, stride: int, means: Field) -> None:
    """Of each plane; zeros on the rim."""
    pixels = (planes.shape[1] // stride - 2) * (stride - 2)
    for k in range(len(planes)):
        total = 0.0
        for value in planes[k]:
            total += value
        means[k, 0] = total / pixels


@kernel
def _double(planes: Field, stride: int, larger: Field, width: int) -> None:
    for k in range(len(planes)):
        for y in range(larger.shape[1] // width - 2):
            row, large = planes[k, (y // 2 + 1) * stride + 1 :], larger[k, (y + 1) * width + 1 :]
            for x in range(stride - 2):
                large[2 * x] = large[2 * x + 1] = row[x]


@kernel
def _double_smoothly(planes: Field, stride: int, row: Field, larger: Field) -> None:
    """Doubled, with values between those of the pixels; no rim."""
    width, height = stride - 2, planes.shape[1] // stride - 2
    for k in range(len(planes)):
        for y in range(2 * height):
            nearer, farther = y // 2, min(max(y // 2 + y % 2 * 2 - 1, 0), height - 1)
            near, far = planes[k, (nearer + 1) * stride + 1 :], planes[k, (farther + 1) * stride + 1 :]
            for x in range(width):
                row[x] = _between(near[x], far[x])
            large = larger[k, y * 2 * width :]
            for x in range(width):
                large[2 * x] = _between(row[x], row[max(x - 1, 0)])
                large[2 * x + 1] = _between(row[x], row[min(x + 1, width - 1)])


@kernel
def _between(nearer: float, farther: float) -> float:
    return np.float32(0.75) * nearer + np.float32(0.25) * farther  # type: ignore[return-value]


@fused_kernel
def mix(planes: Field, weights: Field, bias: Field, least: float, sums: Field) -> None:
    """Write sums of whole planes, `least` where they are less, to `sums`, (units, pixels).

    Six planes at a time, of as many pixels as stay in the cache: what is summed so far is read and written once for six
    products.
    """
    sixes = len(planes) // 6 * 6
    for begin in range(0, sums.shape[1], _TILE):
        for unit in range(len(bias)):
            out, w = sums[unit, begin : begin + _TILE], weights[unit]
            for i in range(len(out)):
                out[i] = bias[unit]
            for k in range(0, sixes, 6):
                a, b, c, d, e, f = w[k], w[k + 1], w[k + 2], w[k + 3], w[k + 4], w[k + 5]
                p, q, r = planes[k, begin:], planes[k + 1, begin:], planes[k + 2, begin:]
                s, t, u = planes[k + 3, begin:], planes[k + 4, begin:], planes[k + 5, begin:]
                for i in range(len(out)):
                    out[i] = out[i] + a * p[i] + b * q[i] + c * r[i] + d * s[i] + e * t[i] + f * u[i]
            for k in range(sixes, len(planes)):
                weight, plane = w[k], planes[k, begin:]
                for i in range(len(out)):
                    out[i] += weight * plane[i]
            for i in range(len(out)):
                out[i] = max(out[i], np.float32(least))


@fused_kernel
def convolve(planes: Field, weights: Field, bias: Field, stride: int, sums: Field) -> None:
    """Write sums over pixels and their neighbours, 0 where they are less, to `sums`.

    All planes have a rim of one pixel, of zeros in those that are given; what is written to the rim means nothing. Two
    units at a time, which see the same pixels, and the last one twice at once if their number is odd.
    """
    size = sums.shape[1] - 2 * stride - 2
    for unit in range(0, len(bias), 2):
        second = min(unit + 1, len(bias) - 1)
        out, other = sums[unit, stride + 1 :], sums[second, stride + 1 :]
        for i in range(size):
            out[i] = bias[unit]
            other[i] = bias[second]
        for k in range(len(planes)):
            above, at, below = planes[k], planes[k, stride:], planes[k, 2 * stride :]
            w, v = weights[unit, k], weights[second, k]
            a, b, c, d, e, f, g, h, j = w[0], w[1], w[2], w[3], w[4], w[5], w[6], w[7], w[8]
            m, n, o, p, q, r, s, t, u = v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7], v[8]
            for i in range(size):
                x, y, z = above[i], above[i + 1], above[i + 2]
                first, last = out[i] + a * x + b * y + c * z, other[i] + m * x + n * y + o * z
                x, y, z = at[i], at[i + 1], at[i + 2]
                first, last = first + d * x + e * y + f * z, last + p * x + q * y + r * z
                x, y, z = below[i], below[i + 1], below[i + 2]
                out[i], other[i] = first + g * x + h * y + j * z, last + s * x + t * y + u * z
        for i in range(size):
            out[i] = max(out[i], np.float32(0))
            other[i] = max(other[i], np.float32(0))
