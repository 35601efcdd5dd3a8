"""Every option that a cutout depends on, in one value that is made and checked where the user speaks."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from operator import index
from typing import Any

from PIL import ImageColor

from bgremove import matting
from bgremove.engines import DEFAULT_ENGINE, ENGINES, Model, make_engine, read_model
from bgremove.errors import UsageError
from bgremove.formats import DEFAULT_MAX_PIXELS, LOSSLESS_FORMATS, METADATA, OUTPUT_FORMATS, as_format
from bgremove.types import Rect, as_number, as_rect, as_whole

EMITS = ("cutout", "mask")
"""What can be written of an image: the cutout, and a mask that is 0 or 255."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How images are cut out, and what is written of them; two equal values give equal files.

    Parameters
    ----------
    engine
        A name out of `bgremove.engines.ENGINES`.
    model
        For the engine ``onnx``, the weights: ``PRESET=FILE`` or ``FILE``, see `bgremove.engines.read_model`. It is read
        when these settings are made, and its digest is part of them.
    iterations
        How often colour models and cut are refined in turn, at least 1. Time grows about linearly with it.
    seed
        Seeds the generator that starts the colour models, immediately before every segmentation.
    rect
        ``(x, y, width, height)`` in pixels around the object, clipped to the image; everything outside is certain
        background. By default the image less a margin, and with a model all of it.
    margin
        Fraction of each side that is certain background when there is neither rect nor model; the object must lie
        inside. By default 0.05, which the engine ``multiscale`` gives up on the sides where an object runs into it.
    edge
        ``hard``, or ``soft``: near the boundary alpha says how much of a pixel is object, and the old background is
        taken out of its colour, and so it is where a model is not sure; needs the extra ``soft``. Certain pixels stay 0
        or 255, and the mask stays as it is.
    max_pixels
        A file whose header promises more is refused before it is decoded.
    emit
        What is written of each image, out of `EMITS`.
    format
        How it is written, out of `bgremove.formats.OUTPUT_FORMATS`; ``JPEG`` is ``jpg``, and ``.tif`` is ``tiff``. A
        ``jpg`` has no transparency and needs a `background`; a mask beside it is a PNG, as losses would show in it.
    background
        Fills the written cutout where the object is not: a colour as CSS writes it, or BGR, both sRGB; None is
        transparent.
    crop
        What is written is cropped to the object, the mask as the cutout; an empty foreground is not.
    pad
        Pixels that a crop leaves around the object, as far as the image reaches.
    metadata
        What the written cutout says of the photograph, out of `bgremove.formats.METADATA`: ``keep`` is resolution,
        camera and dates, ``all`` the place (GPS) too, ``none`` neither. The colour profile is always kept, as the
        pixels mean nothing without it. A mask has no metadata.

    Raises `UsageError` or `RectError` for what cannot be meant, and for a soft edge without PyMatting.

    >>> Settings(background="#ff8000").background
    (0, 128, 255)
    """

    engine: str = DEFAULT_ENGINE
    model: Model | None = None
    iterations: int = 5
    seed: int = 0
    rect: Rect | None = None
    margin: float | None = None
    edge: str = "hard"
    max_pixels: int = DEFAULT_MAX_PIXELS
    emit: tuple[str, ...] = ("cutout",)
    format: str = "png"
    background: tuple[int, int, int] | None = None
    crop: bool = False
    pad: int = 0
    metadata: str = "keep"

    def __post_init__(self) -> None:
        _check_names("engine", [self.engine], ENGINES)
        if isinstance(self.model, str | os.PathLike):
            object.__setattr__(self, "model", read_model(self.model))
        make_engine(self.engine, self.model)  # refuses a model that is missing, or too much
        _check_names("edge", [self.edge], matting.EDGES)
        object.__setattr__(self, "emit", _as_emit(self.emit))
        object.__setattr__(self, "format", as_format(self.format))
        _check_names("format", [self.format], OUTPUT_FORMATS)
        _check_names("metadata", [self.metadata], METADATA)
        if self.edge == "soft":
            matting.check_installed()
        for name in ("iterations", "seed", "max_pixels", "pad"):
            object.__setattr__(self, name, as_whole(name, getattr(self, name)))
        if self.iterations < 1:
            raise UsageError(f"iterations is {self.iterations}; it must be at least 1")
        if not 0 <= self.seed < 2**31:
            raise UsageError(f"seed is {self.seed}; it must lie between 0 and 2**31 - 1")
        if self.max_pixels < 1:
            raise UsageError(f"max_pixels is {self.max_pixels}; it must be at least 1")
        object.__setattr__(self, "margin", _as_margin(self.margin))
        if self.rect is not None:
            object.__setattr__(self, "rect", as_rect(self.rect))
        if self.pad < 0 or (self.pad and not self.crop):
            raise UsageError(f"pad is {self.pad}; it must be at least 0, and leaves room around what is cropped: crop")
        if self.format == "jpg" and self.background is None and "cutout" in self.emit:
            raise UsageError(
                "JPEG has no transparency: choose a background, such as white, or one of the formats "
                + ", ".join(LOSSLESS_FORMATS)
            )
        if isinstance(self.background, str):
            object.__setattr__(self, "background", parse_colour(self.background))
        elif self.background is not None:
            object.__setattr__(self, "background", _as_bgr(self.background, self.background))
        if self.crop not in (True, False):
            raise UsageError(f"crop is {self.crop!r}; it must be True or False")
        object.__setattr__(self, "crop", bool(self.crop))

    def format_of(self, kind: str) -> str:
        """The format that one of `emit` is written in."""
        return "png" if kind == "mask" and self.format not in LOSSLESS_FORMATS else self.format


def merged(settings: Settings | None, options: dict[str, Any]) -> Settings:
    """`settings`, or the defaults, with the given `options` in place of its own."""
    if settings is not None and not isinstance(settings, Settings):
        raise UsageError(f"settings is {settings!r}; it must be a value of Settings")
    return replace(settings or Settings(), **options)


def parse_colour(text: str) -> tuple[int, int, int]:
    """BGR of a colour as CSS writes it: a name, ``#rrggbb``, ``rgb(...)``, ``hsl(...)``.

    >>> parse_colour("white")
    (255, 255, 255)
    """
    try:
        red, green, blue, *alpha = ImageColor.getrgb(text)
    except ValueError as error:
        raise UsageError(f"{text!r} is no colour; write it as white or #ffffff") from error
    if alpha:
        raise UsageError(f"{text!r} has an alpha; a background is opaque, such as white or #ffffff")
    return _as_bgr((blue, green, red), text)


def _as_margin(value: Any) -> float | None:
    if value is None:
        return None
    margin = as_number("margin", value)
    Rect.from_margin(margin, 100, 100)  # refuses what leaves nothing
    return margin


def _as_emit(value: Any) -> tuple[str, ...]:
    """What is emitted, one name or several, in one order."""
    names = tuple(value) if isinstance(value, Iterable) and not isinstance(value, str) else (value,)
    _check_names("emit", names, EMITS)
    return tuple(kind for kind in EMITS if kind in names)


def _as_bgr(value: Any, said: object) -> tuple[int, int, int]:
    try:
        blue, green, red = map(index, value)
    except (TypeError, ValueError):
        blue = green = red = -1
    if not all(0 <= part <= 255 for part in (blue, green, red)):
        raise UsageError(f"{said!r} is no colour; it has three parts of 0 to 255 each, as white or #ffffff have")
    return blue, green, red


def _check_names(option: str, chosen: Sequence[str], allowed: Sequence[str]) -> None:
    unknown = [str(name) for name in chosen if name not in allowed]
    if unknown or not chosen:
        raise UsageError(f"{option} is {', '.join(unknown) or 'empty'}; choose from {', '.join(allowed)}")
