"""One image: from whatever the caller has to a cutout."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import numpy as np

from bgremove.cutout import Cutout, cut_photo_out, foreground_of
from bgremove.doubt import find_doubts
from bgremove.engines import Engine, Segmentation, make_engine
from bgremove.errors import ImageError, RectError, UsageError
from bgremove.formats import Photo, as_photo
from bgremove.hints import read_hints
from bgremove.paths import StrOrBytesPath
from bgremove.settings import Settings, merged
from bgremove.types import MARGIN, Foreground, Image, Label, Mask, Rect
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
        A path, a file object, encoded bytes, a PIL image, or an ndarray: gray ``(H, W)``, BGR ``(H, W, 3)`` or BGRA
        ``(H, W, 4)`` of uint8 or uint16. Where it is all transparent, it is certain background; where it is partly
        so, it stays so.
    hints : (H, W) uint8, optional
        `Label` for every pixel. BACKGROUND and FOREGROUND decide a pixel, PROBABLY_BACKGROUND starts it as
        background; outside a rect or a margin that was given they have no effect. Or the path of an image of hints, in
        which black is BACKGROUND and white is FOREGROUND, see `bgremove.hints.read_hints`.
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
    return cut_photo(photo, chosen, _as_hints(hints, *photo.image.shape[:2]))


def _as_hints(hints: Any, height: int, width: int) -> Mask | None:
    """Hints as `remove_background` takes them."""
    if hints is None or isinstance(hints, np.ndarray):
        return hints
    if not isinstance(hints, str | bytes | os.PathLike | Url):
        raise UsageError(f"hints is of type {type(hints).__name__}; give an array of labels, or name an image of hints")
    return read_hints(hints, height, width)


def cut_photo(photo: Photo, settings: Settings, hints: Mask | None = None) -> Cutout:
    """Cut the object out of a photo that has been read; see `remove_background`."""
    rect = chosen_rect(settings, *photo.image.shape[:2])
    settled = _settled(photo, rect)
    if settled is None:
        labels, (mask, alpha, overlap) = _segment(photo, settings, rect, hints)
        rect = reached(rect, foreground_of(mask))
        for each in (labels, mask):
            close_around(each, rect)
        doubts = find_doubts(photo.image, mask, rect, drawn=settings.rect is not None, overlap=overlap)
        warnings = () if foreground_of(mask).any() else (EMPTY_FOREGROUND,)
    else:
        labels = mask = settled[0]
        alpha, doubts, warnings = None, (), (settled[1],)
    soft = settings.edge == "soft" and settled is None
    pixels = cut_photo_out(photo, foreground_of(mask), labels, soft=soft, alpha=alpha)
    notes = (*photo.notes, *_clipped(settings, rect, photo.image), *warnings)
    return Cutout(pixels, mask, rect, notes, photo.metadata.chosen(settings.metadata), doubts)


def _segment(photo: Photo, settings: Settings, rect: Rect, hints: Mask | None) -> tuple[Mask, Segmentation]:
    """The labels that are started from, and what becomes of them."""
    engine, drawn = make_engine(settings.engine, settings.model), settings.rect is not None
    labels = initial_labels(photo, rect, hints, around=label_around(settings, engine, *photo.image.shape[:2]))
    if settings.model is None:
        _check_background(labels, rect, given=settings.rect is not None)
    return labels, engine.judge(photo.image, labels, iterations=settings.iterations, seed=settings.seed, drawn=drawn)


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


def label_around(settings: Settings, engine: Engine, height: int, width: int) -> Label:
    """What lies around the `chosen_rect`: certain background, if that was given or the engine does not follow."""
    given = settings.rect is not None or settings.margin is not None
    return Label.BACKGROUND if given or not engine.follows(height * width) else Label.PROBABLY_BACKGROUND


def initial_labels(photo: Photo, rect: Rect, hints: Mask | None = None, *, around: Label = Label.BACKGROUND) -> Mask:
    """Labels to start from: `around` outside `rect`, background where transparent, probably foreground elsewhere."""
    height, width = photo.image.shape[:2]
    labels = np.full((height, width), around, np.uint8)
    labels[rect.slices] = Label.PROBABLY_FOREGROUND
    part = rect.slices if around == Label.BACKGROUND else (slice(height), slice(width))
    if hints is not None:
        given = _checked_hints(hints, (height, width))[part]
        np.copyto(labels[part], given, where=given != Label.PROBABLY_FOREGROUND)
    if photo.opaque is not None:
        labels[part][~photo.opaque[part]] = Label.BACKGROUND
    if not np.any(labels & 1):
        raise RectError(f"rect {tuple(rect)} leaves no foreground: all of it is transparent or hinted as background")
    return labels


def chosen_rect(settings: Settings, height: int, width: int) -> Rect:
    """The rect that an object is sought in, in an image of `height` by `width` pixels, clipped to it.

    A model needs no background to learn from, and may see an object that touches the sides.
    """
    if settings.rect is not None:
        return settings.rect.clip(height, width)
    if settings.model is not None:
        return Rect(0, 0, width, height)
    return Rect.from_margin(MARGIN if settings.margin is None else settings.margin, height, width)


def reached(rect: Rect, foreground: Foreground) -> Rect:
    """`rect`, as far as the edge of the image on each side on which there is foreground outside it.

    >>> reached(Rect(2, 2, 6, 6), np.eye(10, dtype=bool)[:, :8])
    Rect(x=0, y=0, width=8, height=8)
    """
    (height, width), (rows, columns) = foreground.shape, rect.slices
    top = 0 if foreground[: rows.start].any() else rows.start
    left = 0 if foreground[:, : columns.start].any() else columns.start
    bottom = height if foreground[rows.stop :].any() else rows.stop
    right = width if foreground[:, columns.stop :].any() else columns.stop
    return Rect(left, top, right - left, bottom - top)


def close_around(labels: Mask, rect: Rect) -> None:
    """Make certain background of all that lies outside `rect`."""
    rows, columns = rect.slices
    for part in (labels[: rows.start], labels[rows.stop :], labels[:, : columns.start], labels[:, columns.stop :]):
        part[...] = Label.BACKGROUND


def _clipped(settings: Settings, rect: Rect, image: Image) -> Iterator[str]:
    """A warning if the rect that is asked for is not all of it in the image: it may have been drawn on another one."""
    if settings.rect is not None and settings.rect != rect:
        size = f"{image.shape[1]} x {image.shape[0]}"
        yield f"rect {tuple(settings.rect)} reaches beyond the image, which is {size} pixels, and was clipped"


def _check_background(labels: Mask, rect: Rect, *, given: bool) -> None:
    if np.all(labels & 1):
        height, width = labels.shape
        if not given and rect == (0, 0, width, height):
            raise RectError(f"it has {width} x {height} pixels: too few for an object and some background around it")
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
