"""`auto` is the exact engine up to a million pixels and the multiscale engine above."""

import numpy as np
import pytest

from bgremove import Label, Rect, iter_cutouts, remove_background
from bgremove.cli import cli
from bgremove.engines import Segmentation, auto, make_engine
from fixtures.scenes import make_scene


class Fake:
    """An engine that only tells that it was asked, by a label in the corner."""

    def __init__(self, sign):
        self.sign = sign

    def judge(self, _, labels, **options):
        assert sorted(options) == ["drawn", "iterations", "seed"]
        mask = labels.copy()
        mask[0, 0] = self.sign
        return Segmentation(mask)


@pytest.mark.parametrize(("width", "chosen"), [(1000, "exact"), (1001, "multiscale")])
def test_the_size_of_the_image_decides(width, chosen, monkeypatch):
    signs = {"exact": Label.FOREGROUND, "multiscale": Label.PROBABLY_FOREGROUND}
    monkeypatch.setattr(auto, "ExactEngine", lambda: Fake(signs["exact"]))
    monkeypatch.setattr(auto, "MultiscaleEngine", lambda: Fake(signs["multiscale"]))
    image = np.full((1000, width, 3), 90, np.uint8)
    image[:500] = 20  # an image of one colour is refused before any engine is asked
    # of a small rect in a large image, it is the image that counts
    cutout = remove_background(image, rect=Rect(1, 1, 60, 40), engine="auto")
    assert cutout.mask[0, 0] == signs[chosen]


def test_the_engines_are_those_of_these_names():
    engine = make_engine("auto")
    assert type(engine._small) is type(make_engine("exact"))
    assert type(engine._large) is type(make_engine("multiscale"))


def test_a_stream_takes_it():
    (outcome,) = iter_cutouts([make_scene(60, 80, 1).image], engine="auto", strategy="threads")
    assert outcome.value.foreground.any()


@pytest.mark.parametrize("name", ["remove", "compare"])
def test_the_commands_list_it(name):
    (option,) = [option for option in cli.get_command(None, name).params if option.name == "engine"]
    assert "auto" in option.type.choices
    assert option.default == "multiscale"


def test_memory_is_that_of_the_engine_that_takes_more_on_images_up_to_a_size():
    exact, multiscale, auto = (make_engine(name) for name in ("exact", "multiscale", "auto"))
    # beside an image just above the limit there may be one just below it, which takes more
    for pixels, small in ((10**5, 10**5), (10**6, 10**6), (10**6 + 1, 10**6), (12 * 10**6, 10**6)):
        assert auto.peak_bytes(pixels) == max(exact.peak_bytes(small), multiscale.peak_bytes(pixels))
