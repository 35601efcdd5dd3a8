"""The pixels of a cutout: what becomes of an image once its mask is known."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from bgremove import matting
from bgremove.settings import Settings
from bgremove.types import Foreground, Image, Label, Mask, Rect


@dataclass(frozen=True, slots=True)
class Cutout:
    """What `bgremove.remove_background` gives.

    Attributes
    ----------
    image : (H, W, 4) uint8
        BGRA; alpha is 255 on the foreground and 0 elsewhere; with a soft edge it is anything between in a band around
        the boundary. Where it is 0, the colour is 0 too.
    mask : (H, W) uint8
        A `Label` for every pixel.
    rect
        The rectangle that was used, clipped to the image.
    warnings
        What the caller should know, such as an empty foreground or that only the first frame was read.
    """

    image: NDArray[np.uint8]
    mask: Mask
    rect: Rect
    warnings: tuple[str, ...] = ()

    @property
    def foreground(self) -> Foreground:
        """``(H, W)`` bool, true where the object is."""
        return foreground_of(self.mask)

    def emitted(self, kind: str, settings: Settings) -> NDArray[np.uint8]:
        """The pixels that are written for one of `Settings.emit`: gray 0 or 255, BGRA, or BGR on a background."""
        if kind == "mask":
            return self.foreground.view(np.uint8) * np.uint8(255)
        return self.image if settings.background is None else flatten(self.image, settings.background)


def foreground_of(mask: Mask) -> Foreground:
    """``(H, W)`` bool: the pixels labelled (probably) foreground, which are those with an odd `Label`."""
    return (mask & 1).view(np.bool_)


def cut_out(image: Image, foreground: Foreground) -> NDArray[np.uint8]:
    """BGRA, alpha 255 where `foreground` is true and 0 elsewhere.

    Parameters
    ----------
    image : (H, W, 3) uint8
    foreground : (H, W) bool

    Returns
    -------
    (H, W, 4) uint8. Transparent pixels are black, so that the old background is gone from the file, shines through
    in no viewer that ignores alpha, and takes no space.
    """
    bgra = cv2.cvtColor(image, cv2.COLOR_BGR2BGRA)
    return np.asarray(cv2.copyTo(bgra, foreground.view(np.uint8)), np.uint8)


def cut_out_softly(image: Image, foreground: Foreground, labels: Mask) -> NDArray[np.uint8]:
    """BGRA with a soft edge, see `bgremove.matting.soften`; it ends where `labels` are certain, as at the rect."""
    alpha, colours = matting.soften(image, foreground)
    alpha[labels == Label.BACKGROUND] = 0
    kept = labels == Label.FOREGROUND
    alpha[kept] = 255
    colours[kept] = image[kept]
    bgra = cut_out(colours, alpha > 0)
    bgra[..., 3] = alpha
    return bgra


def flatten(cutout: NDArray[np.uint8], background: tuple[int, int, int]) -> Image:
    """`cutout`, ``(H, W, 4)`` BGRA, in front of a plain `background` colour (BGR), blended by its alpha.

    >>> cutout = cut_out(np.full((1, 2, 3), 7, np.uint8), np.array([[True, False]]))
    >>> flatten(cutout, (255, 0, 0)).tolist()
    [[[7, 7, 7], [255, 0, 0]]]
    """
    alpha = cutout[:, :, 3]
    image = np.empty((*cutout.shape[:2], 3), np.uint8)
    image[:] = background
    image = np.asarray(cv2.copyTo(cv2.cvtColor(cutout, cv2.COLOR_BGRA2BGR), alpha, image), np.uint8)
    mixed = (alpha > 0) & (alpha < 255)
    share = alpha[mixed][:, None] / 255
    image[mixed] = np.rint(share * cutout[mixed, :3] + (1 - share) * np.array(background))
    return image
