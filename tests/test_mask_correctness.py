"""Every engine against the truth: a broken engine falls below the floors, and so do masks that ignore the image."""

import numpy as np
import pytest

import fixtures
from bgremove.engines import make_engine
from bgremove.types import Label
from fixtures.scenes import make_scene

pytestmark = pytest.mark.pixels

ALL = fixtures.load()
# `auto` is one of these, and the mask of `opencv` is that of `exact`
every_engine = pytest.mark.parametrize("engine", ["exact", "multiscale"])
every_fixture = pytest.mark.parametrize("fixture", ALL, ids=lambda fixture: fixture.name)


def overlap(mask, truth):
    """Intersection over union; 0 where both are empty, so that an empty truth cannot pass."""
    return (mask & truth).sum() / max(1, (mask | truth).sum())


def segment(engine, image, rect):
    labels = np.full(image.shape[:2], Label.BACKGROUND, np.uint8)
    labels[rect.slices] = Label.PROBABLY_FOREGROUND
    mask = make_engine(engine).segment(image, labels, iterations=5, seed=0)
    return np.isin(mask, [Label.FOREGROUND, Label.PROBABLY_FOREGROUND])


def whole_rect(shape, rect):
    mask = np.zeros(shape, bool)
    mask[rect.slices] = True
    return mask


def ellipse_in_rect(shape, rect):
    y, x = np.indices(shape) + 0.5
    across = (x - rect.x - rect.width / 2) / (rect.width / 2)
    down = (y - rect.y - rect.height / 2) / (rect.height / 2)
    return across**2 + down**2 <= 1


@every_fixture
@every_engine
def test_engine_finds_the_object(engine, fixture):
    assert overlap(segment(engine, fixture.read(), fixture.rect), fixture.truth()) >= fixture.iou_floor


@every_fixture
def test_exact_finds_what_cv2_does(fixture):
    image = fixture.read()
    assert np.array_equal(segment("exact", image, fixture.rect), segment("opencv", image, fixture.rect))


@every_fixture
@pytest.mark.parametrize("blind", [whole_rect, ellipse_in_rect])
def test_mask_that_ignores_the_image_stays_below_the_floor(blind, fixture):
    truth = fixture.truth()
    assert overlap(blind(truth.shape, fixture.rect), truth) < fixture.iou_floor - 0.03


@pytest.mark.parametrize("seed", range(6))
@every_engine
def test_engine_finds_the_object_of_a_scene(engine, seed):
    scene = make_scene(200, 280, seed)
    assert overlap(segment(engine, scene.image, scene.rect), scene.truth) >= 0.97


@pytest.mark.parametrize("seed", range(6))
@every_engine
def test_engine_sees_through_the_hole_of_a_scene(engine, seed):
    scene = make_scene(200, 280, seed, hole=True)
    assert overlap(segment(engine, scene.image, scene.rect), scene.truth) >= 0.95
