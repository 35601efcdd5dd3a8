"""Pixels out, as image files without loss."""

from __future__ import annotations

import io

import cv2
import numpy as np
import PIL.Image
from numpy.typing import NDArray

from bgremove.errors import OutputError, UsageError
from bgremove.files import write_bytes
from bgremove.paths import StrOrBytesPath

OUTPUT_FORMATS = ("png", "webp", "tiff")
"""Formats that are written, all of them without loss."""

_TIFF_PREDICTOR = 317  # TIFF 6.0, section 14; 2 is the difference to the pixel on the left


def encode(pixels: NDArray[np.uint8], file_format: str = "png") -> bytes:
    """The content of an image file that holds exactly `pixels`.

    Parameters
    ----------
    pixels : (H, W), (H, W, 3) or (H, W, 4) uint8
        Gray, BGR or BGRA.
    file_format
        One of `OUTPUT_FORMATS`. PNG and TIFF (LZW) are alike in time and size; WebP takes half the space, four
        times the time, and at most 16383 pixels a side.

    Raises `UsageError` for another format, `OutputError` if the encoder refuses.
    """
    if file_format not in OUTPUT_FORMATS:
        raise UsageError(f"there is no output format {file_format!r}; choose one of {', '.join(OUTPUT_FORMATS)}")
    try:
        if file_format == "png":
            return _encode_png(pixels)
        file = io.BytesIO()
        if file_format == "webp":
            # exact: transparent pixels stay black. Higher methods take a multiple of the time to save a few percent.
            _as_pil(pixels).save(file, "WEBP", lossless=True, exact=True, method=1, quality=0)
        else:
            _as_pil(pixels).save(file, "TIFF", compression="tiff_lzw", tiffinfo={_TIFF_PREDICTOR: 2})
        return file.getvalue()
    except (cv2.error, ValueError, OSError) as error:
        raise OutputError(f"an image of shape {pixels.shape} cannot be encoded as {file_format}: {error}") from error


def write(
    path: StrOrBytesPath, pixels: NDArray[np.uint8], *, file_format: str = "png", overwrite: bool = False
) -> None:
    """Encode `pixels` (see `encode`) and write the file `path` (see `bgremove.files.write_bytes`)."""
    write_bytes(path, encode(pixels, file_format), overwrite=overwrite)


def _encode_png(pixels: NDArray[np.uint8]) -> bytes:
    # OpenCV's default (run lengths of differences) takes under half of the time of zlib's fastest level.
    encoded, content = cv2.imencode(".png", pixels)
    if not encoded:
        raise ValueError("the encoder refused")
    return content.tobytes()


def _as_pil(pixels: NDArray[np.uint8]) -> PIL.Image.Image:
    if pixels.ndim == 2:
        return PIL.Image.fromarray(pixels)
    code = cv2.COLOR_BGRA2RGBA if pixels.shape[2] == 4 else cv2.COLOR_BGR2RGB
    return PIL.Image.fromarray(cv2.cvtColor(pixels, code))
