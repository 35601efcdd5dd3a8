from __future__ import annotations

import numpy as np
import pytest

from bgremove import remove_background
from bgremove.doubt import ALIKE, ALONG, EMPTY, FULL, PIECES, UNLIKELY, find_doubts
from bgremove.types import Label, Rect
from fixtures.scenes import make_scene

pytestmark = pytest.mark.pixels

SCENE = make_scene(300, 400, seed=1)
RECT = SCENE.rect


def doubts_of(foreground, image=SCENE.image, rect=RECT):
    return find_doubts(image, np.where(foreground, Label.PROBABLY_FOREGROUND, Label.BACKGROUND).astype(np.uint8), rect)


def test_the_truth_is_not_doubted():
    assert doubts_of(SCENE.truth) == ()
    large = make_scene(1500, 2000, seed=2)
    assert doubts_of(large.truth, large.image, large.rect) == ()


def test_an_empty_and_a_full_mask_are_named():
    assert doubts_of(np.zeros_like(SCENE.truth)) == (EMPTY,)
    full = np.zeros_like(SCENE.truth)
    full[RECT.slices] = True
    assert doubts_of(full) == (FULL,)


def test_a_mask_along_the_rect_is_named():
    along = np.zeros_like(SCENE.truth)
    along[RECT.slices] = True
    along &= ~SCENE.truth
    assert ALONG in doubts_of(along)


def test_many_pieces_are_named():
    checks = (np.indices(SCENE.truth.shape) // 20).sum(axis=0) % 2 == 0
    assert PIECES in doubts_of(checks & SCENE.truth)


def test_an_object_that_no_colour_shows_is_named():
    flat = make_scene(300, 400, seed=1, contrast=0)
    assert ALIKE in doubts_of(flat.truth, flat.image, flat.rect)


@pytest.mark.parametrize("rect", [Rect(0, 0, 400, 299), Rect(5, 5, 1, 1), Rect(0, 0, 1, 300)])
def test_any_rect_will_do(rect):
    assert isinstance(doubts_of(SCENE.truth, rect=rect), tuple)


def test_the_cutout_has_them():
    assert remove_background(SCENE.image, rect=RECT).doubts == ()
    assert remove_background(make_scene(300, 400, seed=1, contrast=0).image, rect=RECT).doubts


def test_what_the_engine_has_predicted_is_not_measured_again(monkeypatch):
    monkeypatch.setattr("bgremove.doubt.log_odds", None)
    assert remove_background(SCENE.image, rect=RECT).doubts == ()


def test_reasons_are_sought_where_the_engine_predicts_a_bad_fit():
    mask = np.where(SCENE.truth, Label.PROBABLY_FOREGROUND, Label.BACKGROUND).astype(np.uint8)
    assert find_doubts(SCENE.image, mask, RECT, overlap=0.9) == ()
    assert find_doubts(SCENE.image, mask, RECT, overlap=0.3) == (UNLIKELY,)
