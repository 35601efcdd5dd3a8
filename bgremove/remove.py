"""One image: from whatever the caller has to a cutout."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from bgremove.cutout import Cutout, cut_photo_out, foreground_of
from bgremove.doubt import find_doubts
from bgremove.engines import make_engine
from bgremove.errors import ImageError, RectError
from bgremove.formats import Photo, as_photo
from bgremove.hints import read_hints
from bgremove.paths import StrOrBytesPath
from bgremove.settings import Settings, merged
from bgremove.types import Image, Label, Mask, Rect
from bgremove.url import Url

EMPTY_FOREGROUND = "nothing was found inside the rect: the foreground is empty"
ONE_COLOUR = (
    "every pixel has the same colour, so that no object can be told from the background: the foreground is empty"
)
ONE_COLOUR_SHAPED = "every pixel has the same colour: what is not transparent was taken for the object"
ALL_TRANSPARENT = "all of it is transparent inside the rect: the foreground is empty"


def remove_background(
    image: Any, *, hints: Mask | StrOrBytesPath | Url | None = None, settings: Settings | None = None, **options: Any
) -> Cutout:
    """Cut the object out of one image.

    Parameters
    ----------
    image
        A path, encoded bytes, a PIL image, or an ndarray: gray ``(H, W)``, BGR ``(H, W, 3)`` or BGRA
        ``(H, W, 4)`` of uint8 or uint16. Where it is all transparent, it is certain background; where it is partly
        so, it stays so.
    hints : (H, W) uint8, optional
        `Label` for every pixel. BACKGROUND and FOREGROUND decide a pixel, PROBABLY_BACKGROUND starts it as
        background; outside the rect they have no effect. Or the path of an image of hints, in which black is BACKGROUND
        and white is FOREGROUND, see `bgremove.hints.read_hints`.
    settings, options
        How it is cut out: a `Settings`, or fields of it by name, such as ``rect`` or ``margin``, or both.

    An image in which there is nothing to cut is not an error, as a folder may hold one: the cutout has a warning. It is
    empty if all of the image has one colour, or is transparent; of an image of one colour that is transparent in parts,
    such as an icon, the rest is the object.

    Cost: that of the engine, see its class, and for a soft edge that of `bgremove.matting.soften`; a large image in
    as many threads as OpenCV may use (`cv2.setNumThreads`), with the same result in any number. Errors: `UsageError`
    (a name or number that cannot be meant, no PyMatting), `ImageError` (unreadable), `RectError` (outside the image,
    or no background or no foreground left), `EngineError`.

    >>> import numpy as np
    >>> picture = np.full((40, 40, 3), (40, 120, 40), np.uint8)
    >>> picture[10:30, 10:30] = (30, 30, 200)
    >>> int(remove_background(picture, margin=0.1).foreground.sum())
    400
    """
    chosen = merged(settings, options)
    photo = as_photo(image, max_pixels=chosen.max_pixels)
    if hints is not None and not isinstance(hints, np.ndarray):
        hints = read_hints(hints, *photo.image.shape[:2])
    return cut_photo(photo, chosen, hints)


def cut_photo(photo: Photo, settings: Settings, hints: Mask | None = None) -> Cutout:
    """Cut the object out of a photo that has been read; see `remove_background`."""
    image = photo.image
    height, width = image.shape[:2]
    rect = chosen_rect(settings, height, width)
    settled = _settled(photo, rect)
    alpha, overlap = None, None
    if settled is None:
        labels = initial_labels(photo, rect, hints)
        if settings.model is None:
            _check_background(labels, rect)
        mask, alpha, overlap = make_engine(settings.engine, settings.model).judge(
            image, labels, iterations=settings.iterations, seed=settings.seed, drawn=settings.rect is not None
        )
        warnings = () if foreground_of(mask).any() else (EMPTY_FOREGROUND,)
    else:
        labels = mask = settled[0]
        warnings = (settled[1],)
    soft = settings.edge == "soft" and settled is None
    pixels = cut_photo_out(photo, foreground_of(mask), labels, soft=soft, alpha=alpha)
    doubts: tuple[str, ...] = ()
    if settled is None:
        doubts = find_doubts(image, mask, rect, drawn=settings.rect is not None, overlap=overlap)
    return Cutout(
        pixels,
        mask,
        rect,
        (*photo.notes, *_clipped(settings, rect, image), *warnings),
        photo.metadata.chosen(settings.metadata),
        doubts,
    )


def _settled(photo: Photo, rect: Rect) -> tuple[Mask, str] | None:
    """The mask of a photo in which nothing is to be decided, and what is to be said of it; None of any other."""
    opaque = photo.opaque
    empty = opaque is not None and not opaque[rect.slices].any()
    if not empty and not _is_flat(photo.image):
        return None
    mask = np.full(photo.image.shape[:2], Label.BACKGROUND, np.uint8)
    if empty or opaque is None:
        return mask, ALL_TRANSPARENT if empty else ONE_COLOUR
    mask[rect.slices][opaque[rect.slices]] = Label.PROBABLY_FOREGROUND
    return mask, ONE_COLOUR_SHAPED


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
    if not np.any(labels & 1):
        raise RectError(f"rect {tuple(rect)} leaves no foreground: all of it is transparent or hinted as background")
    return labels


def chosen_rect(settings: Settings, height: int, width: int) -> Rect:
    """The rect that an image of `height` by `width` pixels is cut out with, clipped to it.

    A model needs no background to learn from, and may see an object that touches the sides.
    """
    if settings.rect is not None:
        return settings.rect.clip(height, width)
    return Rect.from_margin(settings.margin, height, width) if settings.model is None else Rect(0, 0, width, height)


def _clipped(settings: Settings, rect: Rect, image: Image) -> Iterator[str]:
    """A warning if the rect that is asked for is not all of it in the image: it may have been drawn on another one."""
    if settings.rect is not None and settings.rect != rect:
        size = f"{image.shape[1]} x {image.shape[0]}"
        yield f"rect {tuple(settings.rect)} reaches beyond the image, which is {size} pixels, and was clipped"


def _check_background(labels: Mask, rect: Rect) -> None:
    if np.all(labels & 1):
        height, width = labels.shape
        raise RectError(
            f"rect {tuple(rect)} covers all of the image, which is {width} x {height} pixels: "
            "leave some background around the object to learn from"
        )


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
