from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

from bgremove.errors import ImageError, ImageTooLargeError
from bgremove.formats.read import Photo, as_photo, from_array, from_pil, read
from tests.image_files import (
    quarters,
    saved,
)

pytestmark = pytest.mark.pixels


def test_array_that_is_an_image_is_not_copied() -> None:
    array = np.zeros((4, 5, 3), np.uint8)
    assert from_array(array).image is array


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, ">u2"])
@pytest.mark.parametrize("channels", [(), (1,), (3,), (4,)])
def test_arrays(dtype: str, channels: tuple[int, ...]) -> None:
    top = np.iinfo(dtype).max
    array = np.random.default_rng(1).integers(0, top, (4, 6, *channels), endpoint=True).astype(dtype)
    if channels == (4,):
        array[::2, ::2, 3] = 0
    expected = array >> 8 if top > 255 else array
    if array.ndim == 2:
        expected = expected[:, :, None]
    expected = expected.repeat(3, axis=2) if expected.shape[2] == 1 else expected[:, :, :3]
    for view, wanted in (
        (array, expected),
        (array[::-1, ::2], expected[::-1, ::2]),
        (np.asfortranarray(array), expected),
    ):
        photo = from_array(view)
        assert np.array_equal(photo.image, wanted)
        assert photo.image.dtype == np.uint8
        assert photo.image.flags.c_contiguous
        if channels == (4,):
            assert photo.opaque is not None
            assert np.array_equal(photo.opaque, view[:, :, 3] > 0)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((4, 5), bool), "holds bool; it must hold uint8"),
        (np.zeros((4, 5, 3)), "holds float64"),
        (np.zeros((4, 5, 3), np.int8), "holds int8"),
        (np.zeros((4, 5, 3), np.uint32), "holds uint32"),
        (np.zeros((4, 5, 2), np.uint8), r"shape \(4, 5, 2\); it must be"),
        (np.zeros(4, np.uint8), "shape"),
        (np.zeros((2, 4, 5, 3), np.uint8), "shape"),
        (np.zeros((0, 5, 3), np.uint8), "at least one pixel"),
        (np.array(None), "shape"),
    ],
)
def test_arrays_that_are_no_images(array: np.ndarray, message: str) -> None:
    with pytest.raises(ImageError, match=message):
        from_array(array)


EVERY_MODE = "1 L LA La P PA RGB RGBX RGBA RGBa CMYK YCbCr LAB HSV I;16 I;16B"


@pytest.mark.parametrize("mode", EVERY_MODE.split())
def test_pil_image_of_every_mode(mode: str) -> None:
    photo = from_pil(PIL.Image.new(mode, (5, 4)))
    assert photo.image.shape == (4, 5, 3)
    assert photo.image.dtype == np.uint8


def test_pil_images_that_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="PIL image: it has 0 x 4 pixels"):
        from_pil(PIL.Image.new("RGB", (0, 4)))
    (tmp_path / "a.png").write_bytes(saved(quarters(), "PNG"))
    with PIL.Image.open(tmp_path / "a.png") as image:
        pass
    with pytest.raises(ImageError, match="PIL image"):
        from_pil(image)


def test_as_photo_takes_whatever_somebody_calls_an_image(tmp_path: Path) -> None:
    data = saved(quarters(), "PNG")
    path = tmp_path / "a.png"
    path.write_bytes(data)
    bgr = read(path).image
    photo = Photo(bgr)
    assert as_photo(photo) is photo
    for source in (path, str(path), data, bytearray(data), memoryview(data), quarters(), bgr, io.BytesIO(data)):
        assert np.array_equal(as_photo(source).image, bgr)
    with path.open("rb") as file:
        assert np.array_equal(as_photo(file).image, bgr)
        with pytest.raises(ImageError, match="there are no bytes"):
            as_photo(file)
    with pytest.raises(ImageError, match="cannot be read: read of closed file"):
        as_photo(file)
    with pytest.raises(ImageError, match="gives str, not bytes: open the file in mode 'rb'"):
        as_photo(io.StringIO("text"))  # type: ignore[arg-type]
    with pytest.raises(ImageError, match="cannot be made of NoneType"):
        as_photo(None)  # type: ignore[arg-type]
    for source in (path, data, quarters()):
        with pytest.raises(ImageTooLargeError):
            as_photo(source, max_pixels=10)


@pytest.fixture(params=[("block_size", 4096), ("alignment", 64)], ids=["in pieces", "with gaps between rows"])
def _memory(request: pytest.FixtureRequest) -> Iterator[None]:
    core: Any = PIL.Image.core
    name, value = request.param
    before = getattr(core, f"get_{name}")()
    getattr(core, f"set_{name}")(value)
    yield
    getattr(core, f"set_{name}")(before)


@pytest.mark.usefixtures("_memory")
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_an_image_that_pillow_does_not_hold_as_one_array(mode: str) -> None:
    image = np.random.default_rng(0).integers(0, 256, (70, 50, len(mode)), np.uint8)
    photo = as_photo(PIL.Image.fromarray(image))
    np.testing.assert_array_equal(photo.image, image[:, :, 2::-1])


def test_an_image_whose_pixels_pillow_leaves_in_the_file(tmp_path: Path) -> None:
    image = np.random.default_rng(0).integers(0, 256, (70, 50, 4), np.uint8)
    PIL.Image.fromarray(image).save(tmp_path / "plain.tif")
    with PIL.Image.open(tmp_path / "plain.tif") as opened:
        photo = as_photo(opened)
        assert opened.readonly, "it was not mapped"
    np.testing.assert_array_equal(photo.image, image[:, :, 2::-1])
