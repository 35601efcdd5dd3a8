"""BMP files as other programs write them: what is not read of them is told."""

from __future__ import annotations

import struct

import cv2
import numpy as np
import PIL.Image
import pytest

from bgremove.errors import ImageError
from bgremove.formats.read import decode
from tests.image_files import saved

pytestmark = pytest.mark.pixels

RNG = np.random.default_rng(0)
RGB555, RGB565, RGB444, RGB888 = (
    (0x7C00, 0x3E0, 0x1F),
    (0xF800, 0x7E0, 0x1F),
    (0xF00, 0xF0, 0xF),
    (0xFF0000, 0xFF00, 0xFF),
)
ALPHA_LOST = ("its alpha was left out: of 16 bits a pixel only the colours were read",)
FOURTH_LOST = ("the fourth byte of each pixel, which may be alpha, was left out",)


def bmp(samples: np.ndarray, masks: tuple[int, ...] = (), header: int = 40, space: bytes = b"sRGB"[::-1]) -> bytes:
    """`samples`, (H, W) of uint16 or uint32, from the bottom to the top, with masks of bits if there are any."""
    height, width = samples.shape
    bits = samples.itemsize * 8
    rows = [row.tobytes() + bytes(-samples.itemsize * width % 4) for row in samples]
    described = struct.pack("<IiiHHIIiiII", header, width, height, 1, bits, 3 if masks else 0, 0, 2835, 2835, 0, 0)
    described += struct.pack(f"<{len(masks)}I", *masks)
    if header > 56:
        described = (described.ljust(56, b"\0") + space).ljust(header, b"\0")
    place = 14 + len(described)
    return b"BM" + struct.pack("<IHHI", place, 0, 0, place) + described + b"".join(rows)


@pytest.mark.parametrize("header", [56, 108, 124])
@pytest.mark.parametrize("colours", [RGB555, RGB565])
@pytest.mark.parametrize("width", [8, 7])
def test_the_alpha_of_16_bits_a_pixel_is_noted_where_it_is_not_opaque(header: int, colours, width: int) -> None:
    mask = 0x8000 if colours == RGB555 else 0x20
    samples = RNG.integers(0, 2**16, (6, width), np.uint16)
    assert decode(bmp(samples, (*colours, mask), header)).notes == ALPHA_LOST
    assert decode(bmp(samples & ~np.uint16(mask), (*colours, mask), header) + bytes(99)).notes == ALPHA_LOST
    assert not decode(bmp(samples | np.uint16(mask), (*colours, mask), header) + bytes(99)).notes
    assert not decode(bmp(samples, (*colours, 0), header)).notes
    assert not decode(bmp(samples, colours)).notes


@pytest.mark.parametrize(
    "make", [lambda pixels: saved(PIL.Image.fromarray(pixels), "BMP"), lambda p: bmp(p.view("<u4")[..., 0])]
)
def test_a_fourth_byte_that_may_be_alpha_is_noted(make) -> None:
    pixels = RNG.integers(0, 256, (6, 8, 4), np.uint8)
    assert decode(make(pixels)).notes == FOURTH_LOST
    for constant in (0, 255):
        pixels[:, :, 3] = constant
        assert not decode(make(pixels)).notes


def test_alpha_that_is_read_is_not_noted() -> None:
    pixels = RNG.integers(0, 256, (6, 8, 4), np.uint8)
    for content in (
        cv2.imencode(".bmp", pixels)[1].tobytes(),
        bmp(pixels.view("<u4")[..., 0], (*RGB888, 0xFF000000), 108),
    ):
        photo = decode(content)
        assert photo.alpha is not None
        assert not photo.notes


@pytest.mark.parametrize("space", [b"MBED"[::-1], b"LINK"[::-1]])
def test_a_profile_is_noted(space: bytes) -> None:
    samples = RNG.integers(0, 2**24, (6, 8), np.uint32)
    assert "its colour profile was left out" in decode(bmp(samples, header=124, space=space)).notes[0]
    assert not decode(bmp(samples, header=124)).notes


@pytest.mark.parametrize("content", [
    bmp(RNG.integers(0, 2**16, (6, 8), np.uint16), (*RGB444, 0xF000), 108),
    bmp(RNG.integers(0, 2**16, (6, 8), np.uint16), RGB444),
    bmp(RNG.integers(0, 2**32, (6, 8), np.uint32), (0x3FF00000, 0xFFC00, 0x3FF), 108),
    bmp(RNG.integers(0, 2**64, (6, 8), np.uint64)),
])  # fmt: skip
def test_what_is_not_read_is_not_called_damaged(content: bytes) -> None:
    with pytest.raises(
        ImageError, match=r"it is a BMP that is not read \(Unsupported BMP .*\): save it with 24 or 32 bits"
    ):
        decode(content)
