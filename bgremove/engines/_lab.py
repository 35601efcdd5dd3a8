"""CIE Lab in 8 bits, the same as OpenCV's, whose first conversion in a process makes tables for 0.1 s.

A colour is made linear, weighed to X, Y and Z under the white point D65, and each of these is taken to its cube root,
all in integers: 1 is 255 * 2**3 in linear light, and 2**15 from the root on (`RGB2Lab_b` in OpenCV's `color_lab.cpp`).
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bgremove.engines._compile import kernel
from bgremove.types import Image

_LINEAR = 255 << 3
_XYZ_BITS, _ROOT_BITS = 12, 15
_XYZ = ((0.412453, 0.357580, 0.180423), (0.212671, 0.715160, 0.072169), (0.019334, 0.119193, 0.950227))
"""By red, green and blue."""
_WHITE = ((0.950456,), (1.0,), (1.088754,))
_DARK = 216 / 24389  # below which the root is a line
_SCALE, _OFFSET = (116 * 255 + 50) // 100, (16 * 255 * (1 << _ROOT_BITS) + 50) // 100  # L of 0 to 100 in 0 to 255


class Tables(NamedTuple):
    """What a conversion looks up."""

    linear: NDArray[np.int64]
    """(256,)"""
    root: NDArray[np.int64]
    """By X, Y or Z."""
    weights: NDArray[np.int64]
    """(3, 3): of red, green and blue, in X, Y and Z."""


def to_lab(image: NDArray[Any]) -> Image:
    """8-bit CIE Lab, of an image of uint8, BGR."""
    lab = np.empty(image.shape, np.uint8)
    _convert(np.ascontiguousarray(image), _tables(), lab)
    return lab


@cache
def _tables() -> Tables:
    levels = np.arange(256) / 255
    linear = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)
    # of 32 bits, and a root's further ones are cut off, as by OpenCV: three of them are others without
    values = np.arange(_LINEAR + 1, dtype=np.float32) * np.float32(1 / _LINEAR)
    exact = np.cbrt(values.astype(np.float64))
    cubes = exact.astype(np.float32)
    cubes = np.where(cubes > exact, np.nextafter(cubes, np.float32(0)), cubes)
    roots = np.where(values < _DARK, values * np.float32(841 / 108) + np.float32(16 / 116), cubes)
    weights = (1 << _XYZ_BITS) * np.array(_XYZ) / np.array(_WHITE)
    return Tables(*(np.rint(each).astype(np.int64) for each in (_LINEAR * linear, (1 << _ROOT_BITS) * roots, weights)))


@kernel
def _convert(image: Image, tables: Tables, lab: Image) -> None:
    for y in range(image.shape[0]):
        for x in range(image.shape[1]):
            blue, green, red = image[y, x, 0], image[y, x, 1], image[y, x, 2]
            light = tables.linear[red], tables.linear[green], tables.linear[blue]
            u, v, w = _root(tables, 0, light), _root(tables, 1, light), _root(tables, 2, light)
            lab[y, x, 0] = _rounded(_SCALE * v - _OFFSET, _ROOT_BITS)
            lab[y, x, 1] = _rounded(500 * (u - v), _ROOT_BITS) + 128
            lab[y, x, 2] = _rounded(200 * (v - w), _ROOT_BITS) + 128


@kernel
def _root(tables: Tables, axis: int, light: tuple[int, int, int]) -> int:
    """Of X, Y or Z."""
    weights = tables.weights[axis]
    value = weights[0] * light[0] + weights[1] * light[1] + weights[2] * light[2]
    return tables.root[_rounded(value, _XYZ_BITS)]  # type: ignore[no-any-return]


@kernel
def _rounded(value: int, bits: int) -> int:
    return (value + (1 << (bits - 1))) >> bits
