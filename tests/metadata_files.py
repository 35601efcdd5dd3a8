"""Files with colour profiles, Exif data and resolutions."""

from __future__ import annotations

import struct
from functools import cache

import PIL.Image
from PIL import ExifTags, ImageCms

from fixtures.scenes import make_scene
from tests.image_files import saved

MAKE, SOFTWARE, MAKER_NOTE = ExifTags.Base.Make, ExifTags.Base.Software, ExifTags.Base.MakerNote
COMMENT = ExifTags.Base.UserComment
TAKEN, EXPOSURE, WIDTH = ExifTags.Base.DateTimeOriginal, ExifTags.Base.ExposureTime, ExifTags.Base.ExifImageWidth


@cache  # it holds the time of its making
def wide_gamut() -> bytes:
    """An RGB profile that is not sRGB: its red and blue primaries are exchanged."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    red, blue = profile.index(b"rXYZ"), profile.index(b"bXYZ")
    profile[red + 4 : red + 12], profile[blue + 4 : blue + 12] = (
        profile[blue + 4 : blue + 12],
        profile[red + 4 : red + 12],
    )
    return bytes(profile)


def gray_profile(gamma: float) -> bytes:
    """A gray profile of version 2 with a plain power curve, which Pillow cannot make."""
    tags = {
        b"desc": b"desc" + bytes(4) + struct.pack(">I", 5) + b"gray\0" + bytes(78),
        b"wtpt": b"XYZ " + bytes(4) + struct.pack(">3i", 63190, 65536, 54061),
        b"kTRC": b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256)) + bytes(2),
    }
    place = 128 + 4 + 12 * len(tags)
    table, data = struct.pack(">I", len(tags)), b""
    for name, value in tags.items():
        table += name + struct.pack(">II", place + len(data), len(value))
        data += value + bytes(-len(value) % 4)
    header = bytearray(128)
    struct.pack_into(">I4xI4s4s4s", header, 0, place + len(data), 0x02100000, b"mntr", b"GRAY", b"XYZ ")
    header[36:40] = b"acsp"
    struct.pack_into(">3i", header, 68, 63190, 65536, 54061)
    return bytes(header) + table + data


def exif(orientation: int = 6, comment: bytes = b"") -> bytes:
    made = PIL.Image.Exif()
    made[MAKE] = "Test & Sons"
    made[SOFTWARE] = "version 1"
    made[ExifTags.Base.Orientation] = orientation
    made[ExifTags.IFD.Exif] = {
        TAKEN: "2024:02:29 12:34:56",
        EXPOSURE: 0.004,
        MAKER_NOTE: b"private" * 9,
        WIDTH: 48,
        COMMENT: comment,
    }
    made[ExifTags.IFD.GPSInfo] = {1: "N", 2: (52.0, 31.0, 12.5), 3: "E", 4: (13.0, 24.0, 18.0)}
    return made.tobytes()


def photo_file(file_format: str, **options: object) -> bytes:
    image = PIL.Image.fromarray(make_scene(60, 80, seed=1).image[..., ::-1])
    return saved(image, file_format, **options)
