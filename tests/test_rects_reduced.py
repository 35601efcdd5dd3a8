"""Rects and labels in the size in which a photo is shown."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bgremove import Rect
from bgremove.formats import Photo
from bgremove.rects.edit.reduced import reduced, resized

pytestmark = pytest.mark.pixels


@given(st.integers(1, 2000), st.integers(1, 2000), st.data())
def test_a_rect_keeps_its_background_in_another_size(height, width, data):
    small = reduced(Photo(np.zeros((height, width, 3), np.uint8)))
    x, y = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    rect = Rect(x, y, data.draw(st.integers(1, width - x)), data.draw(st.integers(1, height - y)))
    shown = small.smaller(rect)
    assert shown == shown.clip(*small.shape)
    if small.shape[1] > 2 and x > 0:
        assert shown.x > 0
    if small.shape[0] > 2 and y + rect.height < height:
        assert shown.y + shown.height < small.shape[0]
    again = small.larger(shown)
    assert again == again.clip(height, width)
    scale = width / small.shape[1]
    assert abs(again.x - rect.x) <= 1 + scale


@pytest.mark.parametrize("width", range(801, 2400, 41))
def test_a_narrow_rect_beside_the_background_of_a_side_keeps_it(width):
    small = reduced(Photo(np.zeros((3, width, 3), np.uint8)))
    for x, across in ((1, 1), (1, 2), (width - 2, 1), (width - 3, 2)):
        shown = small.smaller(Rect(x, 0, across, 3))
        assert 0 < shown.x < shown.x + shown.width < small.shape[1]


@given(st.integers(1, 800), st.floats(1, 12))
def test_labels_that_are_enlarged_are_the_same_when_they_are_reduced_again(side, scale):
    labels = np.random.default_rng(side).integers(0, 4, (side, 3), dtype=np.uint8)
    large = resized(labels, round(side * scale), 3)
    np.testing.assert_array_equal(resized(large, side, 3), labels)
