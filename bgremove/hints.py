"""Hints as images, which any image editor can make: black is background, white is object, the rest is left open."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bgremove.errors import ImageError
from bgremove.formats.read import DEFAULT_MAX_PIXELS, read
from bgremove.paths import StrOrBytesPath, display_name
from bgremove.types import Label, Mask
from bgremove.url import Url

BLACK, GRAY, WHITE = 0, 128, 255
"""Background, left open, object."""


_LABELS = np.full(256, Label.PROBABLY_FOREGROUND, np.uint8)
_LABELS[[BLACK, WHITE]] = Label.BACKGROUND, Label.FOREGROUND
_GRAYS = np.array([BLACK, WHITE, GRAY, GRAY], np.uint8)  # by label


def read_hints(path: StrOrBytesPath | Url, height: int, width: int) -> Mask:
    """The hints in the image file `path`, for a photograph of `height` by `width` pixels, as it is seen upright.

    Returns
    -------
    (H, W) uint8
        A `Label` for every pixel: BACKGROUND where it is black, FOREGROUND where it is white, PROBABLY_FOREGROUND where
        it is transparent or of any other gray or colour, as along the edge of a stroke that was smoothed.

    Raises `ImageError` that names the file if it cannot be read, or has another size.
    """
    photo = read(path, max_pixels=max(DEFAULT_MAX_PIXELS, height * width))
    if photo.image.shape[:2] != (height, width):
        found = "{1} x {0}".format(*photo.image.shape)
        raise ImageError(
            f"{display_name(path)}: the hints have {found} pixels and the image {width} x {height}: they must be equal"
        )
    # Where the three samples differ, it is neither black nor white.
    gray = np.where((photo.image == photo.image[..., :1]).all(axis=2), photo.image[..., 0], np.uint8(GRAY))
    if photo.opaque is not None:
        gray[~photo.opaque] = GRAY
    return as_labels(gray)


def as_labels(gray: NDArray[np.uint8]) -> Mask:
    """A `Label` for every pixel of gray hints.

    >>> as_labels(np.array([[0, 128, 255]], np.uint8)).tolist() == [[0, 3, 1]]
    True
    """
    return _LABELS[gray]


def as_gray(labels: Mask) -> NDArray[np.uint8]:
    """What `as_labels` reads: `BLACK`, `GRAY` or `WHITE` for every pixel."""
    return _GRAYS[labels]
