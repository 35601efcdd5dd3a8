"""The pixels of a cutout, the colours behind it, and what they are encoded as."""

from __future__ import annotations

import io

import numpy as np
import PIL.Image
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from bgremove.cutout import cut_out, flatten
from bgremove.errors import UsageError
from bgremove.formats import LOSSLESS_FORMATS, encode
from bgremove.formats.read import decode
from bgremove.settings import Settings, parse_colour

pytestmark = pytest.mark.pixels

SIZES = st.tuples(st.integers(1, 20), st.integers(1, 20))


# Cut out, flatten, colours


@given(SIZES.flatmap(lambda size: st.tuples(arrays(np.uint8, (*size, 3)), arrays(bool, size))))
def test_cut_out_and_flatten(drawn: tuple[np.ndarray, np.ndarray]) -> None:
    image, foreground = drawn
    before = image.copy()
    cutout = cut_out(image, foreground)
    assert cutout.shape == (*foreground.shape, 4)
    assert np.array_equal(cutout[:, :, 3], np.where(foreground, 255, 0))
    assert np.array_equal(cutout[foreground, :3], image[foreground])
    assert not cutout[~foreground].any()
    flat = flatten(cutout, (1, 2, 3))
    assert np.array_equal(flat, np.where(foreground[:, :, None], image, np.array([1, 2, 3], np.uint8)))
    assert flat.dtype == np.uint8
    assert flat.flags.c_contiguous
    assert np.array_equal(image, before)


def test_flatten_blends_by_alpha() -> None:
    cutout = np.array([[[200, 100, 10, 51], [200, 100, 10, 255], [0, 0, 0, 0]]], np.uint8)
    # 51 is a fifth of 255
    assert flatten(cutout, (0, 50, 255)).tolist() == [[[40, 60, 206], [200, 100, 10], [0, 50, 255]]]


def test_cut_out_of_views() -> None:
    image = np.random.default_rng(0).integers(0, 256, (8, 10, 3), np.uint8)
    foreground = image[:, :, 0] > 100
    expected = cut_out(image, foreground)[::2, ::-1]
    assert np.array_equal(cut_out(image[::2, ::-1], foreground[::2, ::-1]), expected)


@pytest.mark.parametrize(
    ("text", "bgr"),
    [("white", (255, 255, 255)), ("#102030", (48, 32, 16)), ("#f00", (0, 0, 255)), ("Navy", (128, 0, 0))],
)
def test_colours(text: str, bgr: tuple[int, int, int]) -> None:
    assert parse_colour(text) == bgr


@pytest.mark.parametrize("text", ["", "no colour", "#12345", "#11223344", "#1234", "rgba(1,2,3,4)", "rgb(300,0,0)"])
def test_what_is_no_colour(text: str) -> None:
    with pytest.raises(UsageError, match="white or #ffffff"):
        parse_colour(text)


@pytest.mark.parametrize("bgr", [(0, 0, 256), (-1, 0, 0), (0, 0)])
def test_a_background_that_no_pixel_can_have_is_refused(bgr: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match="0 to 255"):
        Settings(background=bgr)


# Encode


def decoded(content: bytes, channels: int) -> np.ndarray:
    with PIL.Image.open(io.BytesIO(content)) as image:
        array = np.asarray(image.convert({1: "L", 3: "RGB", 4: "RGBA"}[channels]))
    return array if channels == 1 else array[:, :, [2, 1, 0, 3][:channels]]


@settings(deadline=None)
@given(
    SIZES.flatmap(lambda size: st.sampled_from([size, (*size, 3), (*size, 4)])).flatmap(lambda s: arrays(np.uint8, s))
)
@pytest.mark.parametrize("file_format", LOSSLESS_FORMATS)
def test_encoding_loses_nothing(file_format: str, pixels: np.ndarray) -> None:
    content = encode(pixels, file_format)
    assert np.array_equal(decoded(content, pixels.shape[2] if pixels.ndim == 3 else 1), pixels)


@settings(deadline=None)
@given(SIZES.flatmap(lambda size: st.tuples(arrays(np.uint8, (*size, 3)), arrays(bool, size))))
@pytest.mark.parametrize("file_format", LOSSLESS_FORMATS)
def test_what_was_cut_out_reads_back(file_format: str, drawn: tuple[np.ndarray, np.ndarray]) -> None:
    image, foreground = drawn
    photo = decode(encode(cut_out(image, foreground), file_format))
    assert np.array_equal(np.ones_like(foreground) if photo.opaque is None else photo.opaque, foreground)
    assert np.array_equal(photo.image[foreground], image[foreground])
    assert photo.notes == ()


@pytest.mark.parametrize("file_format", LOSSLESS_FORMATS)
def test_encoding_is_repeatable_and_compressed(file_format: str) -> None:
    pixels = np.add.outer(np.arange(200), np.arange(800)).astype(np.uint8).reshape(200, 200, 4)
    assert encode(pixels, file_format) == encode(pixels, file_format)
    assert len(encode(pixels, file_format)) < pixels.size / 10


def test_what_cannot_be_encoded() -> None:
    with pytest.raises(UsageError, match="no output format 'bmp'; choose one of png, webp, tiff, jpg"):
        encode(np.zeros((3, 4, 4), np.uint8), "bmp")
