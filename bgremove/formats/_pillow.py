"""Pillow for files that nobody vouches for: few formats, no noise, no limits but ours, any mode to BGR."""

from __future__ import annotations

from contextlib import nullcontext
from functools import cache
from importlib import import_module
from typing import IO, Any, TypeVar

import cv2
import numpy as np
import PIL.Image
from numpy.typing import NDArray
from PIL import ExifTags, ImageFile

from bgremove.errors import ImageError, ImageTooLargeError
from bgremove.formats import _tiff_checks
from bgremove.formats._heif import check_items
from bgremove.formats._kinds import START_BYTES, UNREAD_KINDS, is_heif, jpeg_process, kind_of
from bgremove.formats._limits import limit_lifted, warnings_noted
from bgremove.formats._memory import recoloured_samples

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

_S = TypeVar("_S", np.uint8, np.uint16)

_SUBFILE_TYPE, _BITS_PER_SAMPLE, _COMPRESSION, _PHOTOMETRIC, _PLANAR = 254, 258, 259, 262, 284  # TIFF 6.0
_SAMPLE_FORMAT, _SUBSAMPLING = 339, 530
_UNCOMPRESSED, _WEBP, _SIGNED, _YCBCR = 1, 50001, 2, 6
_AVIF_HEADER_BYTES = 2**16
_MP_ENTRIES = 0xB002  # CIPA DC-007, 5.2.3
_PLUGINS = ("Jpeg", "Mpo", "Png", "WebP", "Tiff", "Bmp", "Gif", "Ppm", "Avif")


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
        with limit_lifted():
            image = warnings_noted(attempt, notes)
    except OSError as error:
        if not str(error).startswith("Unsupported BMP "):
            raise
        raise ImageError(f"it is a BMP that is not read ({error}): save it with 24 or 32 bits a pixel") from error
    if image.format == "TIFF" and image.getexif().get(_SUBFILE_TYPE, 0) & 1:
        raise ImageError("its first picture is a reduced one, as in raw photos, which are not read: export it as TIFF")
    if image.format == "TIFF" and _is_misread(image):
        raise ImageError(_why_unread(file, start))
    if image.format in {"JPEG", "MPO"} and (process := jpeg_process(file)):
        raise ImageError(_unread_jpeg(process))
    return image


def _is_misread(image: PIL.Image.Image) -> bool:
    """Whether Pillow opens a TIFF, and then fails or, worse, gives other samples than it holds."""
    tags = getattr(image, "tag_v2", {})
    bits = _bits_of(image)
    wide_planes = tags.get(_PLANAR, 1) == 2 and len(bits) > 1 and (max(bits) > 8 or image.mode == "PA")
    halved = tags.get(_PHOTOMETRIC) == _YCBCR and tuple(tags.get(_SUBSAMPLING, (2, 2))) != (1, 1)
    signed_bytes = _SIGNED in tags.get(_SAMPLE_FORMAT, (1,)) and max(bits) <= 8
    compression = tags.get(_COMPRESSION, _UNCOMPRESSED)
    return wide_planes or signed_bytes or compression == _WEBP or (halved and compression == _UNCOMPRESSED)


def check_size(width: int, height: int, max_pixels: int) -> None:
    """Raise `ImageTooLargeError` if a header promises more than `max_pixels`, `ImageError` if it promises none."""
    if width * height > max_pixels:
        raise ImageTooLargeError(_too_large(f"{width} x {height}", max_pixels))
    if not width * height:
        raise ImageError(f"it has {width} x {height} pixels; an image needs at least one")


def load(image: PIL.Image.Image) -> None:
    """Decode `image`, whose size the caller has checked."""
    if image.format == "PNG" and isinstance(key := image.info.get("transparency"), int):
        of_white = {"L;2": 3, "L;4": 15}.get(str(getattr(image, "tile", [(None,) * 4])[0][3]), 255)
        image.info["transparency"] = key * (255 // of_white)  # Pillow widens the samples, and not this one
    if image.format == "TIFF" and "dpi" in image.info and image.getexif().get(ExifTags.Base.Orientation, 1) >= 5:
        image.info["dpi"] = image.info["dpi"][::-1]  # Pillow turns the picture, and not this
    if image.format == "AVIF":  # only irot and imir say how it is seen (MIAF, 7.3.6); Pillow would go by its XMP too
        image.info.pop("xmp", None)
    limit = PIL.Image.MAX_IMAGE_PIXELS
    beyond = limit is not None and image.width * image.height > limit
    with limit_lifted() if beyond else nullcontext():
        image.load()


def exif(image: PIL.Image.Image) -> PIL.Image.Exif | None:
    """Exif of a loaded image; None if it is damaged."""
    start = (image.info.get("exif") or b"")[:8]
    if start.startswith(b"Exif\0\0") and len(start) == 8 and start[6:] not in {b"II", b"MM"}:
        return None  # of a JPEG, Pillow would keep quiet about it
    try:
        return image.getexif()
    except Warning:
        raise
    except Exception:  # noqa: BLE001 - what damaged data raises may be anything
        return None


def orientation(image: PIL.Image.Image, notes: list[str]) -> int:
    """EXIF orientation of a loaded image, 1 to 8; 1 (upright) if it has none or a wrong one."""
    found = warnings_noted(lambda: exif(image), notes)
    if found is None:
        notes.append("its Exif data is damaged, and was left out")
    if not found:
        return 1
    value = warnings_noted(lambda: found.get(ExifTags.Base.Orientation), notes)
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def has_long_text(image: PIL.Image.Image) -> bool:
    """Whether a loaded PNG holds a text or profile of more than a mebibyte."""
    return image.format == "PNG" and any(
        isinstance(value, str | bytes) and len(value) > ImageFile.SAFEBLOCK for value in image.info.values()
    )


def bits_beyond(image: PIL.Image.Image, file: IO[bytes]) -> int:
    """Bits of a sample of a loaded image that is no PNG, if those are more than Pillow gives of it; else 0."""
    if image.mode.startswith(("I", "F")):
        return 0
    if image.format == "AVIF":
        file.seek(0)
        start = file.read(_AVIF_HEADER_BYTES).partition(b"av1C")[2]
        flags = start[2] if len(start) > 2 else 0  # AV1-ISOBMFF, 2.3.3: high_bitdepth, twelve_bit
        return 0 if not flags & 0x40 else 12 if flags & 0x20 else 10
    bits = image.info.get("bit_depth", 8) if image.format == "HEIF" else max(_bits_of(image))
    return bits if bits > 8 else 0


def _bits_of(image: PIL.Image.Image) -> tuple[int, ...]:
    """Bits of each sample, as a TIFF says; others have 8."""
    return tuple(getattr(image, "tag_v2", {}).get(_BITS_PER_SAMPLE, (8,)))


def has_more_frames(image: PIL.Image.Image) -> bool:
    """Whether a loaded image is animated, or has more pages; what else is in a JPEG is mostly a preview of it."""
    if image.tell():  # the caller has chosen a later one
        return False
    if image.format == "MPO":
        entries: list[Any] = getattr(image, "mpinfo", {}).get(_MP_ENTRIES, [])
        return len([entry for entry in entries if entry["Attribute"]["MPType"].startswith("Multi-Frame")]) > 1
    return bool(getattr(image, "is_animated", False))


def covered(image: PIL.Image.Image) -> tuple[slice, slice] | None:
    """Rows and columns that the first picture of a GIF, not loaded yet, has pixels for; None if that is all of it."""
    if image.format != "GIF" or image.tell():  # a later one is laid over those before it
        return None
    boxes = [tile[1] for tile in getattr(image, "tile", ())]
    if not boxes or boxes[0] == (0, 0, *image.size):
        return None
    left, top, right, bottom = boxes[0]
    return slice(top, bottom), slice(left, right)


def clear_outside(part: tuple[slice, slice], pixels: Pixels) -> NDArray[Any]:
    """Alpha of `pixels` as it is, and all transparent outside of a `part`, where Pillow fills them up."""
    alpha = np.zeros(pixels[0].shape[:2], pixels[0].dtype)
    alpha[part] = np.iinfo(alpha.dtype).max if pixels[1] is None else pixels[1][part]
    return alpha


def pixels(image: PIL.Image.Image) -> Pixels:
    """BGR, and alpha if it has any, of a loaded image of any mode: 16 bit where Pillow holds them, else 8."""
    if image.mode.startswith(("I", "F")):
        return _wide_pixels(image)
    if image.has_transparency_data:
        bgra = recoloured_samples(_in_mode(image, "RGBA"), cv2.COLOR_RGBA2BGRA, 4)
        return recoloured(bgra, cv2.COLOR_BGRA2BGR), bgra[:, :, 3]
    if image.mode in {"1", "L"}:
        return recoloured(np.asarray(_in_mode(image, "L")), cv2.COLOR_GRAY2BGR), None
    return recoloured_samples(_in_mode(image, "RGB"), cv2.COLOR_RGBA2BGR, 3), None


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
        kind = "floating-point numbers" if image.mode == "F" else "signed or 32-bit numbers"
        raise ImageError(f"its pixels are {kind}, for which no white is defined; save it with 8 or 16 bits")
    array = np.asarray(image)
    key = image.info.get("transparency")
    alpha = None if key is None else np.where(array == key, 0, 65535).astype(np.uint16)
    gray = array.astype(np.uint16) << _unused_bits(image)
    return recoloured(gray, cv2.COLOR_GRAY2BGR), alpha


def _unused_bits(image: PIL.Image.Image) -> int:
    """How many of 16 bits a TIFF leaves unused above its samples (12-bit cameras and scanners)."""
    return 16 - _bits_of(image)[0] if image.format == "TIFF" else 0


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


def _unread_jpeg(process: str) -> str:
    return f"it is a JPEG {process}, which is not read: save it as an ordinary one"


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
    if kind == "a TIFF" and (samples := _tiff_checks.samples_text(file)):
        return f"it is a TIFF of {samples}, which is not read: save it as RGB of 8 or 16 bits, compressed by LZW or not"
    if kind == "a JPEG" and (process := jpeg_process(file)):
        return _unread_jpeg(process)
    if kind in UNREAD_KINDS:
        return f"it is {kind}, which is not read; {readable}"
    if kind is not None:
        return f"it is damaged or truncated (it begins as {kind} does, and then its header cannot be read)"
    return f"it is no image, or its header is damaged; {readable}"


def _too_large(size: str, max_pixels: int) -> str:
    return (
        f"it has {size} pixels, the limit is {max_pixels} in all; if you trust it, "
        "raise the limit: max_pixels in Python, --max-pixels on the command line"
    )
