"""Cut-outs out: what becomes of a foreground, how it is encoded, and files that appear whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import secrets
from collections.abc import Iterable
from contextlib import suppress

import cv2
import numpy as np
import PIL.Image
from numpy.typing import NDArray
from PIL import ImageColor

from bgremove.errors import OutputError, UsageError
from bgremove.paths import StrOrBytesPath, StrPath, display_name
from bgremove.types import Foreground, Image

OUTPUT_FORMATS = ("png", "webp", "tiff")
"""Formats that are written, all of them without loss."""

TEMPORARY_PREFIX = ".bgremove-"
"""How the name of an unfinished file begins. Only a killed process leaves one behind; see `remove_unfinished`."""

_TEMPORARY_SUFFIX = ".tmp"

_TIFF_PREDICTOR = 317  # TIFF 6.0, section 14; 2 is the difference to the pixel on the left
_NO_HARD_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}


def cut_out(image: Image, foreground: Foreground) -> NDArray[np.uint8]:
    """The cutout: BGRA, alpha 255 where `foreground` is true and 0 elsewhere.

    Parameters
    ----------
    image : (H, W, 3) uint8
    foreground : (H, W) bool

    Returns
    -------
    (H, W, 4) uint8. Transparent pixels are black, so that the old background is gone from the file, shines through
    in no viewer that ignores alpha, and takes no space.
    """
    bgra = cv2.cvtColor(image, cv2.COLOR_BGR2BGRA)
    return np.asarray(cv2.copyTo(bgra, foreground.view(np.uint8)), np.uint8)


def flatten(cutout: NDArray[np.uint8], background: tuple[int, int, int]) -> Image:
    """`cutout` in front of a plain `background` colour (BGR), blended by its alpha.

    >>> cutout = cut_out(np.full((1, 2, 3), 7, np.uint8), np.array([[True, False]]))
    >>> flatten(cutout, (255, 0, 0)).tolist()
    [[[7, 7, 7], [255, 0, 0]]]
    """
    alpha = cutout[:, :, 3]
    image = np.empty((*cutout.shape[:2], 3), np.uint8)
    image[:] = background
    image = np.asarray(cv2.copyTo(cv2.cvtColor(cutout, cv2.COLOR_BGRA2BGR), alpha, image), np.uint8)
    mixed = (alpha > 0) & (alpha < 255)
    share = alpha[mixed][:, None] / 255
    image[mixed] = np.rint(share * cutout[mixed, :3] + (1 - share) * np.array(background))
    return image


def parse_colour(text: str) -> tuple[int, int, int]:
    """BGR of a colour as CSS writes it: a name, ``#rrggbb``, ``rgb(...)``, ``hsl(...)``.

    >>> parse_colour("#ff8000")
    (0, 128, 255)
    """
    try:
        red, green, blue, *alpha = ImageColor.getrgb(text)
    except ValueError as error:
        raise UsageError(f"{text!r} is no colour; write it as white or #ffffff") from error
    if alpha:
        raise UsageError(f"{text!r} has an alpha; a background is opaque, such as white or #ffffff")
    return blue, green, red


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
    """Encode `pixels` (see `encode`) and write the file `path` (see `write_bytes`)."""
    write_bytes(path, encode(pixels, file_format), overwrite=overwrite)


def write_bytes(path: StrOrBytesPath, content: bytes, *, overwrite: bool = False) -> None:
    """Write the file `path` so that it appears whole or not at all, whatever happens meanwhile.

    It is written under another, hidden name in the same folder, brought to the disk, and only then named `path`. An
    existing file is left as it is, even one that another process creates at this very moment, unless `overwrite`.
    Whoever sees the name `path` sees all of the content, even after a power cut: resuming a batch relies on it.

    Raises `OutputError` that names the file and the reason; the hidden file is gone then.
    """
    target = os.fsdecode(path)
    temporary = temporary_name(target)
    try:
        try:
            with open(temporary, "xb") as file:  # the mode follows the umask
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            if overwrite:
                os.replace(temporary, target)
            else:
                _name_without_replacing(temporary, target)
        finally:
            with suppress(FileNotFoundError):
                os.unlink(temporary)
    except FileExistsError as error:
        raise OutputError(f"{display_name(path)}: it exists already, and overwriting was not asked for") from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise OutputError(f"{display_name(path)}: it cannot be written ({reason})") from error


def temporary_name(target: str) -> str:
    """A new name, in the same folder, for `target` while it is unfinished; it tells whose it is."""
    folder, name = os.path.split(target)
    return os.path.join(folder, f"{_own_prefix(name)}{secrets.token_hex(8)}{_TEMPORARY_SUFFIX}")


def remove_unfinished(paths: Iterable[StrPath]) -> None:
    """Remove what killed processes have left of the files `paths`, which nobody may be writing now."""
    prefixes: dict[str, set[str]] = {}
    for path in paths:
        folder, name = os.path.split(os.fspath(path))
        prefixes.setdefault(folder, set()).add(_own_prefix(name))
    for folder, own in prefixes.items():
        with suppress(OSError):
            for name in os.listdir(folder or "."):
                if name.endswith(_TEMPORARY_SUFFIX) and name[:_PREFIX_LENGTH] in own:
                    os.unlink(os.path.join(folder, name))


def _own_prefix(name: str) -> str:
    digest = hashlib.blake2b(os.fsencode(name), digest_size=8).hexdigest()
    return f"{TEMPORARY_PREFIX}{digest}-"


_PREFIX_LENGTH = len(_own_prefix(""))


def _name_without_replacing(temporary: str, target: str) -> None:
    """Give the file `temporary` the name `target`; FileExistsError if something has that name."""
    try:
        os.link(temporary, target)  # unlike renaming, this never replaces
    except OSError as error:
        if error.errno not in _NO_HARD_LINKS:
            raise
        with open(target, "xb"):  # the name is ours now, so replacing harms nobody
            pass
        os.replace(temporary, target)


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
