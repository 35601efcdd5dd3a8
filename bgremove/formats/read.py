"""Photographs in: whatever somebody calls an image becomes a `Photo`, or an `ImageError` that says why not."""

from __future__ import annotations

import io
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import cv2
import numpy as np
import PIL
import PIL.Image
from numpy.typing import NDArray

from bgremove.errors import ImageError
from bgremove.formats import _pillow
from bgremove.formats._pillow import FORMATS
from bgremove.paths import StrOrBytesPath, display_name, printable
from bgremove.types import Foreground, Image

DEFAULT_MAX_PIXELS = 2**29 // 3
"""179 megapixels: a decoded image of half a gibibyte. Pillow, left to itself, refuses the same."""

SUFFIXES = frozenset(suffix for suffixes in FORMATS.values() for suffix in suffixes)
"""How the names of images usually end, in lower case."""

ImageSource = StrOrBytesPath | bytearray | memoryview | NDArray[Any] | PIL.Image.Image
"""What `as_photo` takes, besides a `Photo`. Plain bytes are an encoded image there, never a path."""


@dataclass(frozen=True, slots=True)
class Photo:
    """An image ready for segmentation.

    Parameters
    ----------
    image : (H, W, 3) uint8
        BGR, C-contiguous, upright.
    opaque : (H, W) bool, or None
        False where the source was transparent (alpha under one half): certain background. None if it is opaque
        everywhere.
    notes
        What a user should know and is no error, such as that only the first frame was read.
    """

    image: Image
    opaque: Foreground | None = None
    notes: tuple[str, ...] = ()


def as_photo(source: ImageSource | Photo, *, max_pixels: int = DEFAULT_MAX_PIXELS) -> Photo:
    """`Photo` from an array (`from_array`), a path (`read`), encoded bytes (`decode`) or a PIL image (`from_pil`)."""
    if isinstance(source, Photo):
        return source
    if isinstance(source, np.ndarray):
        return from_array(source)
    if isinstance(source, PIL.Image.Image):
        return from_pil(source, max_pixels=max_pixels)
    if isinstance(source, bytes | bytearray | memoryview):
        return decode(source, max_pixels=max_pixels)
    if isinstance(source, str | os.PathLike):
        return read(source, max_pixels=max_pixels)
    raise ImageError(
        f"an image cannot be made of {type(source).__name__}; give a NumPy array, a path, bytes or a PIL image"
    )


def read(path: StrOrBytesPath, *, max_pixels: int = DEFAULT_MAX_PIXELS) -> Photo:
    """The photograph in the file `path`; bytes are a path here.

    The content decides the format, not the name. The header is read first, and nothing is decoded if it promises
    more than `max_pixels`. The result is upright (EXIF), 8 bit (of 16 bits the high byte is kept) and the first frame
    of an animation or the first page. Colours are taken as sRGB; embedded profiles are not applied.

    Raises `ImageError`, whose message begins with the name of the file, if it is missing, unreadable, not a regular
    file, not one of the formats in `FORMATS`, damaged or truncated; `ImageTooLargeError` over the limit.
    """
    with _named(display_name(path)), _opened(path) as file:
        return _decode(file, max_pixels, Path(os.fsdecode(path)).suffix.lower())


def header_pixels(path: StrOrBytesPath) -> int:
    """How many pixels the header of the file `path` promises; nothing is decoded. Errors as in `read`."""
    with _named(display_name(path)), _opened(path) as file, _damage_reported():
        # The limit is for decoding; whoever plans may count beyond it.
        width, height = _pillow.open_header(file, [], max_pixels=sys.maxsize).size
        return width * height


def decode(data: bytes | bytearray | memoryview, *, max_pixels: int = DEFAULT_MAX_PIXELS) -> Photo:
    """The photograph in the content `data` of an image file; see `read`."""
    with _named("encoded image"):
        if not data:
            raise ImageError("there are no bytes")
        return _decode(io.BytesIO(data), max_pixels)


def from_pil(image: PIL.Image.Image, *, max_pixels: int = DEFAULT_MAX_PIXELS) -> Photo:
    """The photograph in a PIL image of any mode; see `read`."""
    with _named("PIL image"):
        return _photo(image, max_pixels, [])


def from_array(array: NDArray[Any]) -> Photo:
    """The photograph in an array of pixels.

    Parameters
    ----------
    array : (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), uint8 or uint16
        Gray, BGR or BGRA with any strides. Of 16 bits the high byte is kept. An array that already is an `Image`
        is not copied.

    Raises `ImageError` if it is anything else.

    >>> import numpy as np
    >>> from_array(np.full((2, 3), 65535, np.uint16)).image[0, 0].tolist()
    [255, 255, 255]
    """
    array = np.asarray(array)
    channels = array.shape[2] if array.ndim == 3 else 1
    if array.ndim not in {2, 3} or channels not in {1, 3, 4}:
        raise ImageError(f"array has shape {array.shape}; it must be (H, W), (H, W, 1), (H, W, 3) or (H, W, 4)")
    if not array.size:
        raise ImageError(f"array has shape {array.shape}; an image needs at least one pixel")
    if array.dtype.kind != "u" or array.dtype.itemsize > 2:
        raise ImageError(f"array holds {array.dtype}; it must hold uint8 (0 to 255) or uint16 (0 to 65535)")
    eight_bit = np.ascontiguousarray(_pillow.high_byte(array))
    if channels == 1:
        return Photo(_pillow.recoloured(eight_bit, cv2.COLOR_GRAY2BGR))
    if channels == 3:
        return Photo(eight_bit)
    return Photo(_pillow.recoloured(eight_bit, cv2.COLOR_BGRA2BGR), _opaque(eight_bit[:, :, 3]))


def _decode(file: IO[bytes], max_pixels: int, suffix: str = "") -> Photo:
    notes: list[str] = []
    with _damage_reported():
        image = _pillow.open_header(file, notes, max_pixels)
    file_format = "JPEG" if image.format == "MPO" else str(image.format)  # MPO: a JPEG with a preview behind it
    if suffix in SUFFIXES and suffix not in FORMATS[file_format]:
        notes.append(f"the name ends in {suffix}, but the content is {file_format}")
    return _photo(image, max_pixels, notes)


def _photo(image: PIL.Image.Image, max_pixels: int, notes: list[str]) -> Photo:
    """Check the size, decode, convert, turn upright."""
    _pillow.check_size(image, max_pixels)
    with _damage_reported():
        _pillow.load(image)
        orientation = _pillow.orientation(image, notes)
        bgr, alpha = _pillow.pixels(image)
        if image.format != "MPO" and _pillow.has_more_frames(image):
            notes.append("it holds several frames or pages; only the first was read")
    opaque = None if alpha is None else _opaque(_upright(alpha, orientation))
    return Photo(_upright(bgr, orientation), opaque, tuple(notes))


def _opaque(alpha: NDArray[np.uint8]) -> Foreground | None:
    """Where `alpha` is nearer to opaque than to transparent; None if that is everywhere."""
    opaque = alpha >= 128
    return None if opaque.all() else opaque


def _upright(array: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """`array`, stored in the EXIF `orientation`, as it should be seen (EXIF 2.32, tag 0x0112)."""
    if orientation >= 5:
        array = np.asarray(cv2.transpose(array), np.uint8)
    # What is left is a mirroring; the code says along which axes, None along none.
    code = {2: 1, 3: -1, 4: 0, 6: 1, 7: -1, 8: 0}.get(orientation)
    return array if code is None else np.asarray(cv2.flip(array, code), np.uint8)


@contextmanager
def _opened(path: StrOrBytesPath) -> Iterator[IO[bytes]]:
    """The file `path`, which must be a regular one: reading a pipe or a device might wait for ever."""
    try:
        file = open(path, "rb", opener=_open_without_waiting)  # noqa: SIM115  Path cannot hold bytes
    except (OSError, ValueError) as error:
        raise ImageError(_why_unreadable(error)) from error
    with file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise ImageError("it is a pipe, a device or a socket; an image must be a regular file")
        if not status.st_size:
            raise ImageError("the file is empty")
        yield file


def _open_without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))  # without it, opening a pipe waits for a writer


def _why_unreadable(error: OSError | ValueError) -> str:
    match error:
        case FileNotFoundError():
            return "there is no such file"
        case IsADirectoryError():
            return "it is a folder, not an image"
        case PermissionError():
            return "it may not be read (permission denied)"
        case OSError():
            return f"it cannot be opened ({error.strerror})"
    return f"it cannot be opened ({error})"  # a null character in the name


@contextmanager
def _damage_reported() -> Iterator[None]:
    """Turn whatever Pillow raises into an `ImageError`: on damaged input its decoders raise nearly anything."""
    try:
        yield
    except ImageError:
        raise
    except PIL.UnidentifiedImageError as error:
        formats = ", ".join(FORMATS)
        raise ImageError(f"it is no image, or its header is damaged; formats that are read: {formats}") from error
    except MemoryError as error:
        raise ImageError("there is not enough memory to decode it") from error
    except Exception as error:
        raise ImageError(f"it is damaged or truncated ({printable(str(error))})") from error


@contextmanager
def _named(name: str) -> Iterator[None]:
    """Begin the message of an `ImageError` with what it is about."""
    try:
        yield
    except ImageError as error:
        raise type(error)(f"{name}: {error}") from error
