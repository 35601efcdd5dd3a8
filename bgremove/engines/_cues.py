"""What can be seen of each pixel that tells an object from its surroundings: cues, for `bgremove.engines._location`.

They are measured on some 10,000 pixels. The ideas, beside place and colour: the barrier between a pixel and the border,
see `bgremove.engines._barriers`, how widely a colour is spread (Liu and others 2011,
https://doi.org/10.1109/TPAMI.2010.70), how much of it is at the border (Zhu and others 2014,
https://doi.org/10.1109/CVPR.2014.360), its distance from the colours of each side (Jiang and others 2013,
https://doi.org/10.1109/CVPR.2013.271).

Three kernels, and blurs between them: the first measures what is blurred, the second the textures, the third the rest.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from bgremove.engines._barriers import STARTS, Field, make_paths, measure_barriers
from bgremove.engines._colours import Space, clear_sums, make_space, part_of, share_sums, total_of
from bgremove.engines._compile import kernel
from bgremove.engines._energy import OPEN
from bgremove.engines._likeness import TEXTURES, compare
from bgremove.engines._scene import GRAY, LOGARITHMS, UNITS, Around, Near, Scene, look_at
from bgremove.types import Image, Mask

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

_RARE = 1e-5  # share of what is never met
_BORDER = 0.9  # from this on, where the middle is 0 and a side 1
_SUMS = 9  # of the pixels of a colour: outside, in the middle, inside, at the border, and five moments of their places
_BARRIER, _COLOUR, _LIGHTNESS, _CONTRAST, _UNLIKE, _TEXTURE = map(
    CUES.index, ("barrier", "colour", "lightness", "contrast fine", "unlike top", "texture")
)


def measure_cues(image: Image, labels: Mask) -> Field:
    """``(H, W, cues)``, see `CUES`; about 4 milliseconds for 10,000 pixels, other threads run meanwhile."""
    height, width = labels.shape
    scene = look_at(image, labels)
    near = Near(
        _empty(height, width, 5), _empty(height, width, 3), _empty(height, width, 3), _empty(height, width, 3),
        _empty(height, width), np.empty(2),
    )  # fmt: skip
    cues, logarithms = _empty(height, width, len(CUES)), _empty(height, width, LOGARITHMS)
    space = make_space(height, width, _SUMS)
    _measure(scene, make_paths(height, width), _empty(height, width, STARTS), space, near, logarithms, cues)

    def blur(values: Field, share: float) -> Field:
        """With a standard deviation that is a share of the longer side of the box."""
        deviation = max(0.5, share * max(scene.box.width, scene.box.height))
        blurred = np.empty_like(values)  # else OpenCV waits for the interpreter once more, to make it
        cv2.GaussianBlur(values, (0, 0), deviation, blurred)
        return blurred

    around = Around(
        blur(near.colours, 0.03), blur(near.lab, 0.02), blur(near.lab, 0.06), blur(near.lab, 0.2),
        blur(near.slopes, 0.01), blur(near.steepness, 0.04), blur(near.slope, 0.015), blur(near.slope, 0.05),
    )  # fmt: skip
    ratio, outside = np.empty((2, height, width), np.float32)
    compare(scene, around, near.means, space.codes, np.empty((TEXTURES, 2)), ratio, outside, logarithms)
    cv2.log(logarithms, logarithms)
    textures = blur(ratio, 0.015), blur(ratio, 0.05), blur(outside, 0.02)
    _finish(around, logarithms, textures, cues)
    return cues


def _empty(*shape: int) -> Field:
    return np.empty(shape, np.float32)


@kernel
def _measure(
    scene: Scene,
    paths: NDArray[np.int16],
    barriers: Field,
    space: Space,
    near: Near,
    logarithms: Field,
    cues: Field,
) -> None:
    """Write all that is not blurred, and all that is to be but for textures."""
    measure_barriers(scene.lab, scene.labels, scene.box, paths, barriers)
    _standardise_barriers(scene.labels, barriers, near, logarithms, cues)
    _measure_colours(scene, space, near, cues)
    _measure_slopes(scene, near)
    height, width = scene.labels.shape
    for y in range(height):
        for x in range(width):
            seen, lab = cues[y, x], near.lab[y, x]
            seen[0], seen[1], seen[2] = scene.across[x] ** 2, scene.down[y] ** 2, scene.down[y]
            for channel in range(3):
                lab[channel] = np.float32(scene.lab[y, x, channel]) / UNITS[channel] - GRAY[channel]
                seen[_LIGHTNESS + channel] = lab[channel]
            seen[_LIGHTNESS + 3] = math.sqrt(lab[1] ** 2 + lab[2] ** 2)


@kernel
def _standardise_barriers(labels: Mask, barriers: Field, near: Near, logarithms: Field, cues: Field) -> None:
    """All by the mean and the deviation of that from all that is outside."""
    height, width = labels.shape
    count, total, squares = 0, 0.0, 0.0
    for y in range(height):
        for x in range(width):
            if labels[y, x] >= OPEN:
                count += 1
                total += barriers[y, x, 0]
                squares += barriers[y, x, 0] ** 2
    mean = total / count
    deviation = math.sqrt(max(squares / count - mean**2, 0.0)) + 1e-3
    for y in range(height):
        for x in range(width):
            logarithms[y, x, 0] = 1 + barriers[y, x, 0] / 20
            seen, barrier = cues[y, x, _BARRIER:], barriers[y, x]
            for start in range(STARTS):
                barrier[start] = (barrier[start] - mean) / deviation
            near.steepness[y, x, 0] = seen[0] = barrier[0]
            seen[2], seen[3] = barrier[1], barrier[2]
            seen[4], seen[5] = min(barrier[3], barrier[4]), max(barrier[3], barrier[4])


@kernel
def _measure_colours(scene: Scene, space: Space, near: Near, cues: Field) -> None:
    """How often a pixel's colour is met inside and outside, and where."""
    height, width = scene.labels.shape
    box = clear_sums(scene.lab, space)
    for y in range(height):
        for x in range(width):
            sums = part_of(space.sums, space, y, x)
            if scene.labels[y, x] >= OPEN:
                across, down = scene.across[x], scene.down[y]
                sums[1] += scene.middle_across[x] * scene.middle_down[y]
                sums[2] += 1
                sums[3] += 1 if abs(across) > _BORDER or abs(down) > _BORDER else 0
                sums[4] += across**2 + down**2
                sums[5] += across
                sums[6] += across**2
                sums[7] += down
                sums[8] += down**2
            else:
                sums[0] += 1
    share_sums(space, box)
    totals = total_of(space, box, 0), total_of(space, box, 1), total_of(space, box, 2)
    for y in range(height):
        for x in range(width):
            known, done = part_of(space.shared, space, y, x), part_of(space.sums, space, y, x)
            if done[0] >= 0:
                _describe(known, totals)
                done[0] = -1
            seen, colours = cues[y, x, _COLOUR:], near.colours[y, x]
            seen[0] = known[0] if scene.labels[y, x] >= OPEN else min(known[0], 0.0)
            seen[2], seen[4], seen[5], seen[7] = known[1], known[2], known[3], known[4]
            seen[9], seen[10], seen[11] = known[5], known[6], known[7]
            colours[0], colours[1], colours[2], colours[3], colours[4] = seen[0], seen[2], seen[5], seen[7], seen[11]


@kernel
def _describe(known: NDArray[np.float64], totals: tuple[float, float, float]) -> None:
    """Of one colour, from its sums, in their place."""
    outside, middle, count = known[0], known[1], known[2]
    border, off, across, across_squared, down, down_squared = known[3], known[4], known[5], known[6], known[7], known[8]
    share = 1 / (count + 1e-6)
    known[2] = -math.log(outside / totals[0] + _RARE)
    known[0] = math.log(middle / totals[1] + _RARE) + known[2]
    known[1] = -math.log(count / totals[2] + _RARE)
    known[3] = off * share
    known[4] = across_squared * share - (across * share) ** 2
    known[5] = down_squared * share - (down * share) ** 2
    known[6] = down * share
    known[7] = math.log((border + 1) / math.sqrt(count + 1))


@kernel
def _measure_slopes(scene: Scene, near: Near) -> None:
    height, width = scene.labels.shape
    total, total_sharpness = 0.0, 0.0
    for y in range(height):
        for x in range(width):
            across, down, sharpness = scene.slope_across[y, x], scene.slope_down[y, x], abs(scene.sharpness[y, x])
            squared = across * across + down * down
            slope = math.sqrt(squared)
            near.slopes[y, x, 0] = near.steepness[y, x, 2] = near.slope[y, x] = slope
            near.slopes[y, x, 1] = across * across - down * down
            near.slopes[y, x, 2] = squared
            near.steepness[y, x, 1] = sharpness
            total += slope
            total_sharpness += sharpness
    near.means[0], near.means[1] = total / (height * width), total_sharpness / (height * width)


@kernel
def _finish(around: Around, logarithms: Field, textures: tuple[Field, Field, Field], cues: Field) -> None:
    """Write what was blurred, and made of it."""
    height, width = around.slope.shape
    for y in range(height):
        for x in range(width):
            seen, logarithm, colours = cues[y, x], logarithms[y, x], around.colours[y, x]
            seen[_BARRIER + 1], seen[_BARRIER + 6] = logarithm[0], around.steepness[y, x, 0]
            seen[_COLOUR + 1], seen[_COLOUR + 3], seen[_COLOUR + 6] = colours[0], colours[1], colours[2]
            seen[_COLOUR + 8], seen[_COLOUR + 12] = colours[3], colours[4]
            fine, middle, wide = around.fine[y, x], around.middle[y, x], around.wide[y, x]
            seen[_CONTRAST] = _distance(fine, middle)
            seen[_CONTRAST + 1] = _distance(middle, wide)
            seen[_CONTRAST + 2] = _distance(fine, wide)
            for k in range(1, LOGARITHMS):
                seen[_UNLIKE - 1 + k] = logarithm[k]
            for k in range(3):
                seen[_TEXTURE + k] = textures[k][y, x]


@kernel
def _distance(one: Field, other: Field) -> float:
    a, b, c = one[0] - other[0], one[1] - other[1], one[2] - other[2]
    return math.sqrt(a * a + b * b + c * c)
