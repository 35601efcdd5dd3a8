"""Pixels out, as image files."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import cv2
import PIL.Image
from numpy.typing import NDArray

from bgremove.errors import OutputError, UsageError
from bgremove.files import write_bytes
from bgremove.formats import _tiff
from bgremove.formats._pillow import high_byte
from bgremove.formats._png import png
from bgremove.formats.metadata import NO_METADATA, Metadata
from bgremove.paths import StrOrBytesPath

LOSSLESS_FORMATS = ("png", "webp", "tiff")
"""Formats that hold every pixel, and its alpha, as it is."""

DEEP_FORMATS = ("png", "tiff")
"""Formats that hold samples of 16 bits."""

OUTPUT_FORMATS = (*LOSSLESS_FORMATS, "jpg")
"""Formats that are written."""

FORMAT_OF_SUFFIX = {
    ".png": "png", ".webp": "webp", ".tif": "tiff", ".tiff": "tiff", ".jpg": "jpg", ".jpeg": "jpg",
}  # fmt: skip
"""What a file is written as, by its suffix in lower case."""

_MOST_PIXELS_A_SIDE = {"webp": 16_383, "jpg": 65_500}
_JPEG_QUALITY = 92
_TIFF_PREDICTOR = 317  # TIFF 6.0, section 14; 2 is the difference to the pixel on the left


def as_format(name: Any) -> Any:
    """The one of `OUTPUT_FORMATS` that is meant by a name, in any case and by any usual suffix; else what was given.

    >>> as_format("JPEG"), as_format(".tif"), as_format("gif")
    ('jpg', 'tiff', 'gif')
    """
    return FORMAT_OF_SUFFIX.get(f".{name.lower().removeprefix('.')}", name) if isinstance(name, str) else name


def encode(pixels: NDArray[Any], file_format: str = "png", metadata: Metadata = NO_METADATA) -> bytes:
    """The content of an image file that holds `pixels`, in a lossless format exactly them.

    Parameters
    ----------
    pixels : (H, W), (H, W, 3) or (H, W, 4), uint8 or uint16
        Gray, BGR or BGRA. What is not one of `DEEP_FORMATS` gets the high bytes of uint16.
    file_format
        One of `OUTPUT_FORMATS`, spelled as `as_format` takes it. PNG takes some 5 milliseconds a megapixel, TIFF (LZW)
        four times as long for as much space, WebP 12 times as long for two thirds of it. ``jpg`` has no alpha and is
        written with quality 92 and all colours (4:4:4), as edges before a plain background show every loss. WebP holds
        16383 pixels a side, ``jpg`` 65500.
    metadata
        Written as the format can: the profile, resolution (in a WebP as Exif), Exif.

    Raises `UsageError` for another format, `OutputError` if the picture is too large for it or the encoder refuses.
    """
    file_format = as_format(file_format)
    if file_format not in OUTPUT_FORMATS:
        raise UsageError(f"there is no output format {file_format!r}; choose one of {', '.join(OUTPUT_FORMATS)}")
    most = _MOST_PIXELS_A_SIDE.get(file_format)
    if most and max(pixels.shape[:2]) > most:
        size = f"{pixels.shape[1]} x {pixels.shape[0]}"
        raise OutputError(f"it has {size} pixels, and {file_format} holds at most {most} a side: choose png or tiff")
    try:
        return _ENCODERS[file_format](pixels, metadata)
    except (cv2.error, ValueError, OSError) as error:
        raise OutputError(f"an image of shape {pixels.shape} cannot be encoded as {file_format}: {error}") from error


def write(
    path: StrOrBytesPath,
    pixels: NDArray[Any],
    *,
    file_format: str = "png",
    metadata: Metadata = NO_METADATA,
    overwrite: bool = False,
) -> None:
    """Encode `pixels` (see `encode`) and write the file `path` (see `bgremove.files.write_bytes`)."""
    write_bytes(path, encode(pixels, file_format, metadata), overwrite=overwrite)


def _png_file(pixels: NDArray[Any], metadata: Metadata) -> bytes:
    described = []
    if metadata.profile:
        described.append((b"iCCP", b"ICC profile\0\0" + zlib.compress(metadata.profile)))
    if metadata.dpi:
        described.append((b"pHYs", struct.pack(">IIB", *(round(dpi / 0.0254) for dpi in metadata.dpi), 1)))
    if exif := metadata.exif():
        described.append((b"eXIf", exif))
    return png(pixels, described)


def _webp(pixels: NDArray[Any], metadata: Metadata) -> bytes:
    # exact: transparent pixels stay black. Higher methods take a multiple of the time to save a few percent; method 0,
    # two fifths of the time, takes a quarter more space, of which there is less to win then beside PNG.
    return _by_pillow(
        pixels, "WEBP", lossless=True, exact=True, method=1, quality=0,
        icc_profile=metadata.profile or b"", exif=_marked(metadata.exif()),
    )  # fmt: skip


def _jpg(pixels: NDArray[Any], metadata: Metadata) -> bytes:
    if pixels.ndim == 3 and pixels.shape[2] == 4:
        raise ValueError("JPEG has no alpha")
    return _by_pillow(
        pixels, "JPEG", quality=_JPEG_QUALITY, subsampling=0, optimize=True, dpi=metadata.dpi or (0, 0),
        icc_profile=metadata.profile, exif=_marked(metadata.exif()),
    )  # fmt: skip


def _tiff_file(pixels: NDArray[Any], metadata: Metadata) -> bytes:
    deep = pixels.dtype.itemsize == 2
    if deep:
        content = _deep_tiff(pixels)
    else:
        content = _by_pillow(pixels, "TIFF", compression="tiff_lzw", tiffinfo={_TIFF_PREDICTOR: 2})
    alpha = deep and pixels.ndim == 3 and pixels.shape[2] == 4  # OpenCV does not say so
    directory = metadata.directory()
    if not (alpha or directory or metadata.profile):
        return content
    return _tiff.with_entries(content, directory, metadata.profile, alpha=alpha)


_ENCODERS = {"png": _png_file, "webp": _webp, "tiff": _tiff_file, "jpg": _jpg}


def _deep_tiff(pixels: NDArray[Any]) -> bytes:
    encoded, content = cv2.imencode(".tiff", pixels)
    if not encoded:
        raise ValueError("the encoder refused")
    return content.tobytes()


def _by_pillow(pixels: NDArray[Any], name: str, **options: Any) -> bytes:
    eight_bit = high_byte(pixels)
    if eight_bit.ndim == 2:
        image = PIL.Image.fromarray(eight_bit)
    else:
        code = cv2.COLOR_BGRA2RGBA if eight_bit.shape[2] == 4 else cv2.COLOR_BGR2RGB
        image = PIL.Image.fromarray(cv2.cvtColor(eight_bit, code))
    file = io.BytesIO()
    image.save(file, name, **options)
    return file.getvalue()


def _marked(exif: bytes) -> bytes:
    """Exif as JPEG and Pillow want it."""
    return b"Exif\0\0" + exif if exif else b""
