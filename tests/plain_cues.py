"""`bgremove.engines._cues` and `_overlap` once more, in plain NumPy: one value after the other, as they document."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from bgremove.engines._cues import CUES
from bgremove.types import Image, Mask

Values = NDArray[Any]


class Scene:
    """What cues are measured on."""

    def __init__(self, image: Image, labels: Mask) -> None:
        self.image, self.inside = image, labels >= 2
        self.x, self.y, self.width, self.height = cv2.boundingRect(self.inside.view(np.uint8))
        rows, columns = (np.arange(side) + 0.5 for side in labels.shape)
        self.across, self.down = np.meshgrid(
            2 * (columns - self.x) / self.width - 1, 2 * (rows - self.y) / self.height - 1
        )
        self.middle = np.exp(-2 * (self.across**2 + self.down**2)) * self.inside
        self.lab = cv2.cvtColor(cv2.GaussianBlur(image, (0, 0), 1), cv2.COLOR_BGR2Lab)

    def blur(self, values: Values, share: float) -> Values:
        deviation = max(0.5, share * max(self.width, self.height))
        return np.asarray(cv2.GaussianBlur(values.astype(np.float32), (0, 0), deviation))

    def sides(self) -> list[tuple[slice, slice]]:
        """Above, below, left and right of the box."""
        (height, width), every = self.inside.shape, slice(None)
        bottom, right = self.y + self.height, self.x + self.width
        return [
            (slice(max(1, self.y)), every),
            (slice(min(height - 1, bottom), None), every),
            (every, slice(max(1, self.x))),
            (every, slice(min(width - 1, right), None)),
        ]


def measure(image: Image, labels: Mask) -> dict[str, Values]:
    """By name."""
    scene = Scene(image, labels)
    place = (scene.across**2, scene.down**2, scene.down)
    values = chain(place, _barriers(scene), _colours(scene), _contrasts(scene), _textures(scene))
    return dict(zip(CUES, values, strict=True))


def _barriers(scene: Scene) -> Iterator[Values]:
    starts = [~scene.inside]
    for side in scene.sides():
        starts.append(np.zeros(scene.inside.shape, np.bool_))
        starts[-1][side] = True
    barrier, *others = (sum(share * _barrier(scene.lab[..., k], start) for k, share in enumerate((0.4, 1, 1)))
                        for start in starts)  # fmt: skip
    mean, deviation = barrier[scene.inside].mean(), barrier[scene.inside].std() + 1e-3
    standard, top, bottom, left, right = ((each - mean) / deviation for each in (barrier, *others))
    yield from (standard, np.log1p(barrier / 20), top, bottom, np.minimum(left, right), np.maximum(left, right))
    yield scene.blur(standard, 0.04)


def _barrier(channel: Values, start: Values) -> Values:
    """Four passes, from either end in turn, of steps from the pixel above or below and from that beside."""
    height, width = channel.shape
    value = channel.astype(int)
    low, high = np.where(start, value, 0), np.where(start, value, 1000)
    for step in (1, -1, 1, -1):
        for y in range(height)[::step]:
            for x in range(width)[::step]:
                for v, u in ((y - step, x), (y, x - step)):
                    if 0 <= v < height and 0 <= u < width:
                        least, most = min(low[v, u], value[y, x]), max(high[v, u], value[y, x])
                        if most - least < high[y, x] - low[y, x]:
                            low[y, x], high[y, x] = least, most
    return high - low


def shared(lab: Image, weights: Values) -> Values:
    """``(16, 32, 32)``: sums of weights by colour, a half of each shared with the colours beside."""
    sums = np.zeros((16, 32, 32))
    np.add.at(sums, (lab[..., 0] >> 4, lab[..., 1] >> 3, lab[..., 2] >> 3), weights)
    for axis in (0, 1, 1, 2, 2):
        padded = np.moveaxis(np.pad(sums, [(int(k == axis),) * 2 for k in range(3)]), axis, 0)
        sums = np.moveaxis(0.5 * padded[1:-1] + 0.25 * padded[:-2] + 0.25 * padded[2:], 0, axis)
    return sums


def _colours(scene: Scene) -> Iterator[Values]:
    across, down, inside = scene.across, scene.down, scene.inside
    border = (abs(across) > 0.9) | (abs(down) > 0.9)
    places = (across**2 + down**2, across, across**2, down, down**2)
    weights = (~inside, scene.middle, inside, border * inside, *(place * inside for place in places))
    bins = scene.lab[..., 0] >> 4, scene.lab[..., 1] >> 3, scene.lab[..., 2] >> 3
    sums = [shared(scene.lab, weight) for weight in weights]
    outside, middle, rare = (np.log(each / each.sum() + 1e-5)[bins] for each in sums[:3])
    count, at_border = sums[2][bins], sums[3][bins]
    off, mean_across, square_across, mean_down, square_down = (each[bins] / (count + 1e-6) for each in sums[4:])
    colour = np.where(inside, middle - outside, np.minimum(middle - outside, 0))
    yield from (colour, scene.blur(colour, 0.03), -rare, scene.blur(-rare, 0.03), -outside)
    for spread in (off, square_across - mean_across**2):
        yield from (spread, scene.blur(spread, 0.03))
    yield from (square_down - mean_down**2, mean_down)
    touching = np.log((at_border + 1) / np.sqrt(count + 1))
    yield from (touching, scene.blur(touching, 0.03))


def _contrasts(scene: Scene) -> Iterator[Values]:
    lab = scene.lab / np.array([128, 32, 32]) - np.array([1, 4, 4])
    yield from (lab[..., 0], lab[..., 1], lab[..., 2], np.hypot(lab[..., 1], lab[..., 2]))
    fine, middle, wide = (scene.blur(lab, share) for share in (0.02, 0.06, 0.2))
    for one, other in ((fine, middle), (middle, wide), (fine, wide)):
        yield np.linalg.norm(one - other, axis=2)
    sides = [lab[part].reshape(-1, 3) for part in scene.sides()]
    top, bottom, left, right = (
        np.log1p(np.linalg.norm((fine - side.mean(axis=0)) / (side.std(axis=0) + 0.08), axis=2)) for side in sides
    )
    yield from (top, bottom, np.minimum(left, right), np.maximum(left, right))


def _textures(scene: Scene) -> Iterator[Values]:
    gray = cv2.cvtColor(scene.image, cv2.COLOR_BGR2GRAY).astype(np.float32)
    across, down = cv2.Sobel(gray, cv2.CV_32F, 1, 0), cv2.Sobel(gray, cv2.CV_32F, 0, 1)
    slope, fine = np.hypot(across, down), np.abs(cv2.Laplacian(gray, cv2.CV_32F))
    for values, share in ((slope, 0.015), (slope, 0.05), (fine, 0.04)):
        yield np.log(scene.blur(values / (values.mean() + 1e-3), share) + 0.05)
    near, around = (np.clip(np.log1p(scene.blur(slope, share)) * 2, 0, 11).astype(int) for share in (0.01, 0.04))
    upright = scene.blur(across**2 - down**2, 0.01) / (scene.blur(across**2 + down**2, 0.01) + 1)
    codes = (near * 4 + np.clip((upright + 1) * 2, 0, 3).astype(int)) * 12 + around
    middle, outside = (
        np.log(sums / sums.sum() + 1e-3)[codes]
        for sums in (np.bincount(codes.ravel(), weights.ravel(), 576) for weights in (scene.middle, ~scene.inside))
    )
    yield from (scene.blur(middle - outside, 0.015), scene.blur(middle - outside, 0.05), scene.blur(-outside, 0.02))


def measure_mask(image: Image, labels: Mask, foreground: Values, odds: Values) -> list[float]:
    """What `bgremove.engines._overlap.measure_masks` measures."""
    inside = labels >= 2
    chosen, others = foreground & inside, inside & ~foreground
    lab = cv2.cvtColor(image, cv2.COLOR_BGR2Lab)
    of_chosen, of_others = (shared(lab, side) for side in (chosen, ~foreground))
    likelier = of_chosen / of_chosen.sum() > of_others / of_others.sum()
    told = likelier[lab[..., 0] >> 4, lab[..., 1] >> 3, lab[..., 2] >> 3] == foreground
    x, y, width, height = cv2.boundingRect(inside.view(np.uint8))
    box = np.ascontiguousarray(foreground[y : y + height, x : x + width])
    row, column = (min(1, side // 2) for side in box.shape)
    left, top, across, down = cv2.boundingRect(box.view(np.uint8))
    gaps = left / width, (width - left - across) / width, top / height, (height - top - down) / height
    chance = 1 / (1 + np.exp(-odds.astype(float)))
    sizes = cv2.connectedComponentsWithStats(chosen.view(np.uint8), connectivity=4)[2][1:, cv2.CC_STAT_AREA]
    outline = cv2.morphologyEx(foreground.view(np.uint8), cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) * inside
    return [
        told[inside].mean(),
        chosen.sum() / inside.sum(),
        np.concatenate([box[row], box[-1 - row], box[:, column], box[:, -1 - column]]).mean(),
        max(gaps),
        chance[chosen].sum() / (chance[others].sum() + chosen.sum()),
        chance[chosen].mean(),
        chance[others].mean(),
        (chosen & (odds > 0)).sum() / (chosen | (odds > 0) & inside).sum(),
        sizes.max() / sizes.sum(),
        np.log(outline.sum() / np.sqrt(sizes.sum()) + 1),
        abs(2 * chance - 1)[inside].mean(),
    ]
