"""What to tell of a file that Pillow has read and not all of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO

import PIL.Image

from bgremove.formats import _bmp, _heif, _pillow, _png_chunks, _pnm, _tiff_checks

FIRST_ONLY = "it holds several frames or pages; only the first was read"


def lost_in(image: PIL.Image.Image, file: IO[bytes]) -> Iterator[str]:
    """What to note of things in a file that Pillow passes over."""
    if image.format == "PNG":
        yield from _png_chunks.lost_in(file)
    elif image.format == "BMP":
        yield from _bmp.lost_in(file)
    elif image.format == "TIFF":
        yield from _tiff_checks.lost_in(file)
    elif image.format == "PPM" and _pnm.has_more_images(file):
        yield FIRST_ONLY
    elif image.format in {"AVIF", "HEIF"}:
        if not image.info.get("icc_profile"):
            yield from _heif.lost_in(file)
        if image.format == "AVIF" and _heif.is_cropped(file):
            yield "its clap box was left out: the picture is larger than it is to be seen"
        if image.format == "AVIF" and not _pillow.has_more_frames(image) and _heif.has_more_images(file):
            yield FIRST_ONLY  # pictures, of which Pillow sees the first, and not frames
