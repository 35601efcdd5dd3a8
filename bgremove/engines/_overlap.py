"""How well a mask is likely to fit the object, from the mask, the image and the prior: what tells good masks from bad.

A linear regression predicts the intersection over union with the truth. It was fitted to masks of 679 public
photographs (476 of PASCAL-S, 203 of people) under a margin and under a box drawn around the object, cut with the prior
and without, by networks that had not seen them. A mask that colours tell nearly completely from its surroundings is as
good as that says, if it does not run along the sides of the box and is no speck.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from bgremove.engines import _warm_up
from bgremove.engines._barriers import Field
from bgremove.engines._colours import Space, clear_sums, make_space, part_of, share_sums, to_lab, total_of
from bgremove.engines._compile import compiled_once, kernel
from bgremove.engines._energy import OPEN, open_box
from bgremove.types import Foreground, Image, Mask

_REGRESSION = {
    "told by colour": 0.014,
    "share": 0.002,
    "along the sides": -0.167,
    "gap": -0.142,
    "soft agreement": 0.407,
    "chance inside": 0.056,
    "chance outside": -0.088,
    "agreement": 0.316,
    "largest piece": 0.370,
    "outline": 0.021,
    "certainty": 0.096,
}
_CONSTANT = -0.285
_CLEAR = 0.98  # share of pixels that colours tell beyond which nothing else is asked of a mask
_ALONG = 0.5  # unless it runs along so much of the sides
_SMALL = 0.1  # or is less of what is open: colours tell any speck
_SQUARE = np.ones((3, 3), np.uint8)


def predict_overlap(image: Image, labels: Mask, foreground: Foreground, odds: Field) -> float:
    """About what the intersection over union with the truth will be; 0 for an empty mask and a full one.

    Meant for images of some 50,000 pixels: a millisecond or two.

    Parameters
    ----------
    image : (H, W, 3) uint8
    labels : (H, W) uint8
    foreground : (H, W) bool
    odds : (H, W) float32
        The prior, see `bgremove.engines._location.log_odds`.
    """
    number = np.count_nonzero(foreground[labels >= OPEN])
    if number == 0 or number == np.count_nonzero(labels >= OPEN):
        return 0.0
    measured = measure(image, labels, foreground, odds)
    predicted = float(measured @ np.array([*_REGRESSION.values()])) + _CONSTANT
    told, share, along, *_ = map(float, measured)
    clear = told >= _CLEAR and along < _ALONG and share >= _SMALL
    return told if clear else min(max(predicted, 0), 1)


def told_by_colour(image: Image, labels: Mask, foreground: Foreground) -> float:
    """Share of the open pixels whose colour alone, by how often it is met on either side, puts them where they are."""
    height, width = labels.shape
    return _share_told(to_lab(image), labels, foreground, make_space(height, width, 2))


@kernel
def _share_told(lab: Image, labels: Mask, foreground: Foreground, space: Space) -> float:
    height, width = labels.shape
    box = clear_sums(lab, space)
    for y in range(height):
        for x in range(width):
            if not foreground[y, x]:
                part_of(space.sums, space, y, x)[0] += 1
            elif labels[y, x] >= OPEN:
                part_of(space.sums, space, y, x)[1] += 1
    share_sums(space, box)
    outside, inside = total_of(space, box, 0), total_of(space, box, 1)
    told, count = 0, 0
    for y in range(height):
        for x in range(width):
            if labels[y, x] >= OPEN:
                shares = part_of(space.shared, space, y, x)
                told += 1 if (shares[1] / inside > shares[0] / outside) == foreground[y, x] else 0
                count += 1
    return told / count


def warm_up_overlap() -> None:
    """Compile or load what `predict_overlap` runs."""
    image, labels = _warm_up.make_picture()
    with compiled_once(_share_told):
        told_by_colour(image, labels, labels >= OPEN)


def find_gap(foreground: Foreground) -> float:
    """The widest gap between the foreground and a side of its array, as a share of the width or height."""
    height, width = foreground.shape
    x, y, across, down = cv2.boundingRect(foreground.view(np.uint8))
    return float(max(max(x, width - x - across) / width, max(y, height - y - down) / height))


def measure(image: Image, labels: Mask, foreground: Foreground, odds: Field) -> NDArray[np.float64]:
    """What the regression is of, in the order of its table."""
    inside = labels >= OPEN
    chosen, others = foreground & inside, inside & ~foreground
    box = foreground[open_box(labels).slices]
    rows, columns = (min(1, side // 2) for side in box.shape)  # rounding may cut the outermost ones
    sides = box[rows], box[-1 - rows], box[:, columns], box[:, -1 - columns]
    chance = 1 / (1 + np.exp(-np.clip(odds, -20, 20)))
    likely = inside & (odds > 0)
    sizes = cv2.connectedComponentsWithStats(chosen.view(np.uint8), connectivity=4)[2][1:, cv2.CC_STAT_AREA]
    outline = cv2.morphologyEx(foreground.view(np.uint8), cv2.MORPH_GRADIENT, _SQUARE).view(np.bool_) & inside
    return np.array(
        [
            told_by_colour(image, labels, foreground),
            np.count_nonzero(chosen) / np.count_nonzero(inside),
            np.mean(np.concatenate(sides)),
            find_gap(np.ascontiguousarray(box)),
            np.sum(chance[chosen]) / (np.sum(chance[others]) + np.count_nonzero(chosen)),
            np.mean(chance[chosen]),
            np.mean(chance[others]),
            np.count_nonzero(likely & chosen) / np.count_nonzero(likely | chosen),
            sizes.max() / sizes.sum(),
            np.log(np.count_nonzero(outline) / np.sqrt(sizes.sum()) + 1),
            np.mean(np.abs(2 * chance[inside] - 1)),
        ]
    )
