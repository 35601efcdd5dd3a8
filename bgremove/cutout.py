"""The pixels of a cutout: what becomes of an image once its mask is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from bgremove import matting
from bgremove.formats import NO_METADATA, Metadata, Photo, colour_in
from bgremove.rows import bands_of, in_threads
from bgremove.settings import Settings
from bgremove.types import Foreground, Label, Mask, Rect


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Cutout:
    """What `bgremove.remove_background` gives. Equal to itself only: compare its arrays.

    Attributes
    ----------
    image : (H, W, 4) uint8, or uint16 if the source has 16 bits a sample
        BGRA; alpha is 255 (65535) on the foreground and 0 elsewhere; with a soft edge it is anything between in a band
        around the boundary. It is never above the alpha of the source. Where it is 0, the colour is 0 too.
    mask : (H, W) uint8
        A `Label` for every pixel.
    rect
        The rectangle that was used, clipped to the image.
    warnings
        What the caller should know, such as an empty foreground or that only the first frame was read.
    doubts
        Reasons why the mask is probably bad, see `bgremove.doubt.find_doubts`.
    metadata
        What is written beside the pixels, by `bgremove.formats.write`.
    """

    image: NDArray[Any]
    mask: Mask
    rect: Rect
    warnings: tuple[str, ...] = ()
    metadata: Metadata = NO_METADATA
    doubts: tuple[str, ...] = ()

    def __repr__(self) -> str:
        height, width = self.mask.shape
        parts = f"{width} x {height} pixels", f"{self.foreground.mean():.0%} object", f"{self.rect}"
        said = (f"{name}={value}" for name in ("warnings", "doubts") if (value := getattr(self, name)))
        return f"<Cutout: {', '.join((*parts, *said))}>"

    @property
    def foreground(self) -> Foreground:
        """``(H, W)`` bool, true where the object is."""
        return foreground_of(self.mask)

    def emitted(self, kind: str, settings: Settings) -> NDArray[Any]:
        """The pixels that are written for one of `Settings.emit`: gray 0 or 255, BGRA, or BGR on a background."""
        part = self.box(settings.pad).slices if settings.crop else ...
        if kind == "mask":
            return self.foreground[part].view(np.uint8) * np.uint8(255)
        image = self.image[part]
        if settings.background is None:
            return image
        return flatten(image, colour_in(self.metadata.profile, settings.background))

    def box(self, pad: int = 0) -> Rect:
        """The rectangle around all that is not transparent, `pad` pixels larger on each side where the image reaches.

        It is the whole image if all is transparent.
        """
        height, width = self.mask.shape
        box = Rect(*cv2.boundingRect((self.image[..., 3] > 0).view(np.uint8)))
        return box.grown(pad, pad).clip(height, width) if box.width else Rect(0, 0, width, height)


def foreground_of(mask: Mask) -> Foreground:
    """``(H, W)`` bool: the pixels labelled (probably) foreground, which are those with an odd `Label`."""
    return (mask & 1).view(np.bool_)


def cut_photo_out(
    photo: Photo, foreground: Foreground, labels: Mask, *, soft: bool, alpha: NDArray[np.uint8] | None = None
) -> NDArray[Any]:
    """BGRA with all that the photo has: 16 bits where it has them, and an alpha that is never above its own."""
    bgra = cut_out_softly(photo, foreground, labels, alpha) if soft else cut_out(photo.pixels, foreground)
    if photo.alpha is not None:
        np.minimum(bgra[..., 3], photo.alpha, out=bgra[..., 3])
    return bgra


def cut_out(image: NDArray[Any], foreground: Foreground) -> NDArray[Any]:
    """BGRA, alpha 255 (65535) where `foreground` is true and 0 elsewhere.

    Parameters
    ----------
    image : (H, W, 3) uint8 or uint16
    foreground : (H, W) bool

    Returns
    -------
    (H, W, 4) of the same dtype. Transparent pixels are black, so that the old background is gone from the file, shines
    through in no viewer that ignores alpha, and takes no space.
    """
    bgra = np.zeros((*foreground.shape, 4), image.dtype)

    def fill(band: slice) -> None:
        left, top, width, height = cv2.boundingRect(foreground[band].view(np.uint8))
        if width:
            part = slice(band.start + top, band.start + top + height), slice(left, left + width)
            cv2.copyTo(cv2.cvtColor(image[part], cv2.COLOR_BGR2BGRA), foreground[part].view(np.uint8), bgra[part])

    in_threads(fill, bands_of(*foreground.shape))
    return bgra


def cut_out_softly(
    photo: Photo, foreground: Foreground, labels: Mask, prior: NDArray[np.uint8] | None = None
) -> NDArray[Any]:
    """BGRA with a soft edge, see `bgremove.matting.soften`; it ends where `labels` are certain, as at the rect."""
    alpha, colours = matting.soften(photo.image, foreground, prior)
    alpha[labels == Label.BACKGROUND] = 0
    kept = labels == Label.FOREGROUND
    alpha[kept] = 255
    colours[kept] = photo.image[kept]
    pixels: NDArray[Any] = colours
    top = 1
    if photo.samples is not None:
        mixed = (colours != photo.image).any(axis=2)
        pixels, top = photo.samples.copy(), 257
        pixels[mixed] = colours[mixed] * np.uint16(top)
    bgra = cut_out(pixels, alpha > 0)
    bgra[..., 3] = alpha * pixels.dtype.type(top)
    return bgra


def flatten(cutout: NDArray[Any], background: tuple[int, int, int]) -> NDArray[Any]:
    """`cutout`, ``(H, W, 4)`` BGRA, in front of a plain `background` colour (8-bit BGR), blended by its alpha.

    >>> cutout = cut_out(np.full((1, 2, 3), 7, np.uint8), np.array([[True, False]]))
    >>> flatten(cutout, (255, 0, 0)).tolist()
    [[[7, 7, 7], [255, 0, 0]]]
    """
    top = np.iinfo(cutout.dtype).max
    colour = np.array(background, cutout.dtype) * cutout.dtype.type(top // 255)
    alpha = cutout[:, :, 3]
    image = np.empty((*cutout.shape[:2], 3), cutout.dtype)
    image[:] = colour
    visible = (alpha > 0).view(np.uint8)
    image = np.asarray(cv2.copyTo(cv2.cvtColor(cutout, cv2.COLOR_BGRA2BGR), visible, image), cutout.dtype)
    mixed = (alpha > 0) & (alpha < top)
    share = alpha[mixed][:, None] / top
    image[mixed] = np.rint(share * cutout[mixed, :3] + (1 - share) * colour)
    return image
