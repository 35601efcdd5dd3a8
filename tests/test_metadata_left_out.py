"""What a file holds besides its pixels and no output can carry: damaged, or of other colours."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable

import numpy as np
import PIL.Image
import pytest

from bgremove.errors import ImageError
from bgremove.formats import Metadata
from bgremove.formats.read import decode, from_pil
from tests.image_files import chunk, png, quarters, saved
from tests.metadata_files import exif, gray_profile, photo_file, wide_gamut

pytestmark = pytest.mark.pixels


@pytest.mark.parametrize("mode", ["L", "LA"])
@pytest.mark.parametrize("carrier", ["PNG", "TIFF"])
def test_gray_with_a_profile_becomes_srgb(mode: str, carrier: str) -> None:
    image = PIL.Image.linear_gradient("L").convert(mode)
    if mode == "LA":
        image.putalpha(PIL.Image.linear_gradient("L").rotate(90))
    photo = decode(saved(image, carrier, icc_profile=gray_profile(1.0)))
    linear = np.arange(256) / 255
    srgb = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    assert np.abs(photo.image[:, 0, 0].astype(float) - 255 * srgb).max() <= 1.01
    assert photo.metadata.profile is None
    assert (photo.alpha is None) == (mode == "L")


def test_16_bit_gray_keeps_its_samples_and_not_its_profile() -> None:
    deep = np.arange(12, dtype=np.uint16).reshape(3, 4) * np.uint16(5000)
    photo = decode(saved(PIL.Image.fromarray(deep), "PNG", icc_profile=gray_profile(1.0)))
    assert np.array_equal(photo.pixels[..., 0], deep)
    assert photo.notes == ("its gray profile was left out: the colours of the output are RGB",)


def test_cmyk_is_converted_and_that_is_said() -> None:
    photo = decode(saved(quarters().convert("CMYK"), "TIFF"))
    assert photo.notes == ("its CMYK colours were converted to sRGB",)
    assert photo.metadata.profile is None


BAD_PROFILES: dict[str, Callable[[], bytes]] = {
    "damaged": lambda: b"no profile" * 50,
    "cut short": lambda: wide_gamut()[:300],
    "for gray": lambda: gray_profile(2.2),
}


@pytest.mark.parametrize("bad", BAD_PROFILES)
def test_a_profile_that_is_not_for_these_colours_is_left_out_with_a_note(bad: str) -> None:
    photo = decode(photo_file("PNG", icc_profile=BAD_PROFILES[bad]()))
    assert photo.metadata.profile is None
    assert photo.notes == ("its colour profile is damaged or of other colours than the image, and was left out",)


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_a_damaged_profile_costs_the_profile_only(mode: str) -> None:
    hollow = bytearray(gray_profile(1.0))
    hollow[16:20] = b"GRAY" if mode == "L" else b"CMYK"
    del hollow[140:]
    hollow[:4] = struct.pack(">I", len(hollow))
    photo = decode(saved(quarters().convert(mode), "TIFF", icc_profile=bytes(hollow)))
    assert photo.notes[-1] == "its colour profile is damaged and was left out"
    assert np.array_equal(photo.image, decode(saved(quarters().convert(mode), "TIFF")).image)


def test_exif_that_cannot_be_written_is_left_out_with_a_note() -> None:
    photo = decode(photo_file("PNG", exif=exif(comment=bytes(70_000)), dpi=(300, 300)))
    assert photo.notes == ("its Exif data is damaged or too large, and was left out",)
    assert photo.metadata.dpi == pytest.approx((300, 300), rel=1e-4)
    assert photo.image.shape == (80, 60, 3), "it is turned upright all the same"


def test_a_resolution_that_means_nothing_is_none() -> None:
    for dpi in ((0, 0), (1, 1), (float("inf"), 300)):
        image = quarters()
        image.info["dpi"] = dpi
        assert from_pil(image).metadata.dpi is None
    assert decode(png(1, 1, 8, 2, b"\0\1\2\3")).metadata == Metadata()


@pytest.mark.parametrize(
    "bad",
    [chunk(b"gAMA", b"\0"), chunk(b"cHRM", b"\0" * 9), chunk(b"pHYs", b"\0" * 4), chunk(b"tEXt", b"a\0b")[:-1] + b"?"],
)
def test_a_damaged_chunk_costs_itself_only(bad: bytes) -> None:
    profile = chunk(b"iCCP", b"p\0\0" + zlib.compress(wide_gamut()))
    pixels = b"".join(b"\0" + bytes(range(6)) for _ in range(2))
    photo = decode(png(2, 2, 8, 2, pixels, bad, profile))
    assert photo.notes == (f"what is damaged and not of its pixels was left out: {bad[4:8].decode()}",)
    assert np.array_equal(photo.image, decode(png(2, 2, 8, 2, pixels)).image)
    assert photo.metadata.profile == wide_gamut()


@pytest.mark.parametrize("filling", [bytes(12), chunk(b"teST", b"")])
def test_a_png_of_nothing_but_chunks_is_refused_at_once(filling: bytes) -> None:
    header = png(2, 2, 8, 2, b"")[:33]
    with pytest.raises(ImageError):
        decode(header + filling * 20_000)


def test_colours_by_code_points_are_noted() -> None:
    def notes(code: bytes) -> tuple[str, ...]:
        return decode(png(1, 1, 8, 2, b"\0\1\2\3", chunk(b"cICP", code))).notes

    assert notes(b"\1\x0d\0\1") == (), "sRGB"
    (note,) = notes(b"\x09\x10\0\1")
    assert "its cICP chunk was left out" in note
