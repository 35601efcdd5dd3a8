from __future__ import annotations

import sys

import cv2
import numpy as np
import pytest

from bgremove.engines import make_engine
from bgremove.errors import UsageError
from bgremove.matting import soften
from bgremove.types import Foreground, Image, Label
from fixtures import load

pytestmark = pytest.mark.pixels


def near_boundary(foreground: Foreground, reach: float) -> Foreground:
    square = np.ones((2 * round(reach) + 1,) * 2, np.uint8)
    return cv2.morphologyEx(foreground.view(np.uint8), cv2.MORPH_GRADIENT, square).view(np.bool_)


def composite(height: int, width: int, ramp: float) -> tuple[Image, np.ndarray, np.ndarray]:
    """An image, its exact alpha (0 to 1), and the colours of the object alone."""
    rng = np.random.default_rng(height)

    def texture(low: int, high: int) -> np.ndarray:
        waves = sum(
            cv2.resize(rng.normal(0, 25 / n**0.3, (n, n, 3)), (width, height), interpolation=cv2.INTER_CUBIC)
            for n in (4, 9, 23)
        )
        return np.clip(rng.uniform(low, high, 3) + waves, 0, 255)

    f, b = texture(120, 220), texture(20, 110)
    y, x = np.mgrid[:height, :width]
    angle = np.arctan2(y - height / 2, x - width / 2)
    outline = height * (0.3 + 0.04 * np.sin(7 * angle) + 0.01 * np.sin(31 * angle))
    alpha = np.clip(0.5 - (np.hypot(y - height / 2, x - width / 2) - outline) / ramp, 0, 1)
    mixed = alpha[..., None] * f + (1 - alpha[..., None]) * b + rng.normal(0, 3, (height, width, 3))
    return np.clip(np.rint(mixed), 0, 255).astype(np.uint8), alpha, f


def test_alpha_of_the_composites_is_better_than_the_hard_mask_by_a_third() -> None:
    engine = make_engine("multiscale")
    composites = [fixture for fixture in load() if fixture.kind == "composite"]
    assert len(composites) >= 4
    for fixture in composites:
        image, truth = fixture.read(), fixture.alpha() / 255
        labels = np.full(truth.shape, Label.BACKGROUND, np.uint8)
        labels[fixture.rect.slices] = Label.PROBABLY_FOREGROUND
        foreground = (engine.segment(image, labels, iterations=5, seed=0) & 1).astype(np.bool_)
        band = near_boundary(foreground, 4)
        hard = np.abs(foreground - truth)[band].mean()
        soft = np.abs(soften(image, foreground).alpha / 255 - truth)[band].mean()
        assert soft < 2 / 3 * hard, fixture.name


@pytest.mark.parametrize(("height", "width", "ramp"), [(300, 400, 3), (1500, 2000, 6)])
def test_the_old_background_does_not_shine_through(height: int, width: int, ramp: float) -> None:
    image, alpha, f = composite(height, width, ramp)
    soft = soften(image, alpha >= 0.5)
    mixed = (alpha > 0.05) & (alpha < 0.95)
    assert np.abs(soft.colours - f)[mixed].mean() < 0.2 * np.abs(image - f)[mixed].mean()
    band = near_boundary(alpha >= 0.5, 4 * max(1, width / 1024))
    hard = np.abs((alpha >= 0.5) - alpha)[band].mean()
    assert np.abs(soft.alpha / 255 - alpha)[band].mean() < 0.4 * hard


@pytest.mark.parametrize("size", [(200, 300), (1100, 1500)])
def test_nothing_changes_outside_of_the_band(size: tuple[int, int]) -> None:
    image, alpha, _ = composite(*size, 3)
    foreground = alpha >= 0.5
    given = image.copy(), foreground.copy()
    soft = soften(image, foreground)
    far = ~near_boundary(foreground, 6 * max(1, size[1] / 1024) + 2)
    np.testing.assert_array_equal(soft.alpha[far], foreground[far] * 255)
    np.testing.assert_array_equal(soft.colours[far], image[far])
    np.testing.assert_array_equal(image, given[0])
    np.testing.assert_array_equal(foreground, given[1])
    assert soft.alpha.dtype == soft.colours.dtype == np.uint8


@pytest.mark.parametrize("everything", [False, True])
def test_a_mask_without_a_boundary_stays_hard(everything: bool) -> None:
    image = composite(60, 80, 3)[0]
    soft = soften(image, np.full((60, 80), everything))
    assert (soft.alpha == 255 * everything).all()
    np.testing.assert_array_equal(soft.colours, image)


@pytest.mark.parametrize("size", [1, 2, 3, 6])
def test_an_object_of_few_pixels_gets_an_alpha(size: int) -> None:
    image = composite(60, 80, 3)[0]
    foreground = np.zeros((60, 80), np.bool_)
    foreground[30 : 30 + size, 40 : 40 + size] = True
    soft = soften(image, foreground)
    assert soft.alpha.shape == (60, 80)
    assert soft.alpha.any()


def test_without_pymatting_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pymatting", None)
    image, alpha, _ = composite(60, 80, 3)
    with pytest.raises(UsageError, match=r"bgremove\[soft\]"):
        soften(image, alpha >= 0.5)
