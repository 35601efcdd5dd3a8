"""Photographs in: whatever somebody calls an image becomes a `Photo`, or an `ImageError` that says why not."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, TypeVar

import cv2
import numpy as np
import PIL
import PIL.Image
from numpy.typing import NDArray

from bgremove.errors import ImageError, ImageTooLargeError
from bgremove.formats import _deep, _limits, _pillow, _png_chunks, _tiff, _tiff_checks
from bgremove.formats._bigtiff import as_tiff
from bgremove.formats._colour import in_bgr, to_rgb
from bgremove.formats._ends import check_end, load_checked, note_black_end, with_end
from bgremove.formats._kinds import START_BYTES, kind_of
from bgremove.formats._lost import FIRST_ONLY, lost_in
from bgremove.formats._open import from_store, opened
from bgremove.formats._pillow import FORMATS
from bgremove.formats._tiff import Layout
from bgremove.formats.metadata import metadata_of
from bgremove.formats.photo import Photo, made
from bgremove.paths import StrOrBytesPath, display_name, printable
from bgremove.url import Location, Url, located

_T = TypeVar("_T")

DEFAULT_MAX_PIXELS = 2**29 // 3
"""179 megapixels: a decoded image of half a gibibyte. Pillow, left to itself, refuses the same."""

SUFFIXES = frozenset(suffix for suffixes in FORMATS.values() for suffix in suffixes)
"""How the names of images usually end, in lower case."""

ImageSource = StrOrBytesPath | Url | bytearray | memoryview | IO[bytes] | NDArray[Any] | PIL.Image.Image
"""What `as_photo` takes, besides a `Photo`. Plain bytes are an encoded image there, never a path."""

_START_BYTES = 2**16
"""Of a file in a store, for its header, which may stand further behind."""


def as_photo(source: ImageSource | Photo, *, max_pixels: int = DEFAULT_MAX_PIXELS) -> Photo:
    """`Photo` from an array (`from_array`), a path (`read`), encoded bytes (`decode`) or a PIL image (`from_pil`).

    Of a file object, such as an upload, what is left to read is the encoded image.
    """
    if isinstance(source, Photo):
        return source
    if isinstance(source, np.ndarray):
        return from_array(source)
    if isinstance(source, PIL.Image.Image):
        return from_pil(source, max_pixels=max_pixels)
    if isinstance(source, bytes | bytearray | memoryview):
        return decode(source, max_pixels=max_pixels)
    if isinstance(source, str | os.PathLike | Url):
        return read(source, max_pixels=max_pixels)
    if callable(getattr(source, "read", None)):
        return decode(_rest_of(source), max_pixels=max_pixels)
    raise ImageError(
        f"an image cannot be made of {type(source).__name__}; give a NumPy array, a path, a file object, bytes or a "
        "PIL image"
    )


def _rest_of(file: IO[bytes]) -> bytes:
    try:
        content = file.read()
    except (OSError, ValueError) as error:  # the latter: it is closed, or its text is no text
        raise ImageError(f"the file object cannot be read: {error}") from error
    if not isinstance(content, bytes | bytearray | memoryview):
        raise ImageError(f"the file object gives {type(content).__name__}, not bytes: open the file in mode 'rb'")
    return content


def read(path: StrOrBytesPath | Url, *, max_pixels: int = DEFAULT_MAX_PIXELS) -> Photo:
    """The photograph in the file `path`, or behind a URL, such as ``s3://bucket/a.jpg``; bytes are a path here.

    The content decides the format, not the name. The header is read first, and nothing is decoded if it promises
    more than `max_pixels`. The result is upright (EXIF) and the first frame of an animation or the first page. Samples
    of 16 bits are kept beside those of 8 where PNG, TIFF or PGM hold them. An RGB colour profile is kept and not
    applied; CMYK, and gray of 8 bits with a profile, become sRGB.

    Raises `ImageError`, whose message begins with the name of the file, if it is missing, unreadable, not a regular
    file, not one of the formats in `FORMATS`, damaged or truncated; `ImageTooLargeError` over the limit.
    """
    place = located(path if isinstance(path, str | Url) else Path(os.fsdecode(path)))
    with _named(display_name(place)), opened(place) as file:
        return _decode(file, max_pixels, place.suffix.lower())


def header_pixels(path: Location) -> int:
    """How many pixels the header of the file `path` promises; nothing is decoded. Errors as in `read`."""
    with _named(display_name(path)):
        if isinstance(path, Url):
            start = io.BytesIO(from_store(path, _START_BYTES))
            with suppress(ImageError):  # perhaps it is longer
                return _header_pixels(start)
            return _header_pixels(io.BytesIO(from_store(path)))
        with opened(path) as file:
            return _header_pixels(file)


def _header_pixels(file: IO[bytes]) -> int:
    with _damage_reported():
        file = as_tiff(file, header_only=True)
        layout = _tiff.layout_of(file)
        if layout:
            return layout.width * layout.height
        # The limit is for decoding; whoever plans may count beyond it.
        width, height = _in_spite_of_damage(file, lambda file: _pillow.open_header(file, [], sys.maxsize), []).size
        return width * height


def looks_like_image(path: Location) -> bool:
    """Whether the file `path` begins as an image does, whatever its name, be it of a format that is read or not."""
    try:
        if isinstance(path, Url):
            return kind_of(from_store(path, START_BYTES)) is not None
        with opened(path) as file:
            return kind_of(file.read(START_BYTES)) is not None
    except (ImageError, OSError):
        return False


def decode(data: bytes | bytearray | memoryview, *, max_pixels: int = DEFAULT_MAX_PIXELS) -> Photo:
    """The photograph in the content `data` of an image file; see `read`."""
    with _named("encoded image"):
        if not data:
            raise ImageError("there are no bytes")
        return _decode(io.BytesIO(data), max_pixels)


def from_pil(image: PIL.Image.Image, *, max_pixels: int = DEFAULT_MAX_PIXELS) -> Photo:
    """The photograph in a PIL image of any mode; see `read`."""
    with _named("PIL image"), _damage_reported():
        return _photo(image, max_pixels, [])


def from_array(array: NDArray[Any]) -> Photo:
    """The photograph in an array of pixels.

    Parameters
    ----------
    array : (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), uint8 or uint16
        Gray, BGR or BGRA with any strides. An array that already is an `Image` is not copied.

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
    native = array.astype(array.dtype.newbyteorder("="), order="C", copy=False)
    if channels == 1:
        return made((_pillow.recoloured(native, cv2.COLOR_GRAY2BGR), None))
    if channels == 3:
        return made((native, None))
    return made((_pillow.recoloured(native, cv2.COLOR_BGRA2BGR), native[:, :, 3]))


def _decode(file: IO[bytes], max_pixels: int, suffix: str = "") -> Photo:
    """The photograph in an open file."""
    notes: list[str] = []
    with _damage_reported():
        return _in_spite_of_damage(file, lambda file: _decode_once(file, max_pixels, suffix, list(notes)), notes)


def _in_spite_of_damage(file: IO[bytes], call: Callable[[IO[bytes]], _T], notes: list[str]) -> _T:
    """Result of `call` for `file`, or for one without what made it fail.

    That is damaged chunks of a PNG, which are noted, or of a JPEG the marker at its end, which is missing.
    """
    try:
        return _with_long_texts(lambda: call(file))
    except ImageTooLargeError:
        raise
    except Exception as error:
        with _limits.long_texts_allowed():
            rest = None if _limits.is_too_long_a_text(error) else _png_chunks.without_damage(file, notes)
        rest = rest or with_end(file)
        if rest is None:
            raise
    return _with_long_texts(lambda: call(rest))


def _with_long_texts(call: Callable[[], _T]) -> _T:
    """Result of `call`, which is called again, with longer texts allowed, if it fails because of one."""
    try:
        return call()
    except ValueError as error:
        if not _limits.is_too_long_a_text(error):
            raise
    with _limits.long_texts_allowed():
        return call()


def _decode_once(file: IO[bytes], max_pixels: int, suffix: str, notes: list[str]) -> Photo:
    file = as_tiff(file)
    layout = _tiff.layout_of(file)
    if layout:
        return _deep_tiff(file, layout, max_pixels, notes)
    image = _pillow.open_header(file, notes, max_pixels)
    file_format = "JPEG" if image.format == "MPO" else str(image.format)  # MPO: a JPEG with others behind it
    if suffix in SUFFIXES and suffix not in FORMATS[file_format]:
        notes.append(f"the name ends in {suffix}, but the content is {file_format}")
    return _photo(image, max_pixels, notes, file)


def _photo(image: PIL.Image.Image, max_pixels: int, notes: list[str], file: IO[bytes] | None = None) -> Photo:
    """Check the size, decode, convert, turn upright."""
    _pillow.check_size(*image.size, max_pixels)
    if file is not None and image.format == "TIFF":
        _tiff_checks.check_blocks(file, max_pixels)
    read_deep = None if file is None else _deep.deep_reader(image)
    covered = _pillow.covered(image)
    load_checked(image, file, notes)
    orientation = _pillow.orientation(image, notes)
    in_rgb, profile = to_rgb(image, notes)
    metadata = metadata_of(image, profile, notes)
    pixels = _pillow.pixels(in_rgb)
    if file is not None:
        check_end(image, file, notes)
        notes.extend(lost_in(image, file))
        deeper = read_deep and read_deep(file, pixels)
        lost = 16 if read_deep and not deeper else _pillow.bits_beyond(image, file)
        if lost:
            notes.append(f"of the {lost} bits of its samples 8 were read")
        pixels = deeper or pixels
    if covered is not None:
        pixels = pixels[0], _pillow.clear_outside(covered, pixels)
    _note(image, notes)
    return made(pixels, orientation, metadata, notes)


def _deep_tiff(file: IO[bytes], layout: Layout, max_pixels: int, notes: list[str]) -> Photo:
    """The photograph in a TIFF of samples that Pillow cannot hold."""
    _pillow.check_size(layout.width, layout.height, max_pixels)
    _tiff_checks.check_blocks(file, max_pixels)
    planes = []
    for index in range(layout.planes):
        planes.append(_pillow.open_header(_tiff.as_bytes(file, layout, index), notes, sys.maxsize))
        _pillow.load(planes[-1])
    image = planes[0]
    samples = _tiff.samples_in(planes, file, layout)
    pixels, profile = in_bgr(samples, layout, image.info.get("icc_profile"), notes)
    metadata = metadata_of(image, profile, notes)
    notes.extend(_tiff_checks.lost_in(file))
    note_black_end(image, file, notes)
    _note(image, notes)
    return made(pixels, layout.orientation, metadata, notes)


def _note(image: PIL.Image.Image, notes: list[str]) -> None:
    """Add what is to be known of a loaded image."""
    if _pillow.has_long_text(image):
        notes.append("a text or colour profile in it is longer than 1 MiB")
    if _pillow.has_more_frames(image):
        notes.append(FIRST_ONLY)


@contextmanager
def _damage_reported() -> Iterator[None]:
    """Turn whatever Pillow raises into an `ImageError`: on damaged input its decoders raise nearly anything."""
    try:
        yield
    except ImageError:
        raise
    except MemoryError as error:
        raise ImageError("there is not enough memory to decode it") from error
    except Exception as error:
        if _limits.is_too_long_a_text(error):
            raise ImageError("it holds a text or colour profile of more than 64 MiB") from error
        why = printable(str(error)) or type(error).__name__
        raise ImageError(f"it is damaged or truncated ({why})") from error


@contextmanager
def _named(name: str) -> Iterator[None]:
    """Begin the message of an `ImageError` with what it is about."""
    try:
        yield
    except ImageError as error:
        raise type(error)(f"{name}: {error}") from error
