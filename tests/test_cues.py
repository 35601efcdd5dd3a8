"""Cues are those that plain NumPy measures; what colour tells of a mask, too."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from bgremove.engines._cues import CUES, measure_cues
from bgremove.engines._overlap import measure_masks, predict_overlap, seen_in
from bgremove.types import Image, Label, Mask, Rect
from fixtures import load
from tests import plain_cues

pytestmark = pytest.mark.pixels


def picture(name: str, height: int, width: int) -> Image:
    """A small one: the plain way is slow."""
    image = next(each for each in load() if each.name == name).read()
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def labels_of(height: int, width: int, box: Rect) -> Mask:
    labels: Mask = np.full((height, width), Label.BACKGROUND, np.uint8)
    labels[box.slices] = Label.PROBABLY_FOREGROUND
    return labels


CASES = {
    "inside": ("astronaut", 48, 40, Rect(6, 5, 28, 37)),
    "at the border": ("coffee", 33, 50, Rect(0, 4, 41, 29)),
    "flat": ("star", 40, 40, Rect(8, 9, 25, 22)),
    "a row": ("tulip", 30, 36, Rect(3, 17, 30, 1)),
}


@pytest.mark.parametrize("case", CASES)
def test_cues_are_those_that_plain_numpy_measures(case: str) -> None:
    name, height, width, box = CASES[case]
    image, labels = picture(name, height, width), labels_of(height, width, box)
    labels[height // 2, width // 2] = Label.FOREGROUND
    measured = measure_cues(image, labels)
    for k, (cue, expected) in enumerate(plain_cues.measure(image, labels).items()):
        np.testing.assert_allclose(measured[..., k], expected, rtol=1e-4, atol=1e-4, err_msg=cue)
    assert measured.shape == (height, width, len(CUES))


def test_without_any_pixel_outside_cues_are_finite() -> None:
    image = picture("bowl", 30, 40)
    assert np.isfinite(measure_cues(image, np.full((30, 40), Label.PROBABLY_FOREGROUND, np.uint8))).all()


@pytest.mark.parametrize("name", ["astronaut", "star"])
def test_told_by_colour_is_the_share_of_pixels_whose_colour_is_met_more_often_on_their_side(name: str) -> None:
    image, labels = picture(name, 60, 50), labels_of(60, 50, Rect(5, 6, 38, 45))
    foreground = np.zeros((60, 50), np.bool_)
    foreground[15:42, 12:33] = True
    lab = cv2.cvtColor(image, cv2.COLOR_BGR2Lab)
    inside, outside = (plain_cues.shared(lab, side) for side in (foreground, ~foreground))
    likelier = inside / inside.sum() > outside / outside.sum()
    alike = likelier[lab[..., 0] >> 4, lab[..., 1] >> 3, lab[..., 2] >> 3] == foreground
    (measured,) = measure_masks(image, labels, [foreground], np.zeros((60, 50), np.float32))
    assert seen_in(measured)[-1] == alike[labels >= Label.PROBABLY_BACKGROUND].mean()


@pytest.mark.parametrize("case", [case for case in CASES if case != "flat"])
@pytest.mark.parametrize("seed", range(4))
def test_of_a_mask_is_measured_what_plain_numpy_measures(case: str, seed: int) -> None:
    name, height, width, box = CASES[case]
    image, labels = picture(name, height, width), labels_of(height, width, box)
    labels[height // 2, width // 3 : width // 2] = Label.FOREGROUND
    generator = np.random.default_rng(seed)
    odds = cv2.GaussianBlur(generator.normal(0, 40, (height, width)).astype(np.float32), (0, 0), 3)
    foreground = (odds + generator.normal(0, seed, odds.shape) > 0) & (labels > 0) | (labels == Label.FOREGROUND)
    expected = plain_cues.measure_mask(image, labels, foreground, odds)
    (measured,) = measure_masks(image, labels, [foreground], odds)
    np.testing.assert_allclose(measured, expected, rtol=1e-5, atol=1e-7)


def test_empty_and_full_masks_are_not_likely_to_fit() -> None:
    image, labels = picture("bowl", 30, 40), labels_of(30, 40, Rect(5, 5, 20, 20))
    odds = np.zeros((30, 40), np.float32)
    for foreground in (np.zeros((30, 40), np.bool_), labels > 0):
        assert predict_overlap(*measure_masks(image, labels, [foreground], odds)) == 0
