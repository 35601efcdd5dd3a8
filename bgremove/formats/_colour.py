"""Colour profiles: an RGB profile goes with its samples; other samples are converted, as no output can hold them."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import cv2
import numpy as np
import PIL.Image
from numpy.typing import NDArray
from PIL import ImageCms

from bgremove.formats._pillow import Pixels, high_byte, pixels, recoloured
from bgremove.formats._tiff import Layout

_GRAY = {"1", "L", "LA", "La", "I;16", "I;16B", "I;16L", "I;16N"}
_DAMAGED = "its colour profile is damaged and was left out"
_UNUSED = "its colour profile is damaged or of other colours than the image, and was left out"
_SRGB_POINTS = (0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)
"""Where white, red, green and blue are, x and y (IEC 61966-2-1)."""


def to_rgb(image: PIL.Image.Image, notes: list[str]) -> tuple[PIL.Image.Image, bytes | None]:
    """A loaded image whose colours an output can hold, and the ICC profile they are in; None is sRGB.

    An image without a profile is left as it is, unless it is Lab.
    """
    profile: bytes | None = image.info.get("icc_profile")
    space = _space(profile) if profile else None
    if image.mode in {"CMYK", "LAB"}:
        return _without_rgb(image, profile, space, notes), None
    if not profile:
        if "icc_profile" in image.info:  # Pillow could not decompress it, or lacks a part of it
            notes.append(_DAMAGED)
        if image.format == "PNG":
            notes.extend(_lost_colours(image.info))
        return image, None
    if image.mode in _GRAY:
        if image.mode in {"L", "LA"} and space == "GRAY":
            return _converted(image, profile, notes), None
        if space != "RGB":
            notes.append("its gray profile was left out: the colours of the output are RGB")
            return image, None
    if space == "RGB":
        return image, profile
    notes.append(_UNUSED)
    return image, None


def _without_rgb(image: PIL.Image.Image, profile: bytes | None, space: str | None, notes: list[str]) -> PIL.Image.Image:
    """An image of CMYK or Lab in sRGB; CMYK without a profile is left to Pillow."""
    if image.mode == "CMYK":
        notes.append("its CMYK colours were converted to sRGB")
        if image.format == "JPEG" and "adobe" not in image.info:
            notes.append("it does not say whether 0 is full ink or none, and was read as Adobe writes it: 0 is full")
    fits = space == {"CMYK": "CMYK", "LAB": "Lab"}[image.mode]
    if not fits and "icc_profile" in image.info:
        notes.append(_UNUSED)
    if image.mode == "LAB":
        return _converted(image, _lab(), notes)
    return _converted(image, profile, notes) if profile and fits else image


def in_bgr(
    samples: NDArray[Any], layout: Layout, profile: bytes | None, notes: list[str]
) -> tuple[Pixels, bytes | None]:
    """Pixels out of the samples of a TIFF, and the ICC profile they are in; CMYK is reduced to 8 bits."""
    alpha = None if layout.alpha is None else np.ascontiguousarray(samples[:, :, layout.alpha])
    colours = np.ascontiguousarray(samples[:, :, : layout.colours])
    if alpha is not None and layout.premultiplied:
        colours = _divided(colours, alpha)
    if layout.colours == 4:
        if colours.dtype.itemsize == 2:
            notes.append("of the 16 bits of its samples 8 were read")
        image = PIL.Image.fromarray(high_byte(colours), "CMYK")
        if profile:
            image.info["icc_profile"] = profile
        rgb, profile = to_rgb(image, notes)
        return (pixels(rgb)[0], None if alpha is None else high_byte(alpha)), profile
    if profile:
        carrier = PIL.Image.new("I;16" if layout.colours == 1 else "RGB", (1, 1))
        carrier.info["icc_profile"] = profile
        profile = to_rgb(carrier, notes)[1]
    code = cv2.COLOR_GRAY2BGR if layout.colours == 1 else cv2.COLOR_RGB2BGR
    return (recoloured(colours, code), alpha), profile


def _divided(colours: NDArray[Any], alpha: NDArray[Any]) -> NDArray[Any]:
    """Colours that have been multiplied by alpha, as they were before."""
    top = np.iinfo(alpha.dtype).max
    share = np.maximum(alpha, 1)[:, :, None] / np.float32(top)
    return np.asarray(np.minimum(np.rint(colours / share), top), colours.dtype)


def colour_in(profile: bytes | None, bgr: tuple[int, int, int]) -> tuple[int, int, int]:
    """An sRGB colour as samples in an RGB `profile` say it, as well as they can; unchanged if that is damaged."""
    if profile is None:
        return bgr
    pixel = PIL.Image.new("RGB", (1, 1), bgr[::-1])
    try:
        converted = ImageCms.profileToProfile(
            pixel,
            ImageCms.createProfile("sRGB"),
            ImageCms.ImageCmsProfile(io.BytesIO(profile)),
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        )
    except (ImageCms.PyCMSError, OSError):
        return bgr
    red, green, blue = np.asarray(converted)[0, 0].tolist()
    return blue, green, red


@cache
def _lab() -> bytes:
    """The profile of Lab under D50, which is what ICC means by it, and Photoshop."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()


def _lost_colours(info: Mapping[Any, Any]) -> Iterator[str]:
    """What to note of a PNG without a profile whose colours may be others than those of sRGB."""
    gamma, points = info.get("gamma", 1 / 2.2), info.get("chromaticity", _SRGB_POINTS)
    far = any(abs(one - other) > 0.005 for one, other in zip(points, _SRGB_POINTS, strict=True))
    if "srgb" not in info and (far or abs(gamma - 1 / 2.2) > 0.01):
        yield "its gamma and chromaticities were left out: its colours are taken for those of sRGB"


def _space(profile: bytes) -> str | None:
    """Colours that a profile is for (ICC.1:2022, 7.2); None if it is damaged."""
    if len(profile) < 128 or profile[36:40] != b"acsp" or int.from_bytes(profile[:4]) > len(profile):
        return None
    return profile[16:20].decode("latin-1").strip()


def _converted(image: PIL.Image.Image, profile: bytes, notes: list[str]) -> PIL.Image.Image:
    alpha = image.convert("LA").getchannel("A") if image.has_transparency_data else None
    source = image.convert("L") if image.mode == "LA" else image
    try:
        rgb = ImageCms.profileToProfile(
            source,
            ImageCms.ImageCmsProfile(io.BytesIO(profile)),
            ImageCms.createProfile("sRGB"),
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            outputMode="RGB",
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION | ImageCms.Flags.NOOPTIMIZE,  # optimised, gray is up to 9 off
        )
    except (ImageCms.PyCMSError, OSError):
        notes.append(_DAMAGED)
        return image
    assert rgb is not None  # noqa: S101 - only a conversion in place gives None
    if alpha is not None:
        rgb.putalpha(alpha)
    return rgb
