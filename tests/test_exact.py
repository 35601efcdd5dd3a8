"""The exact engine gives the mask of cv2.grabCut."""

from __future__ import annotations

import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest

from bgremove.engines import make_engine
from bgremove.types import Image, Label, Mask, Rect
from fixtures import Fixture, load

pytestmark = pytest.mark.pixels


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


def check_same(image: Image, labels: Mask, *, iterations: int = 5, seed: int = 0) -> None:
    before = labels.copy()
    wanted = make_engine("opencv").segment(image, labels, iterations=iterations, seed=seed)
    given = make_engine("exact").segment(image, labels, iterations=iterations, seed=seed)
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


@pytest.mark.parametrize("factor", [1, 3])
def test_enlarged_scene_with_little_noise(factor: int) -> None:
    image = cv2.resize(scene(80, 90, 4), None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
    check_same(image, labels_for(image, Rect(5 * factor, 5 * factor, 80 * factor, 70 * factor)))


def test_few_colours() -> None:
    """Components of a single colour, and colours so far from all others that their density is 0."""
    image = np.full((60, 60, 3), 255, np.uint8)
    image[10:50, 15:45] = 0
    image[20:30, 20:30] = (0, 0, 255)
    image[40, 40] = (9, 200, 30)
    check_same(image, labels_for(image, Rect(5, 5, 50, 50)))


def test_all_pixels_open() -> None:
    image = scene(50, 70, 2)
    labels = np.full((50, 70), Label.PROBABLY_FOREGROUND, np.uint8)
    labels[:10] = Label.PROBABLY_BACKGROUND
    check_same(image, labels)


def test_nothing_open() -> None:
    labels = np.zeros((20, 20), np.uint8)
    labels[5:10, 5:10] = Label.FOREGROUND
    given = make_engine("exact").segment(scene(20, 20, 1), labels, iterations=5, seed=0)
    assert np.array_equal(given, labels)
    assert given is not labels


def test_many_iterations_end_at_a_fixed_point() -> None:
    image = scene(70, 80, 3)
    check_same(image, labels_for(image, Rect(8, 6, 64, 58)), iterations=60)


def test_does_not_touch_the_generator_of_opencv() -> None:
    image = scene(40, 40, 1)
    cv2.setRNGSeed(5)
    wanted = cv2.randu(np.zeros(4, np.float32), 0, 1)
    cv2.setRNGSeed(5)
    make_engine("exact").segment(image, labels_for(image, Rect(5, 5, 30, 30)), iterations=5, seed=0)
    assert np.array_equal(cv2.randu(np.zeros(4, np.float32), 0, 1), wanted)


def test_threads_do_not_disturb_each_other() -> None:
    engine = make_engine("exact")
    images = [scene(90, 100, seed) for seed in range(8)]
    labels = labels_for(images[0], Rect(10, 10, 80, 70))
    alone = [engine.segment(image, labels, iterations=5, seed=0) for image in images]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda image: engine.segment(image, labels, iterations=5, seed=0), images))
    for a, b in zip(alone, together, strict=True):
        assert np.array_equal(a, b)


def peak_memory(image: Image, labels: Mask, *, iterations: int = 5) -> int:
    engine = make_engine("exact")
    engine.segment(image, labels, iterations=1, seed=0)  # what is loaded and compiled once is not meant
    tracemalloc.start()
    engine.segment(image, labels, iterations=iterations, seed=0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def test_memory_of_the_worst_image_there_is() -> None:
    """Every pixel open, every colour different."""
    numbers = np.random.default_rng(0).permutation(2**24)[: 400 * 500]
    image = np.stack([numbers >> 16, numbers >> 8 & 255, numbers & 255], axis=-1).astype(np.uint8).reshape(400, 500, 3)
    labels = labels_for(image, Rect(1, 1, 498, 398))
    engine = make_engine("exact")
    bound = engine.peak_bytes(labels.size)
    assert engine.peak_bytes(12 * 10**6) <= 57.1 * 12 * 10**6
    assert 0.9 * bound < peak_memory(image, labels, iterations=1) <= bound


@pytest.mark.parametrize("fixture", load(), ids=lambda fixture: fixture.name)
def test_memory_by_the_size_of_the_rect(fixture: Fixture) -> None:
    image = fixture.read()
    labels = labels_for(image, fixture.rect)
    assert peak_memory(image, labels) <= 64 * np.count_nonzero(labels)
