"""Files that hold more pictures than the one that is cut out say so; and a picture that is smaller than its file."""

from __future__ import annotations

import io
import re
import struct

import numpy as np
import PIL.Image
import pytest

from bgremove.formats.read import decode, from_pil
from tests.image_files import quarters, saved

pytestmark = pytest.mark.pixels

FIRST_ONLY = ("it holds several frames or pages; only the first was read",)
PLAIN = b"P3 2 2 # P3 of colours\n255 " + b"1 2 3 " * 4


@pytest.mark.parametrize("mode", ["1", "L", "RGB"])
@pytest.mark.parametrize("between", [b"", b"\n"])
def test_several_pictures_in_a_pnm(mode: str, between: bytes) -> None:
    one = saved(quarters(45, 31).convert(mode), "PPM")
    assert decode(one).notes == decode(one + b"\n").notes == decode(one + b"P and more").notes == ()
    assert decode(one + between + one).notes == FIRST_ONLY
    assert np.array_equal(decode(one + between + one).image, decode(one).image)


def test_several_pictures_in_a_pnm_of_16_bits() -> None:
    one = b"P6 2 1 65535\n" + bytes(range(12))
    assert decode(one).notes == ()
    assert decode(one + one).notes == FIRST_ONLY


def test_several_pictures_in_a_plain_pnm() -> None:
    assert decode(PLAIN).notes == ()
    assert decode(PLAIN + PLAIN).notes == FIRST_ONLY


@pytest.mark.parametrize("kind", [0x020001, 0x020002, 0x020003])
def test_further_pictures_of_a_camera_that_are_no_previews(kind: int) -> None:
    """Panorama, both eyes, several angles (CIPA DC-007)."""
    content = saved(quarters(), "MPO", save_all=True, append_images=[quarters()])
    assert decode(content).notes == ()
    entries = re.search(rb"\x00\x00\x03\x00.{4}\x00{4}", content, re.DOTALL).start()  # the primary one, at 0
    changed = bytearray(content)
    for entry in (entries, entries + 16):
        struct.pack_into("<I", changed, entry, kind)
    assert decode(bytes(changed)).notes == FIRST_ONLY


@pytest.mark.parametrize("file_format", ["GIF", "TIFF", "WEBP", "PNG"])
def test_each_frame_of_an_animation_may_be_given_as_pillow_has_it(file_format: str) -> None:
    frames = [PIL.Image.new("RGB", (40, 30), "white") for _ in range(3)]
    for index, frame in enumerate(frames):
        frame.paste("red", (10 * index, 10, 10 * index + 8, 18))
    content = saved(frames[0], file_format, save_all=True, append_images=frames[1:], lossless=True)
    with PIL.Image.open(io.BytesIO(content)) as animation:
        for index, frame in enumerate(frames):
            animation.seek(index)
            photo = from_pil(animation)
            assert np.array_equal(photo.image, np.asarray(frame)[..., ::-1])
            assert photo.opaque is None
            assert photo.notes == (() if index else FIRST_ONLY)


@pytest.mark.parametrize("options", [{}, {"transparency": 0}])
def test_what_the_picture_of_a_gif_does_not_cover_is_transparent(options: dict[str, int]) -> None:
    picture = quarters(10, 8).quantize(4)
    content = bytearray(saved(picture, "GIF", **options))
    struct.pack_into("<HH", content, 6, 20, 16)
    place = content.index(b",\0\0\0\0" + struct.pack("<HH", 10, 8))
    struct.pack_into("<HH", content, place + 1, 7, 3)
    photo = decode(bytes(content))
    whole = decode(saved(picture, "GIF", **options))
    part = slice(3, 11), slice(7, 17)
    assert photo.image.shape == (16, 20, 3)
    assert np.array_equal(photo.image[part], whole.image)
    assert photo.alpha is not None
    assert np.array_equal(photo.alpha[part], np.full((8, 10), 255) if whole.alpha is None else whole.alpha)
    assert np.count_nonzero(photo.alpha) == np.count_nonzero(photo.alpha[part])


def test_each_frame_of_a_gif_that_covers_all_stays_opaque() -> None:
    file = io.BytesIO()
    quarters().save(file, "GIF", save_all=True, append_images=[quarters().rotate(180)])
    photo = decode(file.getvalue())
    assert photo.alpha is None
    assert photo.notes == FIRST_ONLY
