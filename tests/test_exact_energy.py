"""Images of few flat colours, where cuts may tie: the exact engine takes one that costs least, as OpenCV does.

The energy is computed here in plain NumPy, after the paper, with the colour models that ``cv2.grabCut`` reports.
"""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from bgremove.engines import make_engine
from bgremove.types import Foreground, Image, Label, Mask
from tests.test_edges import near_boundary

pytestmark = pytest.mark.pixels

SIDE = 100
DECIDED = 1000.0
"""More than all links of a pixel cost together: what a colour that one side does not know costs there."""


def shapes(rng: np.random.Generator, colours: Image) -> Image:
    image = np.empty((SIDE, SIDE, 3), np.uint8)
    image[:] = colours[0]
    for top, left, size in rng.integers((0, 0, 4), (SIDE - 20, SIDE - 20, 50), (8, 3)):
        image[top : top + size, left : left + size // 2 + 5] = rng.choice(colours)
    return image


def preferences(image: Image, models: np.ndarray) -> np.ndarray:
    """How much more a pixel costs as background than as foreground, (H, W)."""
    densities = np.zeros((2, SIDE, SIDE))
    for side, model in enumerate(models):
        means, spreads = model[5:20].reshape(5, 3), model[20:].reshape(5, 3, 3)
        for weight, mean, spread in zip(model[:5], means, spreads, strict=True):
            if weight > 0:
                offset = image - mean
                distance = np.einsum("yxi,ij,yxj->yx", offset, np.linalg.inv(spread), offset)
                densities[side] += weight / np.sqrt(np.linalg.det(spread)) * np.exp(-distance / 2)
    known = densities > 0
    logarithms = np.log(densities, out=np.full_like(densities, -DECIDED), where=known)
    wishes = np.where(known[0], logarithms[1] - logarithms[0], DECIDED)
    return np.clip(wishes, -DECIDED, DECIDED)


def pairs(values: np.ndarray) -> list[tuple[np.ndarray, np.ndarray, float]]:
    """All neighbours as pairs of equally shaped arrays, with their distance."""
    return [
        (values[:, 1:], values[:, :-1], 1.0),
        (values[1:], values[:-1], 1.0),
        (values[1:, 1:], values[:-1, :-1], np.sqrt(2)),
        (values[1:, :-1], values[:-1, 1:], np.sqrt(2)),
    ]


def energy(image: Image, models: np.ndarray, labels: Mask, foreground: Foreground) -> float:
    differences = [(((a - b) ** 2).sum(axis=-1), distance) for a, b, distance in pairs(image.astype(float))]
    beta = sum(d.size for d, _ in differences) / (2 * sum(d.sum() for d, _ in differences))
    cuts = [a != b for a, b, _ in pairs(foreground)]
    links = sum(
        (50 / distance * np.exp(-beta * d))[cut].sum() for (d, distance), cut in zip(differences, cuts, strict=True)
    )
    wishes = preferences(image, models)
    costs = np.where(foreground, np.maximum(-wishes, 0), np.maximum(wishes, 0))
    return float(links + costs[labels >= Label.PROBABLY_BACKGROUND].sum())


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("contrast", [256, 40])
def test_flat_colours_are_cut_at_the_least_energy(contrast: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    image = shapes(rng, rng.integers(0, contrast, (2 + seed % 3, 3)).astype(np.uint8))
    labels = np.full((SIDE, SIDE), Label.BACKGROUND, np.uint8)
    labels[8:92, 8:92] = Label.PROBABLY_FOREGROUND
    # One iteration: after it, two cuts of equal energy would lead to different models.
    reference, models = labels.copy(), np.zeros((2, 65))
    cv2.setRNGSeed(0)
    cv2.grabCut(image, reference, (0, 0, 0, 0), models[:1], models[1:], 1, cv2.GC_INIT_WITH_MASK)
    mask = make_engine("exact").segment(image, labels, iterations=1, seed=0)
    assert np.count_nonzero(mask != reference) <= SIDE * SIDE // 10_000

    foreground = (mask & 1).astype(np.bool_)
    assert foreground.any()
    least = energy(image, models, labels, foreground)
    assert least == pytest.approx(energy(image, models, labels, (reference & 1).astype(np.bool_)), rel=1e-6)
    for _ in range(20):
        other = foreground.copy()
        top, left, height, width = rng.integers((8, 8, 1, 1), (80, 80, 12, 12))
        other[top : top + height, left : left + width] ^= True
        assert energy(image, models, labels, other) >= least * (1 - 1e-6)
    near = near_boundary(foreground, 1) & (labels >= Label.PROBABLY_BACKGROUND)
    assert energy(image, models, labels, foreground ^ near) > least
