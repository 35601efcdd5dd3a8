"""What a file says of its picture besides the pixels: colour profile, resolution, camera, dates and place."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import PIL.Image
from PIL import ExifTags
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from bgremove.formats import _pillow
from bgremove.formats._limits import is_quiet, warnings_noted

METADATA = ("keep", "all", "none")
"""What outputs say of their picture: ``keep`` leaves the place out, ``all`` has that too."""

_DESCRIPTIVE = frozenset(
    {
        ExifTags.Base.DocumentName,
        ExifTags.Base.ImageDescription,
        ExifTags.Base.Make,
        ExifTags.Base.Model,
        ExifTags.Base.Software,
        ExifTags.Base.DateTime,
        ExifTags.Base.Artist,
        ExifTags.Base.HostComputer,
        ExifTags.Base.Rating,
        ExifTags.Base.Copyright,
        ExifTags.Base.XPTitle,
        ExifTags.Base.XPComment,
        ExifTags.Base.XPAuthor,
        ExifTags.Base.XPKeywords,
        ExifTags.Base.XPSubject,
    }
)
"""Tags of the main directory that are true of the cutout too. In a TIFF the rest says how its pixels are stored."""

_UNTRUE = frozenset(
    {
        ExifTags.Base.MakerNote,  # its offsets hold only where the camera wrote it
        ExifTags.Base.ExifImageWidth,  # the output may be turned or cropped
        ExifTags.Base.ExifImageHeight,
        ExifTags.Base.SubjectLocation,
        0x9214,  # SubjectArea
        ExifTags.IFD.Interop,
    }
)
_ADOBE_RGB = 2
_MOST_BYTES = 65_527
"""What a JPEG has room for."""


@dataclass(frozen=True, slots=True)
class Metadata:
    """What is kept of a file besides its pixels. There is never a preview in it, which would show the background.

    Parameters
    ----------
    profile
        The ICC profile that RGB samples are in; None is sRGB. Without it their colours would change.
    dpi
        Horizontal and vertical.
    tags, camera, place
        Main, Exif and GPS directory of Exif 2.32, values by tag.
    """

    profile: bytes | None = None
    dpi: tuple[float, float] | None = None
    tags: Mapping[int, Any] = field(default_factory=dict)
    camera: Mapping[int, Any] = field(default_factory=dict)
    place: Mapping[int, Any] = field(default_factory=dict)

    def chosen(self, choice: str) -> Metadata:
        """What is left under one of `METADATA`; the profile always is."""
        if choice == "none":
            return Metadata(self.profile)
        return self if choice == "all" else replace(self, place={})

    def directory(self) -> ImageFileDirectory_v2:
        """A TIFF directory, little-endian, that holds all but the profile; it is empty if there is nothing."""
        directory = ImageFileDirectory_v2()
        for tag, value in _writable(self.tags).items():
            directory[tag] = value
        if self.camera:
            directory[ExifTags.IFD.Exif] = _writable(self.camera)
        if self.place:
            directory[ExifTags.IFD.GPSInfo] = _writable(self.place)
        if self.dpi:
            directory[ExifTags.Base.XResolution], directory[ExifTags.Base.YResolution] = self.dpi
            directory[ExifTags.Base.ResolutionUnit] = 2  # inch
        if directory:
            directory[ExifTags.Base.Orientation] = 1
        return directory

    def exif(self) -> bytes:
        """All but the profile as Exif, in TIFF's layout; empty if there is nothing."""
        if replace(self, profile=None) == NO_METADATA:
            return b""  # as most; an empty directory takes a tenth of a millisecond
        return b"II*\0\x08\0\0\0" + self.directory().tobytes(8)


class _Text(str):
    """Text that Pillow has read, as Latin-1 whatever it was, and now writes as the same bytes and not as ASCII."""

    def encode(self, *_: str) -> bytes:
        return str.encode(self, "latin-1", "replace")


def _writable(tags: Mapping[int, Any]) -> dict[int, Any]:
    return {tag: _Text(value) if isinstance(value, str) else value for tag, value in tags.items()}


NO_METADATA = Metadata()
"""Of pixels that come without a file."""


def metadata_of(image: PIL.Image.Image, profile: bytes | None, notes: list[str]) -> Metadata:
    """What a loaded `image` says besides its pixels, which are in `profile`. What cannot be kept is noted."""
    of_exif = image.format in {"JPEG", "MPO"} and not image.info.get("jfif_unit")  # Pillow's guess, if there is none
    dpi = None if of_exif else _dpi(image.info.get("dpi"))
    exif = _pillow.exif(image)
    if not exif:
        return Metadata(profile, dpi)
    if not image.info.get("icc_profile") and _says_adobe_rgb(exif):
        notes.append("its Exif says Adobe RGB, and it has no profile: its colours are taken for those of sRGB")
    try:
        described = warnings_noted(lambda: _described(exif, profile, dpi), notes)
    except Exception:  # noqa: BLE001 - what a damaged directory raises may be anything
        described = None
    if described and is_quiet(lambda: _check_room(described)):
        return described
    notes.append("its Exif data is damaged or too large, and was left out")
    return Metadata(profile, dpi)


def _says_adobe_rgb(exif: PIL.Image.Exif) -> bool:
    """Whether a camera was set to that (DCF 2.0, the interoperability index R03; some say 2 in place of sRGB's 1)."""
    index: list[Any] = []
    space: list[Any] = []
    is_quiet(lambda: index.append(exif.get_ifd(ExifTags.IFD.Interop)[1]))
    is_quiet(lambda: space.append(exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.ColorSpace]))
    return index == ["R03"] or space == [_ADOBE_RGB]


def _described(exif: PIL.Image.Exif, profile: bytes | None, dpi: tuple[float, float] | None) -> Metadata:
    return Metadata(
        profile,
        dpi or _dpi_of_tags(exif),
        {tag: value for tag, value in exif.items() if tag in _DESCRIPTIVE},
        {tag: value for tag, value in exif.get_ifd(ExifTags.IFD.Exif).items() if tag not in _UNTRUE},
        dict(exif.get_ifd(ExifTags.IFD.GPSInfo)),
    )


def _check_room(metadata: Metadata) -> None:
    if len(metadata.exif()) > _MOST_BYTES:
        raise ValueError("too much for a JPEG")


def _dpi(value: Any) -> tuple[float, float] | None:
    """Two numbers of a plausible resolution; files without one often say 0 or 1."""
    try:
        across, down = (float(number) for number in value)
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        return None
    return (across, down) if all(math.isfinite(n) and 1 < n < 1e6 for n in (across, down)) else None


def _dpi_of_tags(exif: PIL.Image.Exif) -> tuple[float, float] | None:
    unit = exif.get(ExifTags.Base.ResolutionUnit, 2)
    dpi = _dpi((exif.get(ExifTags.Base.XResolution), exif.get(ExifTags.Base.YResolution)))
    if dpi and unit == 3:  # per centimetre
        return dpi[0] * 2.54, dpi[1] * 2.54
    return dpi if unit == 2 else None  # without a unit it is only the shape of a pixel
