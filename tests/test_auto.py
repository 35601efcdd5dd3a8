"""`auto` is the exact engine up to a million pixels and the multiscale engine above."""

import numpy as np
import pytest

from bgremove import GrabCutSettings, Label, Rect, iter_cutouts, remove_background
from bgremove.cli import cli
from bgremove.engines import make_engine
from fixtures.scenes import make_scene

RECT = Rect(20, 15, 310, 240)
"""Large enough that the multiscale engine does not leave it to the exact one."""


def picture(height, width):
    """A scene in the corner of a gray image of this size, with so much noise that the engines do not agree."""
    image = np.full((height, width, 3), 90, np.uint8)
    image[:270, :360] = make_scene(270, 360, seed=2).image
    noise = np.random.default_rng(0).normal(0, 40, (270, 360, 3))
    image[:270, :360] = np.clip(image[:270, :360] + noise, 0, 255)
    return image


def mask_by(engine, image):
    labels = np.full(image.shape[:2], Label.BACKGROUND, np.uint8)
    labels[RECT.slices] = Label.PROBABLY_FOREGROUND
    return make_engine(engine).segment(image, labels, GrabCutSettings())


@pytest.mark.parametrize(("width", "chosen", "other"), [(1000, "exact", "multiscale"), (1001, "multiscale", "exact")])
def test_the_size_of_the_image_decides(width, chosen, other):
    image = picture(1000, width)
    expected = mask_by(chosen, image)
    assert (expected != mask_by(other, image)).any()
    np.testing.assert_array_equal(mask_by("auto", image), expected)
    np.testing.assert_array_equal(remove_background(image, rect=RECT, engine="auto").mask, expected)


def test_a_stream_takes_it():
    (outcome,) = iter_cutouts([make_scene(60, 80, 1).image], engine="auto", strategy="threads")
    assert outcome.value.foreground.any()


@pytest.mark.parametrize("name", ["remove", "compare"])
def test_the_commands_list_it(name):
    (option,) = [option for option in cli.commands[name].params if option.name == "engine"]
    assert "auto" in option.type.choices
    assert option.default == "exact"


def test_memory_is_that_of_the_engine_that_takes_more_on_images_up_to_a_size():
    exact, multiscale, auto = (make_engine(name) for name in ("exact", "multiscale", "auto"))
    assert auto.peak_bytes(10**6) == exact.peak_bytes(10**6)
    # beside an image just above the limit there may be one just below it, which takes more
    assert auto.peak_bytes(10**6 + 1) == exact.peak_bytes(10**6) > multiscale.peak_bytes(10**6 + 1)
    assert auto.peak_bytes(12 * 10**6) == multiscale.peak_bytes(12 * 10**6)
