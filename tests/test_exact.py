"""The exact engine gives the mask of cv2.grabCut."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from bgremove.engines import make_engine
from bgremove.types import GrabCutSettings, Image, Label, Mask, Rect


def scene(height: int, width: int, seed: int) -> Image:
    """Blurred colour blobs, an object of other colours, and noise."""
    rng = np.random.default_rng(seed)
    image = cv2.resize(
        rng.integers(0, 150, (6, 6, 3)).astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC
    )
    centre = int(width * rng.uniform(0.4, 0.6)), int(height * rng.uniform(0.4, 0.6))
    axes = max(1, int(width * rng.uniform(0.1, 0.3))), max(1, int(height * rng.uniform(0.1, 0.3)))
    object_ = np.zeros((height, width), np.uint8)
    cv2.ellipse(object_, centre, axes, float(rng.uniform(0, 180)), 0, 360, 1, -1)
    patches = cv2.resize(rng.integers(60, 256, (4, 4, 3)).astype(np.float32), (width, height))
    image = np.where(object_[..., None] > 0, patches, image) + rng.normal(0, 12, image.shape)
    return np.clip(image, 0, 255).astype(np.uint8)


def labels_for(image: Image, rect: Rect) -> Mask:
    labels = np.zeros(image.shape[:2], np.uint8)
    labels[rect.clip(*labels.shape).slices] = Label.PROBABLY_FOREGROUND
    return labels


def check_same(image: Image, labels: Mask, **settings: int) -> None:
    before = labels.copy()
    wanted = make_engine("opencv").segment(image, labels, GrabCutSettings(**settings))
    given = make_engine("exact").segment(image, labels, GrabCutSettings(**settings))
    assert given.dtype == np.uint8
    assert np.count_nonzero(given != wanted) == 0
    assert np.array_equal(labels, before)


@pytest.mark.parametrize("iterations", [1, 2, 5, 9])
@pytest.mark.parametrize(
    ("height", "width", "rect"),
    [
        (60, 80, Rect(8, 6, 64, 48)),
        (97, 61, Rect(1, 1, 59, 95)),
        (120, 150, Rect(40, 0, 110, 100)),
        (33, 200, Rect(0, 0, 150, 33)),
        (200, 160, Rect(20, 30, 120, 150)),
    ],
)
def test_generated_scenes(height: int, width: int, rect: Rect, iterations: int) -> None:
    for seed in range(3):
        image = scene(height, width, seed)
        check_same(image, labels_for(image, rect), iterations=iterations, seed=seed)


@pytest.mark.parametrize("seed", range(4))
def test_hints(seed: int) -> None:
    rng = np.random.default_rng(seed)
    image = scene(90, 110, seed)
    labels = labels_for(image, Rect(10, 10, 90, 70))
    labels[35:50, 45:60] = Label.FOREGROUND
    labels[15:20, 20:90] = Label.BACKGROUND
    labels[60:70, 20:60] = Label.PROBABLY_BACKGROUND
    labels[5:8, 3:30] = Label.PROBABLY_FOREGROUND
    labels[rng.random(labels.shape) < 0.01] = Label.FOREGROUND
    labels[rng.random(labels.shape) < 0.01] = Label.BACKGROUND
    check_same(image, labels, iterations=4, seed=seed)
