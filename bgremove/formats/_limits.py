"""What Pillow keeps for the whole process, warning filters and limits, changed for a moment and put back."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import PIL.Image
from PIL import PngImagePlugin

from bgremove.forks import lock_before_forks
from bgremove.paths import printable

_T = TypeVar("_T")

_TEXT_BYTES = 64 * 2**20  # one text or profile of a PNG, decompressed; Pillow, left to itself, reads one mebibyte

_warnings_lock = lock_before_forks()
_limit_lock = lock_before_forks()
_text_lock = lock_before_forks()


def _noticed() -> None:
    """Let what Pillow warns of be raised, but not that an image is large: the limit here is another."""
    warnings.filterwarnings("error", module=r"PIL\.")
    warnings.filterwarnings("ignore", category=PIL.Image.DecompressionBombWarning)


def warnings_noted(call: Callable[[], _T], notes: list[str]) -> _T:
    """Result of `call`, which may be called twice. A warning of Pillow becomes a note, for one image one.

    Warning filters belong to the whole process, so they are changed under a lock, for the time of reading a header
    and not of decoding, and only for warnings from inside Pillow.
    """
    with _warnings_lock, warnings.catch_warnings():
        _noticed()
        try:
            return call()
        except Warning as warning:
            notes.append(f"Pillow: {printable(str(warning))}")
        warnings.filterwarnings("ignore", module=r"PIL\.")
        return call()


def is_quiet(call: Callable[[], object]) -> bool:
    """Whether `call` raises nothing, and Pillow warns of nothing."""
    with _warnings_lock, warnings.catch_warnings():
        _noticed()
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
def limit_lifted() -> Iterator[None]:
    """Take Pillow's own limit away, which is global, and put it back. For images beyond it, one at a time."""
    with _limit_lock:
        before = PIL.Image.MAX_IMAGE_PIXELS
        PIL.Image.MAX_IMAGE_PIXELS = None
        try:
            yield
        finally:
            PIL.Image.MAX_IMAGE_PIXELS = before
