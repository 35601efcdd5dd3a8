"""Pillow for files that nobody vouches for: few formats, no noise, no limits but ours, any mode to BGR."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import cache
from importlib import import_module
from typing import IO, Any, TypeVar

import cv2
import numpy as np
import PIL.Image
from numpy.typing import NDArray
from PIL import ExifTags, ImageFile, PngImagePlugin

from bgremove.errors import ImageError, ImageTooLargeError
from bgremove.formats import _tiff
from bgremove.formats._heif import check_items
from bgremove.formats._kinds import START_BYTES, UNREAD_KINDS, is_heif, kind_of
from bgremove.paths import printable
from bgremove.rows import bands_of

FORMATS = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"),
    "PNG": (".png", ".apng"),
    "WEBP": (".webp",),
    "TIFF": (".tif", ".tiff"),
    "BMP": (".bmp", ".dib"),
    "GIF": (".gif",),
    "PPM": (".ppm", ".pgm", ".pbm", ".pnm"),
    "AVIF": (".avif",),
    "HEIF": (".heic", ".heif", ".hif"),
}
"""Formats that are read, with their usual suffixes. Pillow knows many more (EPS starts Ghostscript): each is a risk."""

Pixels = tuple[NDArray[Any], NDArray[Any] | None]
"""BGR, ``(H, W, 3)``, and alpha, ``(H, W)``, or None; both uint8 or both uint16."""

_T = TypeVar("_T")
_S = TypeVar("_S", np.uint8, np.uint16)

_TEXT_BYTES = 64 * 2**20  # one text or profile of a PNG, decompressed; Pillow, left to itself, reads one mebibyte

_SUBFILE_TYPE, _BITS_PER_SAMPLE = 254, 258  # TIFF 6.0, section 8
_BAND = 2**16  # pixels, which stay in the processor's cache
_PLUGINS = ("Jpeg", "Mpo", "Png", "WebP", "Tiff", "Bmp", "Gif", "Ppm", "Avif")

_warnings_lock = threading.Lock()
_limit_lock = threading.Lock()
_text_lock = threading.Lock()


def open_header(file: IO[bytes], notes: list[str], max_pixels: int) -> PIL.Image.Image:
    """What Pillow finds in the header of `file`; no pixel is decoded. What it warns of is added to `notes`."""
    file.seek(0)
    start = file.read(START_BYTES)
    formats = _formats_for(start)
    if formats == ("HEIF",):
        check_items(file)

    def attempt() -> PIL.Image.Image:
        file.seek(0)
        image = PIL.Image.open(file, formats=formats)
        if image.format == "TIFF":  # loading asks for these, and must find them parsed, or it would warn
            exif = image.getexif()
            exif.get(ExifTags.Base.Orientation)
            exif.get_ifd(ExifTags.IFD.Exif)
            exif.get_ifd(ExifTags.IFD.GPSInfo)
        return image

    try:
        image = warnings_noted(attempt, notes)
    except PIL.UnidentifiedImageError as error:
        raise ImageError(_why_unread(file, start)) from error
    except PIL.Image.DecompressionBombError as error:
        if PIL.Image.MAX_IMAGE_PIXELS is None or max_pixels <= 2 * PIL.Image.MAX_IMAGE_PIXELS:
            raise ImageTooLargeError(_too_large("too many", max_pixels)) from error
        with _pillow_limit_lifted():
            image = warnings_noted(attempt, notes)
    if image.format == "TIFF" and image.getexif().get(_SUBFILE_TYPE, 0) & 1:
        raise ImageError("its first picture is a reduced one, as in raw photos, which are not read: export it as TIFF")
    return image


def check_size(width: int, height: int, max_pixels: int) -> None:
    """Raise `ImageTooLargeError` if a header promises more than `max_pixels`, `ImageError` if it promises none."""
    if width * height > max_pixels:
        raise ImageTooLargeError(_too_large(f"{width} x {height}", max_pixels))
    if not width * height:
        raise ImageError(f"it has {width} x {height} pixels; an image needs at least one")


def load(image: PIL.Image.Image) -> None:
    """Decode `image`, whose size the caller has checked."""
    limit = PIL.Image.MAX_IMAGE_PIXELS
    beyond = limit is not None and image.width * image.height > limit
    with _pillow_limit_lifted() if beyond else nullcontext():
        image.load()


def orientation(image: PIL.Image.Image, notes: list[str]) -> int:
    """EXIF orientation of a loaded image, 1 to 8; 1 (upright) if it has none or a wrong one."""
    value = warnings_noted(lambda: image.getexif().get(ExifTags.Base.Orientation), notes)
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def has_long_text(image: PIL.Image.Image) -> bool:
    """Whether a loaded PNG holds a text or profile of more than a mebibyte."""
    return image.format == "PNG" and any(
        isinstance(value, str | bytes) and len(value) > ImageFile.SAFEBLOCK for value in image.info.values()
    )


def has_more_frames(image: PIL.Image.Image) -> bool:
    """Whether a loaded image is animated, or has more pages."""
    return bool(getattr(image, "is_animated", False))


def pixels(image: PIL.Image.Image) -> Pixels:
    """BGR, and alpha if it has any, of a loaded image of any mode: 16 bit where Pillow holds them, else 8."""
    if image.mode.startswith(("I", "F")):
        return _wide_pixels(image)
    if image.has_transparency_data:
        bgra = _samples(_in_mode(image, "RGBA"), "BGRA")
        return recoloured(bgra, cv2.COLOR_BGRA2BGR), bgra[:, :, 3]
    if image.mode in {"1", "L"}:
        return recoloured(np.asarray(_in_mode(image, "L")), cv2.COLOR_GRAY2BGR), None
    if image.mode == "LAB":
        # Pillow cannot convert it. a and b come as signed bytes, OpenCV wants them from 0, which is one bit.
        lab = np.bitwise_xor(np.asarray(image), np.array([0, 128, 128], np.uint8))
        return recoloured(lab, cv2.COLOR_Lab2BGR), None
    return _samples(_in_mode(image, "RGB"), "BGR"), None


def _samples(image: PIL.Image.Image, order: str) -> NDArray[np.uint8]:
    """The channels of an image in an `order`, band by band: as NumPy asks for them, it takes four times as long."""
    samples = np.empty((image.height, image.width, len(order)), np.uint8)
    for band in bands_of(image.height, image.width, _BAND):
        part = image.crop((0, band.start, image.width, band.stop)).tobytes("raw", order)
        samples[band] = np.frombuffer(part, np.uint8).reshape(samples[band].shape)
    return samples


def recoloured(array: NDArray[_S], code: int) -> NDArray[_S]:
    """`array`, of uint8 or uint16, converted by one of OpenCV's ``COLOR_`` codes."""
    return np.asarray(cv2.cvtColor(array, code), array.dtype)


def high_byte(array: NDArray[Any]) -> NDArray[np.uint8]:
    """`array` of uint8 or uint16 in 8 bits: the full range of 16 bits becomes the full range of 8."""
    return (array >> 8).astype(np.uint8) if array.dtype.itemsize == 2 else array.astype(np.uint8, copy=False)


def _wide_pixels(image: PIL.Image.Image) -> Pixels:
    """`pixels` of an image whose samples are wider than 8 bits. All others Pillow has already reduced to 8."""
    sixteen = image.mode.startswith("I;16") or (image.mode == "I" and image.format == "PPM")
    if not sixteen:
        kind = "floating-point numbers" if image.mode == "F" else "32-bit numbers"
        raise ImageError(f"its pixels are {kind}, for which no white is defined; save it with 8 or 16 bits")
    array = np.asarray(image)
    key = image.info.get("transparency")
    alpha = None if key is None else np.where(array == key, 0, 65535).astype(np.uint16)
    gray = array.astype(np.uint16) << _unused_bits(image)
    return recoloured(gray, cv2.COLOR_GRAY2BGR), alpha


def _unused_bits(image: PIL.Image.Image) -> int:
    """How many of 16 bits a TIFF leaves unused above its samples (12-bit cameras and scanners)."""
    tags = getattr(image, "tag_v2", {})
    return 16 - int(tags.get(_BITS_PER_SAMPLE, (16,))[0])


def _in_mode(image: PIL.Image.Image, mode: str) -> PIL.Image.Image:
    if image.mode == mode:
        return image  # convert would copy it
    if image.mode == "La":  # premultiplied, which Pillow converts to nothing but LA
        image = image.convert("LA")
    return image.convert(mode)


def _formats_for(start: bytes) -> tuple[str, ...]:
    """Formats that a file which begins with `start` may have, known to Pillow."""
    if is_heif(start):
        _register_heif()
        return ("HEIF",)
    _register_formats()
    return tuple(name for name in FORMATS if name != "HEIF")


@cache
def _register_formats() -> None:
    """Let Pillow know the few formats we read. Its own way imports all of its forty."""
    for plugin in _PLUGINS:
        import_module(f"PIL.{plugin}ImagePlugin")


def _register_heif() -> None:
    """Let Pillow know HEIC, of which it has nothing itself."""
    try:
        from pi_heif import register_heif_opener  # noqa: PLC0415 - an extra, and only for whom it is for
    except ImportError as error:
        raise ImageError("it is a HEIC photo; these are read after: pip install 'bgremove[heic]'") from error
    register_heif_opener(thumbnails=False, depth_images=False, aux_images=False)


def _why_unread(file: IO[bytes], start: bytes) -> str:
    kind = kind_of(start)
    readable = f"formats that are read: {', '.join(FORMATS)}"
    if kind == "a TIFF" and (samples := _tiff.samples_text(file)):
        return f"it is a TIFF of {samples}, which is not read: save it with 8 or 16 bits"
    if kind in UNREAD_KINDS:
        return f"it is {kind}, which is not read; {readable}"
    return f"it is no image, or its header is damaged; {readable}"


def warnings_noted(call: Callable[[], _T], notes: list[str]) -> _T:
    """Result of `call`, which may be called twice. A warning of Pillow becomes a note, for one image one.

    Warning filters belong to the whole process, so they are changed under a lock, for the time of reading a header
    and not of decoding, and only for warnings from inside Pillow.
    """
    with _warnings_lock, warnings.catch_warnings():
        warnings.filterwarnings("error", module=r"PIL\.")
        try:
            return call()
        except Warning as warning:
            notes.append(f"Pillow: {printable(str(warning))}")
        warnings.filterwarnings("ignore", module=r"PIL\.")
        return call()


def is_quiet(call: Callable[[], object]) -> bool:
    """Whether `call` raises nothing, and Pillow warns of nothing."""
    with _warnings_lock, warnings.catch_warnings():
        warnings.filterwarnings("error", module=r"PIL\.")
        try:
            call()
        except Exception:  # noqa: BLE001 - on damaged data Pillow raises nearly anything
            return False
    return True


@contextmanager
def long_texts_allowed() -> Iterator[None]:
    """Let Pillow read the longer texts and profiles of PNG files, see `is_too_long_a_text`, for one image at a time."""
    with _text_lock:
        before = PngImagePlugin.MAX_TEXT_CHUNK, PngImagePlugin.MAX_TEXT_MEMORY
        PngImagePlugin.MAX_TEXT_CHUNK, PngImagePlugin.MAX_TEXT_MEMORY = _TEXT_BYTES, 4 * _TEXT_BYTES
        try:
            yield
        finally:
            PngImagePlugin.MAX_TEXT_CHUNK, PngImagePlugin.MAX_TEXT_MEMORY = before


def is_too_long_a_text(error: Exception) -> bool:
    """Whether Pillow refused a PNG because of the length of a text or profile in it."""
    return isinstance(error, ValueError) and "MAX_TEXT_" in str(error)


@contextmanager
def _pillow_limit_lifted() -> Iterator[None]:
    """Take Pillow's own limit away, which is global, and put it back. For images beyond it, one at a time."""
    with _limit_lock:
        before = PIL.Image.MAX_IMAGE_PIXELS
        PIL.Image.MAX_IMAGE_PIXELS = None
        try:
            yield
        finally:
            PIL.Image.MAX_IMAGE_PIXELS = before


def _too_large(size: str, max_pixels: int) -> str:
    return (
        f"it has {size} pixels, the limit is {max_pixels} in all; if you trust it, "
        "raise the limit: max_pixels in Python, --max-pixels on the command line"
    )
