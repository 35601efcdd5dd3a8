"""Lab is that of cv2.cvtColor, for every colour."""

import cv2
import numpy as np
import pytest

from bgremove.engines._lab import to_lab

pytestmark = pytest.mark.pixels


def test_all_colours_are_those_of_cv2() -> None:
    levels = np.arange(256, dtype=np.uint8)
    for blue in levels:
        image = np.stack(np.broadcast_arrays(blue, *np.meshgrid(levels, levels, indexing="ij")), axis=-1)
        assert np.array_equal(to_lab(image), cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_BGR2Lab))
