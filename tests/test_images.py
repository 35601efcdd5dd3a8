from __future__ import annotations

import io
import struct
from pathlib import Path

import cv2
import numpy as np
import PIL.Image
import pytest

from bgremove.errors import ImageError
from bgremove.formats.read import SUFFIXES, decode, from_array, from_pil, read
from tests.image_files import (
    ORIENTATION,
    WRITTEN,
    chunk,
    close,
    left_half_clear,
    png,
    quarters,
    saved,
    tiff,
)

pytestmark = pytest.mark.pixels


@pytest.mark.parametrize(
    ("mode", "file_format", "tolerance"),
    [("L", "PNG", 0), ("1", "PNG", 0), ("P", "PNG", 0), ("P", "GIF", 0), ("CMYK", "JPEG", 12), ("CMYK", "TIFF", 0),
     ("L", "JPEG", 2), ("YCbCr", "TIFF", 2), ("1", "TIFF", 0), ("L", "BMP", 0), ("L", "PPM", 0)],
)  # fmt: skip
def test_opaque_modes(mode: str, file_format: str, tolerance: int) -> None:
    source = quarters().quantize(8) if mode == "P" else quarters().convert(mode)
    photo = decode(saved(source, file_format))
    assert close(photo.image, source.convert("RGB"), tolerance)
    assert photo.opaque is None


@pytest.mark.parametrize(
    ("lab", "bgr"), [((255, 0, 0), (255, 255, 255)), ((138, 81, 70), (0, 0, 255)), ((0, 0, 0), (0, 0, 0))]
)
def test_lab(lab: tuple[int, int, int], bgr: tuple[int, int, int]) -> None:
    # under D50, as in ICC profiles and Photoshop, the Lab of sRGB's red is (54.3, 80.8, 69.9)
    array = np.tile(np.array(lab, np.uint8), (2, 2, 1))
    source = PIL.Image.frombytes("LAB", (2, 2), array.tobytes())
    for photo in (decode(saved(source, "TIFF")), from_pil(source)):
        assert np.abs(photo.image[0, 0].astype(int) - bgr).max() <= 3


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_16_bits_keep_the_high_byte(suffix: str, channels: int) -> None:
    deep = np.arange(0, 65536, 331, np.uint16)[: 16 * 12].reshape(4, 12, 4)[:, :, :channels].copy()
    if channels == 4:
        deep[:, :, 3] = 65535
        deep[:2, :, 3] = 0
    photo = decode(cv2.imencode(suffix, deep)[1].tobytes())
    expected = (deep >> 8).astype(np.uint8)
    assert np.array_equal(photo.image, expected[:, :, :3] if channels > 1 else expected.repeat(3, axis=2))
    assert (photo.opaque is None) == (channels < 4)
    if photo.opaque is not None:
        assert np.array_equal(photo.opaque, deep[:, :, 3] > 0)


def test_16_bit_pgm_and_big_endian_tiff() -> None:
    raw = struct.pack(">3H", 0, 0x1234, 0xFFFF)
    assert decode(b"P5 3 1 65535\n" + raw).image[0, :, 0].tolist() == [0, 0x12, 0xFF]
    big_endian = PIL.Image.frombytes("I;16B", (3, 1), raw)
    assert decode(saved(big_endian, "TIFF")).image[0, :, 0].tolist() == [0, 0x12, 0xFF]


def test_12_bit_tiff_uses_the_full_range() -> None:
    packed = bytes([0xFF, 0xF8, 0x00])  # two samples of 12 bits: 4095, 2048
    assert decode(tiff(2, 1, 12, packed)).image[0, :, 0].tolist() == [255, 128]


@pytest.mark.parametrize("mode", ["I", "F"])
def test_pixels_without_a_defined_white_are_refused(mode: str) -> None:
    with pytest.raises(ImageError, match="no white is defined; save it with 8 or 16 bits"):
        decode(saved(PIL.Image.new(mode, (4, 4)), "TIFF"))


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1)])
@pytest.mark.parametrize("file_format", WRITTEN)
def test_one_pixel_one_row_one_column(file_format: str, shape: tuple[int, int]) -> None:
    height, width = shape
    assert decode(saved(PIL.Image.new("RGB", (width, height)), file_format)).image.shape == (height, width, 3)


# Transparency


@pytest.mark.parametrize(
    ("mode", "file_format"),
    [("RGBA", "PNG"), ("LA", "PNG"), ("RGBA", "WEBP"), ("RGBA", "TIFF"), ("LA", "TIFF"), ("RGBA", "AVIF")],
)
def test_transparency_is_certain_background(mode: str, file_format: str) -> None:
    photo = decode(saved(left_half_clear(mode), file_format))
    expected = np.zeros((32, 48), bool)
    expected[:, 24:] = True
    assert photo.opaque is not None
    assert photo.opaque.dtype == bool
    assert np.array_equal(photo.opaque, expected)


@pytest.mark.parametrize("clear", [3, b"\xff\xff\xff\x00"])
@pytest.mark.parametrize("file_format", ["PNG", "GIF"])
def test_transparent_palette_colour(file_format: str, clear: int | bytes) -> None:
    if file_format == "GIF" and isinstance(clear, bytes):
        clear = 3
    image = PIL.Image.new("P", (4, 1))
    image.putpalette([0, 0, 0, 50, 0, 0, 0, 60, 0, 0, 0, 70])
    image.putdata([0, 1, 2, 3]) if hasattr(image, "putdata") else None
    photo = decode(saved(image, file_format, transparency=clear))
    assert photo.opaque is not None
    assert photo.opaque.tolist() == [[True, True, True, False]]
    assert photo.image[0, :3].tolist() == [[0, 0, 0], [0, 0, 50], [0, 60, 0]]


def test_transparent_key_of_gray() -> None:
    gray_8 = png(2, 1, 8, 0, b"\0\x05\x06", chunk(b"tRNS", b"\0\x05"))
    gray_16 = png(2, 1, 16, 0, b"\0\x01\x2c\x01\x2d", chunk(b"tRNS", b"\x01\x2c"))
    for data in (gray_8, gray_16):
        photo = decode(data)
        assert photo.opaque is not None
        assert photo.opaque.tolist() == [[False, True]]


@pytest.mark.parametrize("depth", [1, 2, 4, 8, 16])
def test_transparent_key_of_gray_of_every_depth(depth: int) -> None:
    row = {1: b"\x40", 2: b"\x10", 4: b"\x01", 8: b"\0\1", 16: b"\0\0\0\1"}[depth]  # 0 and 1
    photo = decode(png(2, 1, depth, 0, b"\0" + row, chunk(b"tRNS", b"\0\1")))
    assert photo.alpha is not None
    assert (photo.alpha == 0).tolist() == [[False, True]]


def test_what_is_partly_transparent_is_kept_and_no_certain_background() -> None:
    bgra = np.zeros((1, 4, 4), np.uint8)
    bgra[0, :, 3] = [0, 1, 128, 255]
    for photo in (from_array(bgra), decode(cv2.imencode(".png", bgra)[1].tobytes())):
        assert photo.opaque is not None
        assert photo.alpha is not None
        assert photo.opaque.tolist() == [[False, True, True, True]]
        assert photo.alpha.tolist() == [[0, 1, 128, 255]]


def test_alpha_that_is_opaque_everywhere_is_none() -> None:
    assert decode(saved(quarters().convert("RGBA"), "PNG")).opaque is None


# Upright


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_orientation(file_format: str, orientation: int) -> None:
    upright = left_half_clear() if file_format == "PNG" else quarters()
    undo = [None, None, 0, 3, 1, 5, 2, 6, 4][orientation]  # PIL.Image.Transpose that stores it so
    stored = upright if undo is None else upright.transpose(PIL.Image.Transpose(undo))
    exif = PIL.Image.Exif()
    exif[ORIENTATION] = orientation
    data = saved(stored, file_format, exif=exif)
    photo = decode(data)
    assert close(photo.image, upright.convert("RGB"), 12)
    if file_format == "PNG":
        assert photo.opaque is not None
        assert np.array_equal(photo.opaque, np.asarray(upright)[:, :, 3] > 0)
    with PIL.Image.open(io.BytesIO(data)) as opened:
        assert np.array_equal(from_pil(opened).image, photo.image)


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_wrong_orientation_is_ignored(orientation: int) -> None:
    exif = PIL.Image.Exif()
    exif[ORIENTATION] = orientation
    assert close(decode(saved(quarters(), "PNG", exif=exif)).image, quarters(), 0)


# Notes


@pytest.mark.parametrize("file_format", ["GIF", "PNG", "WEBP", "TIFF", "AVIF"])
def test_first_frame_with_a_note(file_format: str) -> None:
    second = PIL.Image.new("RGB", (48, 32), (1, 2, 3))
    photo = decode(saved(quarters(), file_format, save_all=True, append_images=[second]))
    assert close(photo.image, quarters(), 12)
    assert photo.notes == ("it holds several frames or pages; only the first was read",)


def test_preview_behind_a_jpeg_is_no_second_frame() -> None:
    photo = decode(
        saved(quarters(), "MPO", save_all=True, append_images=[quarters(24, 16)], quality=100, subsampling=0)
    )
    assert close(photo.image, quarters(), 12)
    assert photo.notes == ()


def test_mislabelled_file_is_read_with_a_note(tmp_path: Path) -> None:
    path = tmp_path / "a.JPG"
    path.write_bytes(saved(quarters(), "PNG"))
    photo = read(path)
    assert close(photo.image, quarters(), 0)
    assert photo.notes == ("the name ends in .jpg, but the content is PNG",)


def test_suffixes_that_say_nothing_need_no_note(tmp_path: Path) -> None:
    path = tmp_path / "upload.tmp"
    path.write_bytes(saved(quarters(), "PNG"))
    assert read(path).notes == ()
    assert ".tmp" not in SUFFIXES


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_a_picture_of_several_bands_is_whole(mode: str) -> None:
    samples = np.random.default_rng(0).integers(0, 256, (151, 2999, len(mode)), np.uint8)
    photo = from_pil(PIL.Image.fromarray(samples))
    assert np.array_equal(photo.image, samples[..., 2::-1])
    assert mode == "RGB" or np.array_equal(photo.alpha, samples[..., 3])
