"""How unlike the colours of each side a pixel's is, and how often the like of its texture is met inside and outside."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from bgremove.engines._barriers import Field, sides_of
from bgremove.engines._compile import kernel
from bgremove.engines._energy import OPEN
from bgremove.engines._scene import GRAY, UNITS, Around, Scene
from bgremove.types import Image

STEEP, UPRIGHT = 12, 4
TEXTURES = STEEP * UPRIGHT * STEEP
"""Told by how many steps of slopes near by, of their directions, and of slopes farther around."""

_RARE = 1e-3  # share of what is never met


@kernel
def compare(
    scene: Scene,
    around: Around,
    means: NDArray[np.float64],
    codes: NDArray[np.int32],
    sums: NDArray[np.float64],
    ratio: Field,
    outside: Field,
    logarithms: Field,
) -> None:
    """Write of what logarithms are to be taken, and what of the textures is to be blurred.

    How much likelier the texture of a pixel is in the middle than outside, and how rare it is outside.
    """
    height, width = scene.labels.shape
    _compare_sides(scene, around.fine, logarithms)
    sums[:] = 0
    for y in range(height):
        for x in range(width):
            code = _texture(around.slopes[y, x], around.steepness[y, x, 2])
            codes[y, x] = code
            if scene.labels[y, x] >= OPEN:
                sums[code, 0] += scene.middle_across[x] * scene.middle_down[y]
            else:
                sums[code, 1] += 1
    total, total_outside = 0.0, 0.0
    for code in range(TEXTURES):
        total += sums[code, 0]
        total_outside += sums[code, 1]
    for code in range(TEXTURES):
        sums[code, 1] = -math.log(sums[code, 1] / max(total_outside, 1e-9) + _RARE)
        sums[code, 0] = math.log(sums[code, 0] / max(total, 1e-9) + _RARE) + sums[code, 1]
    slope, sharpness = means[0] + 1e-3, means[1] + 1e-3
    for y in range(height):
        for x in range(width):
            ratio[y, x], outside[y, x] = sums[codes[y, x], 0], sums[codes[y, x], 1]
            logarithms[y, x, 5] = around.slope[y, x] / slope + 0.05
            logarithms[y, x, 6] = around.slope_farther[y, x] / slope + 0.05
            logarithms[y, x, 7] = around.steepness[y, x, 1] / sharpness + 0.05


@kernel
def _texture(slopes: Field, steepness: float) -> int:
    """How steep it is near by, how upright, and how steep farther around: a number."""
    upright = (slopes[1] / (slopes[2] + 1) + 1) * 2
    return (_steps(slopes[0]) * UPRIGHT + int(min(max(upright, 0.0), UPRIGHT - 1.0))) * STEEP + _steps(steepness)


@kernel
def _steps(slope: float) -> int:
    return int(min(max(math.log(1 + slope) * 2, 0.0), STEEP - 1.0))


@kernel
def _compare_sides(scene: Scene, fine: Field, logarithms: Field) -> None:
    """How far each colour is from those of each side, in their deviations."""
    height, width = scene.labels.shape
    top, bottom, left, right = sides_of(scene.box, height, width)
    above, below = _describe_part(scene.lab, 0, top, 0, width), _describe_part(scene.lab, bottom, height, 0, width)
    before, behind = _describe_part(scene.lab, 0, height, 0, left), _describe_part(scene.lab, 0, height, right, width)
    for y in range(height):
        for x in range(width):
            lab, unlike = fine[y, x], logarithms[y, x]
            one, other = _unlike(lab, before), _unlike(lab, behind)
            unlike[1], unlike[2] = 1 + _unlike(lab, above), 1 + _unlike(lab, below)
            unlike[3], unlike[4] = 1 + min(one, other), 1 + max(one, other)


@kernel
def _describe_part(lab: Image, top: int, bottom: int, left: int, right: int) -> tuple[float, ...]:
    """The mean of each channel, then one over each deviation and a little."""
    count = (bottom - top) * (right - left)
    a, b, c = 0, 0, 0
    aa, bb, cc = 0, 0, 0
    for y in range(top, bottom):
        for x in range(left, right):
            p, q, r = int(lab[y, x, 0]), int(lab[y, x, 1]), int(lab[y, x, 2])
            a, b, c = a + p, b + q, c + r
            aa, bb, cc = aa + p * p, bb + q * q, cc + r * r
    return (
        a / count / UNITS[0] - GRAY[0], b / count / UNITS[1] - GRAY[1], c / count / UNITS[2] - GRAY[2],
        _sharpness(a, aa, count, 0), _sharpness(b, bb, count, 1), _sharpness(c, cc, count, 2),
    )  # fmt: skip


@kernel
def _sharpness(total: int, squares: int, count: int, channel: int) -> float:
    """One over a deviation and a little."""
    return 1 / (math.sqrt(squares * count - total * total) / count / UNITS[channel] + 0.08)


@kernel
def _unlike(lab: Field, side: tuple[float, ...]) -> float:
    a, b, c = (lab[0] - side[0]) * side[3], (lab[1] - side[1]) * side[4], (lab[2] - side[2]) * side[5]
    return math.sqrt(a * a + b * b + c * c)
