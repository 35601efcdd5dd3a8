"""Small pictures of what was cut out, for a person to judge: what is doubtful first."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from bgremove.batch import ImageRecord, Job
from bgremove.comparison.report import counted
from bgremove.cutout import Cutout, cut_out, foreground_of
from bgremove.engines import make_engine
from bgremove.errors import BgremoveError
from bgremove.formats import Photo, high_byte, read
from bgremove.hints import read_hints
from bgremove.remove import chosen_rect, initial_labels, reached
from bgremove.settings import Settings
from bgremove.types import Foreground, Label, Mask, Rect

MOST_PICTURES = 200
"""How many images a page shows: with these it stays under five megabytes."""

_SIDE = 176
_COMPARED_PIXELS = {"multiscale": 3_000_000, "exact": 300_000}
"""Images up to this size are cut by another engine too, which takes it about 0.1 s."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One image as a page shows it; the pictures are data URLs. `doubts` say why its mask is probably bad."""

    path: str
    width: int
    height: int
    rect: Rect
    original: str
    cutout: str
    mask: str
    difference: str | None
    """Where the other engine decides otherwise; None if it does so nowhere, or was not asked."""
    warnings: tuple[str, ...]
    doubts: tuple[str, ...]

    @property
    def notes(self) -> tuple[str, ...]:
        """All that there is to say of it."""
        return *self.warnings, *self.doubts


@dataclass(slots=True)
class Gallery:
    """Collects pictures as images are cut out, up to `MOST_PICTURES`.

    An image is cut by another engine too, to show where that decides otherwise: by `multiscale`, or, if that was used,
    by `exact`. A picture takes 10 ms, and the time of the other engine, about 0.1 s at most.
    """

    settings: Settings
    pictures: list[Picture] = field(default_factory=list)

    def add(self, job: Job, cutout: Cutout) -> None:
        """A picture of one cutout; the file is read anew."""
        if len(self.pictures) < MOST_PICTURES:
            photo = read(job.source, max_pixels=self.settings.max_pixels)
            self.pictures.append(make_picture(str(job.source), photo, cutout, self.settings))

    def add_written(self, job: Job, record: ImageRecord) -> None:
        """A picture of a job whose outputs are written, as its record says; none if they do not tell the mask."""
        try:
            photo = read(job.source, max_pixels=self.settings.max_pixels)
            cutout = _written_cutout(job, photo, record, self.settings)
            hints = None if job.hints is None else read_hints(job.hints, *photo.image.shape[:2])
        except BgremoveError:  # a file is gone meanwhile
            return
        if cutout is not None and len(self.pictures) < MOST_PICTURES:
            self.pictures.append(make_picture(str(job.source), photo, cutout, self.settings, hints))

    def in_order(self) -> list[Picture]:
        """The most doubtful first, else by name."""
        return sorted(self.pictures, key=lambda picture: (-len(picture.doubts), picture.path))


def _written_cutout(job: Job, photo: Photo, record: ImageRecord, settings: Settings) -> Cutout | None:
    height, width = photo.image.shape[:2]
    rect = chosen_rect(settings if job.rect is None else replace(settings, rect=job.rect), height, width)
    written = _written_foreground(job, settings)
    foreground = np.zeros((height, width), np.bool_)
    part = foreground[record.crop.slices if record.crop is not None else ...]
    if written is None or written.shape != part.shape:  # the latter is not what this run has written
        return None
    part[...] = written
    mask = foreground.astype(np.uint8) * np.uint8(Label.FOREGROUND)
    return Cutout(
        cut_out(photo.image, foreground),
        mask,
        reached(rect, foreground),
        warnings=record.warnings,
        doubts=record.doubts,
    )


def _written_foreground(job: Job, settings: Settings) -> Foreground | None:
    """What the files say; None if they do not."""
    if "mask" in job.outputs:
        return read(job.outputs["mask"], max_pixels=settings.max_pixels).image[..., 0] > 0
    if settings.background is not None:
        return None
    photo = read(job.outputs["cutout"], max_pixels=settings.max_pixels)
    if photo.alpha is None:
        return np.ones(photo.image.shape[:2], np.bool_)
    return np.asarray(photo.alpha > np.iinfo(photo.alpha.dtype).max // 2)


def make_picture(path: str, photo: Photo, cutout: Cutout, settings: Settings, hints: Mask | None = None) -> Picture:
    """The picture of one cutout, which was made with `hints`."""
    height, width = photo.image.shape[:2]
    foreground = cutout.foreground
    difference = _engines_differ(photo, foreground, cutout.rect, settings, hints)
    return Picture(
        path=path,
        width=width,
        height=height,
        rect=cutout.rect,
        original=_data_url(photo.image[..., ::-1]),
        cutout=_data_url(cutout.image[..., [2, 1, 0, 3]]),
        mask=_data_url(_gray(foreground)),
        difference=_data_url(_gray(difference)) if difference.any() else None,
        warnings=cutout.warnings,
        doubts=cutout.doubts,
    )


def _engines_differ(
    photo: Photo, foreground: Foreground, rect: Rect, settings: Settings, hints: Mask | None
) -> Foreground:
    """Where another engine decides otherwise; nowhere if it was not asked, or could not be."""
    nowhere = np.zeros_like(foreground)
    other = _other(settings.engine)
    if foreground.size > _COMPARED_PIXELS[other]:
        return nowhere
    try:
        labels = initial_labels(photo, rect, hints)
        mask = make_engine(other).segment(photo.image, labels, iterations=settings.iterations, seed=settings.seed)
    except BgremoveError:  # such as a rect that leaves nothing to learn from
        return nowhere
    return np.asarray(foreground_of(mask) != foreground)


def _other(engine: str) -> str:
    return "exact" if engine == "multiscale" else "multiscale"


def _gray(where: Foreground) -> NDArray[np.uint8]:
    return where.view(np.uint8) * np.uint8(255)


def _data_url(pixels: NDArray[Any]) -> str:
    """A small WebP of gray, RGB or RGBA pixels, of 8 or 16 bits."""
    picture = Pillow.fromarray(np.ascontiguousarray(high_byte(pixels)))
    picture.thumbnail((_SIDE, _SIDE), Pillow.Resampling.BOX)
    content = io.BytesIO()
    picture.save(content, "WEBP", quality=60, method=2, alpha_quality=60)
    return "data:image/webp;base64," + base64.b64encode(content.getvalue()).decode("ascii")


def shown_first(pictures: Sequence[Picture]) -> str:
    """How many there are and how many are doubtful, in words."""
    doubtful = sum(bool(picture.doubts) for picture in pictures)
    return f"{counted(len(pictures))}, {doubtful} of them doubtful" + (", these first." if doubtful else ".")
