"""What cues are measured on, see `bgremove.engines._cues`, before any of it is blurred and after."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from bgremove.engines._barriers import Field
from bgremove.engines._boxes import open_box
from bgremove.engines._lab import to_lab
from bgremove.types import Image, Mask, Rect

UNITS, GRAY = (128.0, 32.0, 32.0), (1.0, 4.0, 4.0)
"""Of 8-bit Lab, scaled alike."""

LOGARITHMS = 8
"""Of what: the raw barrier, how unlike the sides a colour is (4), and slopes near and around, and sharpness."""

_BLUR = 1.0  # standard deviation, in pixels, of what is done against noise


class Scene(NamedTuple):
    """What cues are measured on."""

    lab: Image
    labels: Mask
    box: Rect
    across: Field
    """(W,): -1 to 1 in the box."""
    down: Field
    """(H,)"""
    middle_across: Field
    """(W,): greater where an object is likelier; its product with the next, that is."""
    middle_down: Field
    slope_across: Field
    """(H, W)"""
    slope_down: Field
    sharpness: Field


class Near(NamedTuple):
    """What will be blurred, ``(H, W, ...)``."""

    colours: Field
    """5: how much likelier the colour is in the middle than outside, how rare it is, how far off centre and spread, and
    how much of it is at the border."""
    lab: Field
    slopes: Field
    """3: the slope, its direction times its square, and its square."""
    steepness: Field
    """3: the barrier, the sharpness, the slope."""
    slope: Field
    means: NDArray[np.float64]
    """Of slope and sharpness."""


class Around(NamedTuple):
    """The same, blurred; the colour itself and the slope by different widths."""

    colours: Field
    fine: Field
    middle: Field
    wide: Field
    slopes: Field
    steepness: Field
    slope: Field
    slope_farther: Field


def look_at(image: Image, labels: Mask) -> Scene:
    (height, width), box = labels.shape, open_box(labels)
    across, down = _places(width, box.x, box.width), _places(height, box.y, box.height)
    # OpenCV is given what it writes to, or it would wait for the interpreter once more, to make it.
    blurred, gray = np.empty_like(image), np.empty((height, width), np.uint8)
    slopes = np.empty((3, height, width), np.float32)
    cv2.GaussianBlur(image, (0, 0), _BLUR, blurred)
    cv2.cvtColor(image, cv2.COLOR_BGR2GRAY, gray)
    cv2.Sobel(gray, cv2.CV_32F, 1, 0, slopes[0])
    cv2.Sobel(gray, cv2.CV_32F, 0, 1, slopes[1])
    cv2.Laplacian(gray, cv2.CV_32F, slopes[2])
    return Scene(to_lab(blurred), labels, box, across, down, np.exp(-2 * across**2), np.exp(-2 * down**2), *slopes)


def _places(number: int, begin: int, size: int) -> Field:
    return np.asarray(2 * (np.arange(number, dtype=np.float32) + 0.5 - begin) / size - 1, np.float32)
