"""What an engine segments to warm up: so small that it takes no longer than loading and compiling what does it."""

from __future__ import annotations

import numpy as np

from bgremove.types import Image, Label, Mask, Rect

ITERATIONS = 2


def make_picture() -> tuple[Image, Mask]:
    """A noisy square before noise, ``(32, 32, 3)``, and labels with a rect around it that leaves a margin."""
    numbers = np.arange(32 * 32 * 3, dtype=np.uint32) * np.uint32(2654435761)  # numpy.random takes longer to import
    image = (numbers >> np.uint32(20)).astype(np.uint8).reshape(32, 32, 3) % np.uint8(60)
    image[10:22, 10:22] += np.uint8(150)
    labels = np.full((32, 32), Label.BACKGROUND, np.uint8)
    labels[Rect(7, 7, 18, 18).slices] = Label.PROBABLY_FOREGROUND
    return image, labels
