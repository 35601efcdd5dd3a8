"""What reading an image leaves alone: warnings of the whole process, and no file open."""

from __future__ import annotations

import io
import sys
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import PIL.Image
import psutil
import pytest

from bgremove.formats.read import FORMATS, decode, read
from tests.image_files import (
    ORIENTATION,
    WRITTEN,
    close,
    corrupt_exif,
    quarters,
    saved,
    tiff_of_corrupt_exif,
    tiff_of_two_orientations,
)


@pytest.mark.parametrize("file_format", WRITTEN)
def test_every_format_gives_contiguous_bgr(file_format: str, tmp_path: Path) -> None:
    path = tmp_path / f"a{FORMATS[file_format][0]}"
    path.write_bytes(saved(quarters(), file_format))
    photo = read(path)
    assert close(photo.image, quarters(), 12 if file_format in {"JPEG", "AVIF"} else 0)
    assert photo.image.dtype == np.uint8
    assert photo.image.flags.c_contiguous
    assert photo.image.flags.writeable
    assert photo.opaque is None
    assert photo.notes == ()


def loaded_by_pillow(data: bytes) -> None:
    with PIL.Image.open(io.BytesIO(data)) as image:
        image.load()
        image.getexif().get(ORIENTATION)


@pytest.mark.parametrize("corrupt", [corrupt_exif, tiff_of_two_orientations, tiff_of_corrupt_exif])
def test_what_pillow_warns_of_is_a_note(corrupt: Callable[[], bytes]) -> None:
    with pytest.warns(UserWarning, match="EXIF|Tag|tag|Truncated"):
        loaded_by_pillow(corrupt())
    before = list(warnings.filters)
    photo = decode(corrupt())
    assert [note[:8] for note in photo.notes] == ["Pillow: "]
    assert warnings.filters == before


def test_warnings_in_many_threads() -> None:
    before = list(warnings.filters)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as threads:
            photos = list(threads.map(decode, [corrupt_exif()] * 200))
    finally:
        sys.setswitchinterval(interval)
    assert all(photo.notes for photo in photos)
    assert warnings.filters == before


def test_reading_leaves_no_file_open(tmp_path: Path) -> None:
    path = tmp_path / "a.gif"
    path.write_bytes(saved(quarters(), "GIF", save_all=True, append_images=[quarters().rotate(90)]))
    read(path)
    before = psutil.Process().open_files()
    photo = read(path)
    assert photo.notes
    assert psutil.Process().open_files() == before
