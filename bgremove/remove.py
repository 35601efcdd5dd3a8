"""One image: from whatever the caller has to a cutout."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bgremove.edges import check_edge, soften
from bgremove.engines import DEFAULT_ENGINE, make_engine
from bgremove.errors import EngineError, FlatImageError, ImageError, RectError
from bgremove.images import DEFAULT_MAX_PIXELS, Photo, as_photo
from bgremove.outputs import cut_out
from bgremove.types import Foreground, GrabCutSettings, Image, Label, Mask, Rect, as_rect

EMPTY_FOREGROUND = "nothing was found inside the rect: the foreground is empty"


@dataclass(frozen=True, slots=True)
class Cutout:
    """What `remove_background` gives.

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


def foreground_of(mask: Mask) -> Foreground:
    """``(H, W)`` bool: the pixels labelled (probably) foreground, which are those with an odd `Label`."""
    return (mask & 1).view(np.bool_)


def remove_background(
    image: Any,
    *,
    rect: Any = None,
    margin: float = 0.05,
    hints: Mask | None = None,
    settings: GrabCutSettings = GrabCutSettings(),
    engine: str = DEFAULT_ENGINE,
    edge: str = "hard",
    max_pixels: int = DEFAULT_MAX_PIXELS,
) -> Cutout:
    """Cut the object out of one image.

    Parameters
    ----------
    image
        A path, encoded bytes, a PIL image, or an ndarray: gray ``(H, W)``, BGR ``(H, W, 3)`` or BGRA
        ``(H, W, 4)`` of uint8 or uint16. Where it is transparent, it is certain background.
    rect
        ``(x, y, width, height)`` in pixels around the object, clipped to the image; everything outside is
        certain background. By default the image less a margin.
    margin
        Fraction of each side that is left out when there is no rect.
    hints : (H, W) uint8, optional
        `Label` for every pixel. BACKGROUND and FOREGROUND decide a pixel, PROBABLY_BACKGROUND starts it as
        background; outside the rect they have no effect.
    settings
        Iterations and seed.
    engine
        A name out of `bgremove.engines.ENGINES`.
    edge
        ``hard``, or ``soft``: near the boundary alpha says how much of a pixel is object, and the old background is
        taken out of its colour; needs the extra ``soft``. Certain pixels stay 0 or 255, and the mask stays as it is.
    max_pixels
        A file whose header promises more is refused before it is decoded.

    Cost: that of the engine, see its class, and for a soft edge that of `bgremove.edges.soften`. Errors: `UsageError`
    (a name or number that cannot be meant, no PyMatting), `ImageError` (unreadable), `FlatImageError` (one colour
    only), `RectError` (outside the image, or no background or no foreground left), `EngineError`.

    >>> import numpy as np
    >>> picture = np.full((40, 40, 3), (40, 120, 40), np.uint8)
    >>> picture[10:30, 10:30] = (30, 30, 200)
    >>> int(remove_background(picture).foreground.sum())
    400
    """
    check_edge(edge)
    return segment(as_photo(image, max_pixels=max_pixels), rect, margin, hints, settings, engine, edge)


def segment(
    photo: Photo, rect: Any, margin: float, hints: Mask | None, settings: GrabCutSettings, engine: str, edge: str
) -> Cutout:
    """Cut the object out of a photo that has been read; see `remove_background`."""
    image = photo.image
    height, width = image.shape[:2]
    box = Rect.from_margin(margin, height, width) if rect is None else as_rect(rect).clip(height, width)
    labels = initial_labels(photo, box, hints)
    if _is_flat(image):
        raise FlatImageError("every pixel of the image has the same colour; there is no object to cut out")
    mask = make_engine(engine).segment(image, labels, iterations=settings.iterations, seed=settings.seed)
    if mask.shape != labels.shape:
        raise EngineError(f"engine {engine!r} gave a mask of {mask.shape} for an image of {labels.shape}")
    foreground = foreground_of(mask)
    warnings = photo.notes if foreground.any() else (*photo.notes, EMPTY_FOREGROUND)
    pixels = cut_out(image, foreground) if edge == "hard" else _cut_out_softly(image, foreground, labels)
    return Cutout(pixels, mask, box, warnings)


def _cut_out_softly(image: Image, foreground: Foreground, labels: Mask) -> NDArray[np.uint8]:
    """The cutout with a soft edge, which ends where `labels` are certain, as at the sides of the rect."""
    alpha, colours = soften(image, foreground)
    alpha[labels == Label.BACKGROUND] = 0
    kept = labels == Label.FOREGROUND
    alpha[kept] = 255
    colours[kept] = image[kept]
    bgra = cut_out(colours, alpha > 0)
    bgra[..., 3] = alpha
    return bgra


def initial_labels(photo: Photo, rect: Rect, hints: Mask | None = None) -> Mask:
    """Labels to start from: background outside `rect` and where transparent, probably foreground elsewhere."""
    height, width = photo.image.shape[:2]
    labels = np.full((height, width), Label.BACKGROUND, np.uint8)
    inside = labels[rect.slices]
    inside[...] = Label.PROBABLY_FOREGROUND
    if hints is not None:
        inside[...] = _checked_hints(hints, (height, width))[rect.slices]
    if photo.opaque is not None:
        inside[~photo.opaque[rect.slices]] = Label.BACKGROUND
    odd = np.count_nonzero(labels & 1)
    if not odd:
        raise RectError(f"rect {tuple(rect)} leaves no foreground: all of it is transparent or hinted as background")
    if odd == labels.size:
        raise RectError(
            f"rect {tuple(rect)} covers all of the image, which is {width} x {height} pixels: "
            "leave some background around the object to learn from"
        )
    return labels


def _checked_hints(hints: Mask, shape: tuple[int, int]) -> Mask:
    if hints.shape != shape or hints.dtype != np.uint8:
        raise ImageError(f"hints are {hints.dtype} {hints.shape}; they must be uint8 {shape}, like the image")
    if hints.max() > max(Label):
        raise ImageError(f"hints hold the value {hints.max()}; allowed are the labels 0 to 3")
    return hints


def _is_flat(image: Image) -> bool:
    # Hardly any photograph is flat on a few of its pixels, so that the full pass is next to never made.
    coarse = image[:: max(1, image.shape[0] // 16), :: max(1, image.shape[1] // 16)]
    return bool((coarse == image[0, 0]).all() and (image == image[0, 0]).all())
