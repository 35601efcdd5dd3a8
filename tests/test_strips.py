"""Pictures much longer than they are wide."""

from __future__ import annotations

import numpy as np
import pytest

from bgremove.engines import log_odds
from bgremove.errors import OutputError
from bgremove.formats import encode
from bgremove.types import Label
from tests.permissions import mostly_free_memory


@pytest.mark.parametrize("shape", [(3, 40_000), (40_000, 3)])
def test_the_prior_of_a_strip_takes_memory_by_its_pixels(shape: tuple[int, int]) -> None:
    """A kernel as long as a strip takes gigabytes on its short side."""
    labels = np.full(shape, Label.PROBABLY_FOREGROUND, np.uint8)
    labels[0] = labels[-1] = Label.BACKGROUND
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    with mostly_free_memory(2**30):
        odds = log_odds(image, labels, drawn=True)
    assert np.isfinite(odds).all()


@pytest.mark.parametrize(("file_format", "side"), [("webp", 16_384), ("jpg", 65_501)])
def test_what_a_format_cannot_hold_is_said_with_what_can(file_format: str, side: int) -> None:
    with pytest.raises(OutputError, match=f"{side} x 1 pixels, and {file_format} holds at most .* choose png or tiff"):
        encode(np.zeros((1, side, 3), np.uint8), file_format)
