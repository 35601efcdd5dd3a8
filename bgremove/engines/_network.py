"""A small convolutional network that sees a picture at four sizes, and answers for each of its pixels.

It has the shape of a U (Ronneberger, Fischer, Brox 2015, https://doi.org/10.1007/978-3-319-24574-4_28): each pixel by
itself, then its neighbourhood at a half, a quarter and an eighth of the size, and back again, with what was seen on the
way down. At the eighth the mean of the whole picture is added. About a millisecond for 64 by 64 pixels.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bgremove.engines._barriers import Field
from bgremove.engines._compile import fused_kernel
from bgremove.engines._cues import CUES

INPUTS = len(CUES) + 2
"""The cues, whether a pixel is open, and whether the box was drawn."""
UNITS = (24, 24, 32, 48)
"""Of each pixel by itself, and at a half, a quarter and an eighth of the size."""


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
    """``(H, W)``: what the network answers, of `INPUTS` planes, whose sides are multiples of 8."""
    pixel = _mix(planes, network.pixel)
    half = _convolve(network.half, _halved(pixel))
    quarter = _convolve(network.quarter, _halved(half))
    eighth = _convolve(network.eighth, _halved(quarter))
    whole = _mix(eighth.mean(axis=(1, 2), keepdims=True), network.whole, least=-np.inf)
    wide = _convolve(network.wide._replace(bias=network.wide.bias + whole.ravel()), eighth)
    quarter = _convolve(network.quarter_again, _doubled(wide), quarter)
    half = _convolve(network.half_again, _doubled(quarter), half)
    pixel = _mix(np.concatenate([_between(half), pixel]), network.pixel_again)
    return np.asarray(_mix(pixel, network.last, least=-np.inf)[0])


def _mix(planes: Field, layer: Layer, least: float = 0.0) -> Field:
    sums = np.empty((len(layer.bias), *planes.shape[1:]), np.float32)
    flat = np.ascontiguousarray(planes).reshape(len(planes), -1)
    mix(flat, layer.weights, layer.bias, least, sums.reshape(len(sums), -1))
    return sums


def _convolve(layer: Layer, *parts: Field) -> Field:
    """Of planes in several parts, with zeros around them."""
    height, width = parts[0].shape[1:]
    planes = np.zeros((sum(map(len, parts)), height + 2, width + 2), np.float32)
    np.concatenate(parts, out=planes[:, 1:-1, 1:-1])
    sums = np.empty((len(layer.bias), height + 2, width + 2), np.float32)
    convolve(planes.reshape(len(planes), -1), layer.weights, layer.bias, width + 2, sums.reshape(len(sums), -1))
    return sums[:, 1:-1, 1:-1]


def _halved(planes: Field) -> Field:
    """The means of 2 by 2 pixels."""
    rows = planes[:, ::2] + planes[:, 1::2]
    return np.asarray((rows[..., ::2] + rows[..., 1::2]) / 4, np.float32)


def _doubled(planes: Field) -> Field:
    return planes.repeat(2, axis=1).repeat(2, axis=2)


def _between(planes: Field) -> Field:
    """Doubled, with values between those of the pixels."""
    for axis in (1, 2):
        there = np.moveaxis(planes, axis, 0)
        larger = np.empty((2 * len(there), *there.shape[1:]), np.float32)
        larger[::2] = larger[1::2] = 0.75 * there
        larger[2::2] += 0.25 * there[:-1]
        larger[1:-1:2] += 0.25 * there[1:]
        larger[0] += 0.25 * there[0]
        larger[-1] += 0.25 * there[-1]
        planes = np.moveaxis(larger, 0, axis)
    return planes


@fused_kernel
def mix(planes: Field, weights: Field, bias: Field, least: float, sums: Field) -> None:
    """Write sums of whole planes, `least` where they are less, to `sums`, (units, pixels)."""
    for unit in range(len(bias)):
        out = sums[unit]
        for i in range(len(out)):
            out[i] = bias[unit]
        for k in range(len(planes)):
            weight, plane = weights[unit, k], planes[k]
            for i in range(len(out)):
                out[i] += weight * plane[i]
        for i in range(len(out)):
            out[i] = max(out[i], np.float32(least))


@fused_kernel
def convolve(planes: Field, weights: Field, bias: Field, stride: int, sums: Field) -> None:
    """Write sums over pixels and their neighbours, 0 where they are less, to `sums`.

    All planes have a rim of one pixel, of zeros in those that are given; what is written to the rim means nothing.
    """
    size = sums.shape[1] - 2 * stride - 2
    for unit in range(len(bias)):
        out = sums[unit, stride + 1 :]
        for i in range(size):
            out[i] = bias[unit]
        for k in range(len(planes)):
            w, above, at, below = weights[unit, k], planes[k], planes[k, stride:], planes[k, 2 * stride :]
            a, b, c, d, e, f, g, h, j = w[0], w[1], w[2], w[3], w[4], w[5], w[6], w[7], w[8]
            for i in range(size):
                out[i] += (
                    (a * above[i] + b * above[i + 1] + c * above[i + 2])
                    + (d * at[i] + e * at[i + 1] + f * at[i + 2])
                    + (g * below[i] + h * below[i + 1] + j * below[i + 2])
                )
        for i in range(size):
            out[i] = max(out[i], np.float32(0))
