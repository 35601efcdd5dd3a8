"""Hints as images, which any image editor can make: black is background, white is object, the rest is left open."""

from __future__ import annotations

import numpy as np

from bgremove.errors import ImageError
from bgremove.formats import read
from bgremove.paths import StrOrBytesPath, display_name
from bgremove.types import Label, Mask

BLACK, GRAY, WHITE = 0, 128, 255
"""Background, left open, object."""


def read_hints(path: StrOrBytesPath, height: int, width: int) -> Mask:
    """The hints in the image file `path`, for a photograph of `height` by `width` pixels, as it is seen upright.

    Returns
    -------
    (H, W) uint8
        A `Label` for every pixel: BACKGROUND where it is black, FOREGROUND where it is white, PROBABLY_FOREGROUND where
        it is transparent or of any other gray or colour, as along the edge of a stroke that was smoothed.

    Raises `ImageError` that names the file if it cannot be read, or has another size.
    """
    photo = read(path)
    if photo.image.shape[:2] != (height, width):
        found = "{1} x {0}".format(*photo.image.shape)
        raise ImageError(
            f"{display_name(path)}: the hints have {found} pixels and the image {width} x {height}: they must be equal"
        )
    image, opaque = photo.image, photo.opaque
    labels = np.full((height, width), Label.PROBABLY_FOREGROUND, np.uint8)
    labels[(image == BLACK).all(axis=2)] = Label.BACKGROUND
    labels[(image == WHITE).all(axis=2)] = Label.FOREGROUND
    if opaque is not None:
        labels[~opaque] = Label.PROBABLY_FOREGROUND
    return labels
