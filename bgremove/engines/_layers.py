"""What layers of a convolutional network are made of: sums of planes, and planes made smaller and larger.

Planes are ``(planes, pixels)``, row by row. Those whose neighbours are seen have a rim of one pixel; the number of
pixels of a row is then called the stride, rim included.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from bgremove.engines._barriers import Field
from bgremove.engines._compile import fused_kernel, kernel
from bgremove.types import Image

_TILE = 1024  # pixels of some planes that are in the cache together


class Layer(NamedTuple):
    """Sums of planes, of which what is below 0 counts as 0."""

    weights: Field
    """(units, planes), or (units, planes, 9) for a pixel and its neighbours, row by row."""
    bias: Field
    """(units,)"""


@kernel
def split(picture: Image, mirrored: int, planes: Field) -> None:
    """Write each of the four pixels that one is at twice the size to planes of its own; 0 is a middle gray."""
    height, width = picture.shape[0] // 2, picture.shape[1] // 2
    for y in range(2 * height):
        for x in range(2 * width):
            from_left = 2 * width - 1 - x if mirrored else x
            for channel in range(3):
                plane = planes[(y % 2 * 2 + x % 2) * 3 + channel]
                plane[(y // 2 + 1) * (width + 2) + x // 2 + 1] = np.float32(picture[y, from_left, channel]) / 64 - 2


@kernel
def copy_inside(planes: Field, stride: int, inside: Field) -> None:
    """Without the rim."""
    width = stride - 2
    for k in range(len(planes)):
        for y in range(inside.shape[1] // width):
            row, target = planes[k, (y + 1) * stride + 1 :], inside[k, y * width :]
            for x in range(width):
                target[x] = row[x]


@kernel
def halve(planes: Field, stride: int, rim: int, smaller: Field, width: int) -> None:
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
def rimmed_convolve(planes: Field, layer: Layer, stride: int, sums: Field) -> None:
    """`convolve`, and a rim of zeros."""
    convolve(planes, layer.weights, layer.bias, stride, sums)
    for k in range(len(sums)):
        sums[k, : stride + 1] = 0
        for end in range(2 * stride - 1, sums.shape[1] - stride, stride):
            sums[k, end : end + 2] = 0
        sums[k, sums.shape[1] - stride :] = 0


@kernel
def average(planes: Field, stride: int, means: Field) -> None:
    """Of each plane; zeros on the rim."""
    pixels = (planes.shape[1] // stride - 2) * (stride - 2)
    for k in range(len(planes)):
        total = 0.0
        for value in planes[k]:
            total += value
        means[k, 0] = total / pixels


@kernel
def double(planes: Field, stride: int, larger: Field, width: int) -> None:
    for k in range(len(planes)):
        for y in range(larger.shape[1] // width - 2):
            row, large = planes[k, (y // 2 + 1) * stride + 1 :], larger[k, (y + 1) * width + 1 :]
            for x in range(stride - 2):
                large[2 * x] = large[2 * x + 1] = row[x]


@kernel
def double_smoothly(planes: Field, stride: int, row: Field, larger: Field) -> None:
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
