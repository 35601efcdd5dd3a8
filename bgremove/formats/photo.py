"""A photograph that has been read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from bgremove.formats._pillow import Pixels, high_byte
from bgremove.formats.metadata import NO_METADATA, Metadata
from bgremove.types import Foreground, Image


@dataclass(frozen=True, slots=True)
class Photo:
    """An image ready for segmentation, and what of its file the cutout has to keep.

    Parameters
    ----------
    image : (H, W, 3) uint8
        BGR, C-contiguous, upright.
    alpha : (H, W) uint8 or uint16, or None
        Of the source: 0 is transparent, and certain background. None if it is opaque everywhere.
    samples : (H, W, 3) uint16, or None
        The source's own where it has 16 bits a sample; `image` has their high bytes.
    metadata
        Colour profile, resolution, Exif.
    notes
        What a user should know and is no error, such as that only the first frame was read.
    """

    image: Image
    alpha: NDArray[Any] | None = None
    samples: NDArray[np.uint16] | None = None
    metadata: Metadata = NO_METADATA
    notes: tuple[str, ...] = ()

    @property
    def pixels(self) -> NDArray[Any]:
        """``(H, W, 3)``, BGR: the samples as they came, uint8 or uint16."""
        return self.image if self.samples is None else self.samples

    @property
    def opaque(self) -> Foreground | None:
        """``(H, W)`` bool: False where the source is all transparent; None if it is so nowhere."""
        if self.alpha is None or self.alpha.all():
            return None
        return self.alpha > 0


def made(pixels: Pixels, orientation: int = 1, metadata: Metadata = NO_METADATA, notes: Sequence[str] = ()) -> Photo:
    """`Photo` of pixels that are stored in an EXIF orientation."""
    bgr, alpha = _upright(pixels[0], orientation), pixels[1]
    if metadata.dpi and orientation >= 5:
        metadata = replace(metadata, dpi=metadata.dpi[::-1])
    if alpha is not None:
        alpha = None if (alpha == np.iinfo(alpha.dtype).max).all() else _upright(alpha, orientation)
    deep = bgr.dtype.itemsize == 2
    return Photo(high_byte(bgr), alpha, bgr if deep else None, metadata, tuple(notes))


def _upright(array: NDArray[Any], orientation: int) -> NDArray[Any]:
    """`array`, stored in the EXIF `orientation`, as it should be seen (EXIF 2.32, tag 0x0112)."""
    if orientation >= 5:
        array = np.asarray(cv2.transpose(array), array.dtype)
    # What is left is a mirroring; the code says along which axes, None along none.
    code = {2: 1, 3: -1, 4: 0, 6: 1, 7: -1, 8: 0}.get(orientation)
    return array if code is None else np.asarray(cv2.flip(array, code), array.dtype)
