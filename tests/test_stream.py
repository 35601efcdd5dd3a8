"""Images in memory: each has its outcome, under every strategy, and nothing is left behind."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bgremove import Label, iter_cutouts, remove_background
from bgremove.errors import BgremoveError, UsageError
from bgremove.strategies import STRATEGIES
from fixtures.scenes import make_scene

SCENES = [make_scene(60, 80, seed) for seed in range(4)]
IMAGES = [scene.image for scene in SCENES]


@pytest.mark.parametrize(
    "strategy", [pytest.param(name, marks=pytest.mark.whole_run if name == "dask" else ()) for name in STRATEGIES]
)
def test_every_image_has_the_cutout_of_its_own_rect(strategy):
    rects = [(10, 8, 60, 44), None, (4, 4, 70, 50), (8, 6, 64, 48)]
    outcomes = {outcome.index: outcome for outcome in iter_cutouts(IMAGES, rects=rects, strategy=strategy)}
    assert sorted(outcomes) == [0, 1, 2, 3]
    for index, (image, rect) in enumerate(zip(IMAGES, rects, strict=True)):
        expected = remove_background(image, rect=rect)
        np.testing.assert_array_equal(outcomes[index].value.mask, expected.mask)
        np.testing.assert_array_equal(outcomes[index].value.image, expected.image)
        assert outcomes[index].value.rect == expected.rect


@pytest.mark.parametrize("strategy", ["threads", "processes"])
def test_every_image_has_its_own_hints(strategy):
    hints = np.full(IMAGES[0].shape[:2], Label.PROBABLY_FOREGROUND, np.uint8)
    hints[5:10, 5:10] = Label.FOREGROUND
    given = [hints, None, hints, None]
    outcomes = {outcome.index: outcome for outcome in iter_cutouts(IMAGES, hints=given, strategy=strategy)}
    for index, (image, own) in enumerate(zip(IMAGES, given, strict=True)):
        np.testing.assert_array_equal(outcomes[index].value.mask, remove_background(image, hints=own).mask)
    assert outcomes[0].value.foreground[5:10, 5:10].all()
    assert not outcomes[1].value.foreground[5:10, 5:10].all()


@pytest.mark.parametrize("strategy", ["threads", "processes"])
def test_an_image_that_cannot_be_cut_out_costs_itself_only(strategy):
    broken = np.zeros((20, 20, 2), np.uint8)
    outcomes = sorted(iter_cutouts([IMAGES[0], broken, IMAGES[1]], strategy=strategy), key=lambda each: each.index)
    assert [outcome.error is None for outcome in outcomes] == [True, False, True]
    assert isinstance(outcomes[1].error, BgremoveError)
    assert "array has shape (20, 20, 2)" in str(outcomes[1].error)


def test_images_are_drawn_as_workers_become_free():
    drawn = []

    def endless():
        while True:
            drawn.append(1)
            yield IMAGES[len(drawn) % len(IMAGES)]

    outcomes = iter_cutouts(endless(), strategy="threads", workers=2)
    for _ in range(5):
        next(outcomes)
    outcomes.close()
    assert len(drawn) <= 5 + 2 * 2


@pytest.mark.parametrize("rects", [[None] * 3, [None] * 5])
@pytest.mark.parametrize("name", ["rects", "hints"])
def test_rects_or_hints_that_are_not_as_many_as_images_are_an_error(name, rects):
    with pytest.raises(ValueError, match="rects and hints must be as many as the images"):
        list(iter_cutouts(IMAGES, **{name: rects}, strategy="threads"))


@pytest.mark.parametrize("strategy", ["sequential", "threads", "processes"])
@pytest.mark.parametrize("count", [0, 1, 3])
def test_an_iterator_that_breaks_off_costs_no_outcome(strategy, count):
    def broken():
        yield from IMAGES[:count]
        raise OSError("the camera is gone")

    outcomes = iter_cutouts(broken(), strategy=strategy)
    assert sorted(next(outcomes).index for _ in range(count)) == list(range(count))
    with pytest.raises(OSError, match="the camera is gone"):
        next(outcomes)
    assert list(outcomes) == []


@pytest.mark.parametrize("one", ["photos", b"\xff\xd8", Path("a.jpg"), BytesIO(b"\xff"), IMAGES[0], IMAGES[0][..., 0]])
def test_one_image_is_not_taken_for_many(one):
    with pytest.raises(UsageError, match="give a list of images"):
        iter_cutouts(one)


async def _frames():
    yield IMAGES[0]


@pytest.mark.parametrize("wrong", [None, 3, Image.fromarray(IMAGES[0]), _frames()])
def test_what_cannot_be_iterated_is_told_by_name(wrong):
    with pytest.raises(UsageError, match=f"images is of type {type(wrong).__name__}: give a list"):
        iter_cutouts(wrong)
    if wrong is not None:
        with pytest.raises(UsageError, match=f"rects is of type {type(wrong).__name__}: give a list"):
            iter_cutouts(IMAGES, rects=wrong)


def test_an_array_may_hold_many():
    assert [outcome.error for outcome in iter_cutouts(np.stack(IMAGES)[..., 0], strategy="threads")] == [None] * 4


@pytest.mark.parametrize(
    "wrong", [{"engine": "steam"}, {"edge": "fuzzy"}, {"strategy": "luck"}, {"transport": "pigeon"}, {"workers": 0}]
)
def test_what_cannot_be_meant_is_refused_before_the_first_image(wrong):
    with pytest.raises(UsageError):
        iter_cutouts(IMAGES, **wrong)
