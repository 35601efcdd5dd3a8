"""What an engine segments to warm up: so small that it takes no longer than loading and compiling what does it."""

from __future__ import annotations

import numpy as np

from bgremove.types import Image, Label, Mask, Rect

ITERATIONS = 2


def make_picture() -> tuple[Image, Mask]:
    """A noisy square before noise, ``(32, 32, 3)``, and labels with a rect around it that leaves a margin."""
    image = np.random.default_rng(0).integers(0, 60, (32, 32, 3), np.uint8)
    image[10:22, 10:22] += np.uint8(150)
    labels = np.full((32, 32), Label.BACKGROUND, np.uint8)
    labels[Rect(7, 7, 18, 18).slices] = Label.PROBABLY_FOREGROUND
    return image, labels
