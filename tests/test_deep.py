"""Samples of 16 bits, and of kinds that Pillow has no mode for, from the file or array to the cutout."""

from __future__ import annotations

import struct
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np
import PIL.Image
import pytest

from bgremove import iter_cutouts, remove_background, remove_backgrounds
from bgremove.cutout import flatten
from bgremove.errors import ImageError, ImageTooLargeError
from bgremove.formats import encode
from bgremove.formats.read import Photo, decode, from_array, header_pixels, read
from fixtures.scenes import make_scene
from tests.image_files import chunk, png, quarters, saved
from tests.permissions import mostly_free_memory
from tests.tiff_files import tiff_of

pytestmark = pytest.mark.pixels

LAYOUTS: list[dict[str, object]] = [
    {}, {"order": ">"}, {"deflate": True}, {"deflate": True, "predicted": True}, {"predicted": True, "order": ">"},
    {"tile": 16, "deflate": True, "predicted": True}, {"tile": 16, "order": ">"},
    {"planar": True}, {"planar": True, "order": ">", "deflate": True, "predicted": True}, {"planar": True, "tile": 16},
    {"big": True}, {"big": True, "order": ">", "tile": 16, "planar": True},
]  # fmt: skip


def deep_scene(channels: int = 3) -> np.ndarray:
    """A scene whose low bytes are noise: gray, BGR or BGRA with a partly transparent stripe through the object."""
    scene = make_scene(60, 80, seed=1)
    deep = scene.image.astype(np.uint16) << 8 | np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint16)
    if channels == 1:
        return deep[:, :, 1]
    if channels == 3:
        return deep
    alpha = np.full((60, 80), 65535, np.uint16)
    alpha[28:32] = 12345
    return np.dstack([deep, alpha])


def rgb(bgr: np.ndarray) -> np.ndarray:
    """(H, W, N), as a file holds it."""
    return bgr[:, :, None] if bgr.ndim == 2 else bgr[:, :, [2, 1, 0, 3][: bgr.shape[2]]]


def check(cutout: np.ndarray, source: np.ndarray) -> None:
    """`cutout` has the samples of `source` where anything of it is left, and never more alpha."""
    assert cutout.dtype == np.uint16
    left = cutout[..., 3] > 0
    assert 0.05 < left.mean() < 0.95
    colours = np.dstack([source] * 3) if source.ndim == 2 else source[..., :3]
    assert np.array_equal(cutout[left, :3], colours[left])
    assert not cutout[~left].any()
    expected = source[..., 3] if source.ndim == 3 and source.shape[2] == 4 else np.uint16(65535)
    assert np.array_equal(cutout[..., 3], np.where(left, expected, 0))


@pytest.mark.parametrize("output", ["png", "tiff"])
@pytest.mark.parametrize("suffix", [".png", ".tiff"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_the_samples_that_came_are_cut(channels: int, suffix: str, output: str, tmp_path: Path) -> None:
    deep = deep_scene(channels)
    (tmp_path / "in").mkdir()
    (tmp_path / f"in/a{suffix}").write_bytes(cv2.imencode(suffix, deep)[1].tobytes())
    (record,) = remove_backgrounds(tmp_path / "in", tmp_path / "out", format=output, strategy="sequential")
    assert record.warnings == ()
    written = cv2.imread(str(record.outputs[0]), cv2.IMREAD_UNCHANGED)
    check(written, deep)
    again = read(record.outputs[0])
    assert again.samples is not None
    assert again.alpha is not None
    assert np.array_equal(np.dstack([again.samples, again.alpha]), written)


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("dtype", ["<u2", ">u2"])
def test_an_array_of_16_bits_gives_a_cutout_of_16_bits(channels: int, dtype: str) -> None:
    deep = deep_scene(channels)
    check(remove_background(deep.astype(dtype)).image, deep)
    (outcome,) = iter_cutouts([deep.astype(dtype)], strategy="threads")
    check(outcome.value.image, deep)


def test_segmentation_takes_the_high_bytes() -> None:
    deep = deep_scene()
    assert np.array_equal(remove_background(deep).mask, remove_background((deep >> 8).astype(np.uint8)).mask)


def test_a_soft_edge_keeps_the_samples_that_are_not_mixed() -> None:
    deep = deep_scene(4)
    cutout = remove_background(deep, edge="soft").image
    shallow = remove_background((deep[..., :3] >> 8).astype(np.uint8), edge="soft").image
    certain = (shallow[..., 3] == 255) & (shallow[..., :3] == deep[..., :3] >> 8).all(axis=2)
    assert np.array_equal(cutout[certain, :3], deep[certain, :3])
    assert np.array_equal(cutout[..., 3], np.minimum(shallow[..., 3] * np.uint16(257), deep[..., 3]))
    assert np.array_equal(cutout[..., :3] >> 8, shallow[..., :3])


def test_a_background_of_16_bits() -> None:
    cutout = np.array([[[40000, 2, 65535, 65535], [10000, 0, 65535, 13107], [0, 0, 0, 0]]], np.uint16)
    # 13107 is a fifth of 65535
    assert flatten(cutout, (255, 0, 128)).tolist() == [
        [[40000, 2, 65535], [2000 + 52428, 0, 13107 + round(0.8 * 128 * 257)], [65535, 0, 128 * 257]]
    ]


@pytest.mark.parametrize(("output", "options"), [("webp", {}), ("jpg", {"background": "white"})])
def test_what_holds_8_bits_only_gets_8_with_a_note(output: str, options: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(cv2.imencode(".png", deep_scene())[1].tobytes())
    (record,) = remove_backgrounds(path, tmp_path / "out", format=output, strategy="sequential", **options)
    assert record.warnings == (f"its 16 bits a sample were reduced to 8, as {output} holds no more",)
    if output == "webp":
        written = read(record.outputs[0])
        assert np.array_equal(written.image[written.alpha > 0], (deep_scene() >> 8)[written.alpha > 0])


def test_16_bits_stay_upright() -> None:
    deep = deep_scene(4)
    plain = cv2.imencode(".png", deep)[1].tobytes()
    exif = PIL.Image.Exif()
    exif[0x0112] = 6
    turned = plain[:33] + chunk(b"eXIf", exif.tobytes().removeprefix(b"Exif\0\0")) + plain[33:]
    for content in (turned, tiff_of(rgb(deep), 2, extras=(2,), more={0x0112: (3, (6,))})):
        photo = decode(content)
        assert photo.samples is not None
        assert photo.alpha is not None
        assert np.array_equal(np.dstack([photo.samples, photo.alpha]), np.rot90(deep, -1))
        assert np.array_equal(photo.image, photo.samples >> 8)


# TIFF


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_tiff_of_16_bits_in_every_layout(channels: int, layout: dict[str, object], tmp_path: Path) -> None:
    samples = np.random.default_rng(channels).integers(0, 65536, (19, 37, channels), np.uint16)
    path = tmp_path / "a.tif"
    path.write_bytes(tiff_of(samples, 1 if channels < 3 else 2, extras=(2,) if channels % 2 == 0 else (), **layout))
    photo = read(path)
    colours = samples[..., :1].repeat(3, axis=2) if channels < 3 else samples[..., 2::-1]
    assert photo.samples is not None
    assert np.array_equal(photo.samples, colours)
    assert (photo.alpha is None) == (channels % 2 == 1)
    if photo.alpha is not None:
        assert np.array_equal(photo.alpha, samples[..., -1])
    assert photo.notes == ()
    assert header_pixels(path) == 19 * 37


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_cmyk_with_alpha(dtype: type, layout: dict[str, object]) -> None:
    cmyk = np.asarray(quarters().convert("CMYK"))
    alpha = np.zeros((32, 48, 1), np.uint8)
    alpha[:, 20:] = np.arange(32, dtype=np.uint8)[:, None, None]
    samples = np.dstack([cmyk, alpha]).astype(dtype) * dtype(1 if dtype is np.uint8 else 257)
    photo = decode(tiff_of(samples, 5, extras=(2,), **layout))
    assert np.array_equal(photo.image, np.asarray(quarters())[..., ::-1])
    assert np.array_equal(photo.alpha, alpha[..., 0])
    converted = "its CMYK colours were converted to sRGB"
    assert photo.notes == (("of the 16 bits of its samples 8 were read",) if dtype is np.uint16 else ()) + (converted,)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_what_is_beside_the_colours_and_no_alpha_is_left_out(dtype: type) -> None:
    samples = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, (8, 9, 5), dtype)
    photo = decode(tiff_of(samples, 2, extras=(0, 2)))
    assert np.array_equal(photo.pixels, samples[..., 2::-1])
    assert np.array_equal(photo.alpha, samples[..., 4])
    gray = decode(tiff_of(samples[..., :2], 0, extras=(2,)))
    assert np.array_equal(gray.pixels[..., 0], ~samples[..., 0])
    assert np.array_equal(gray.alpha, samples[..., 1])
    assert decode(tiff_of(samples[..., :4], 2, extras=(0,))).alpha is None


def test_colours_that_are_multiplied_by_alpha_are_divided() -> None:
    straight = np.random.default_rng(0).integers(0, 65536, (8, 9, 3), np.uint16)
    alpha = np.random.default_rng(1).integers(30_000, 65536, (8, 9, 1), np.uint16)
    stored = np.rint(straight * (alpha / 65535)).astype(np.uint16)
    photo = decode(tiff_of(np.dstack([stored, alpha]), 2, extras=(1,)))
    assert photo.samples is not None
    assert np.abs(photo.samples.astype(int) - straight[..., ::-1]).max() <= 2
    transparent = decode(tiff_of(np.dstack([stored, alpha * np.uint16(0)]), 2, extras=(1,)))
    assert transparent.alpha is not None
    assert not transparent.alpha.any()


def test_white_is_zero() -> None:
    photo = decode(tiff_of(np.array([[[0], [1], [65535]]], np.uint16), 0))
    assert photo.samples is not None
    assert photo.samples[0, :, 0].tolist() == [65535, 65534, 0]


def test_a_tiff_of_16_bits_is_checked_as_any_other() -> None:
    samples = np.random.default_rng(0).integers(0, 65536, (64, 64, 3), np.uint16)
    content = tiff_of(samples, 2, deflate=True)
    with pytest.raises(ImageTooLargeError, match="64 x 64"):
        decode(content, max_pixels=64 * 64 - 1)
    damaged = bytearray(content)
    damaged[200:5000] = bytes(4800)
    with pytest.raises(ImageError, match="damaged or truncated"):
        decode(bytes(damaged))
    huge = tiff_of(samples, 2, more={256: (4, (60_000,)), 257: (4, (60_000,))})
    with pytest.raises(ImageTooLargeError):
        decode(huge)
    with pytest.raises(ImageError, match="damaged or truncated"):
        decode(huge, max_pixels=2**40)


def test_the_second_page_of_16_bits_is_noted() -> None:
    content = bytearray(tiff_of(np.zeros((4, 4, 3), np.uint16), 2))
    place = struct.unpack("<I", content[4:8])[0]
    following = place + 2 + 12 * struct.unpack("<H", content[place : place + 2])[0]
    content += bytes(len(content) % 2)
    content[following : following + 4] = struct.pack("<I", len(content))
    content += content[place:following] + bytes(4)
    assert decode(bytes(content)).notes == ("it holds several frames or pages; only the first was read",)


# PNG


def test_png_of_16_bits_in_every_kind() -> None:
    row = struct.pack(">4H", 0x1234, 0xFFFF, 0x8001, 0x0102)
    gray_alpha = decode(png(2, 1, 16, 4, b"\0" + row))
    assert gray_alpha.samples is not None
    assert gray_alpha.samples.tolist() == [[[0x1234] * 3, [0x8001] * 3]]
    assert gray_alpha.alpha is not None
    assert gray_alpha.alpha.tolist() == [[0xFFFF, 0x0102]]
    pixels = b"\0" + struct.pack(">6H", 0x1234, 5, 6, 0x8000, 0x0102, 7)
    keyed = decode(png(2, 1, 16, 2, pixels, chunk(b"tRNS", struct.pack(">3H", 0x1234, 5, 6))))
    assert keyed.samples is not None
    assert keyed.samples.tolist() == [[[6, 5, 0x1234], [7, 0x0102, 0x8000]]]
    assert keyed.alpha is not None
    assert keyed.alpha.tolist() == [[0, 65535]]


def test_what_a_chunk_says_of_its_length_costs_nothing() -> None:
    deep = deep_scene()
    plain = cv2.imencode(".png", deep)[1].tobytes()
    for place in (33, -12):
        content = plain[:place] + chunk(b"teXt", b"a comment") + plain[place:]
        assert np.array_equal(decode(content).samples, deep)
    small = np.full((2, 2, 3), 0x1234, np.uint16)
    lying = bytearray(png(2, 2, 16, 2, (b"\0" + b"\x12\x34" * 6) * 2))
    lying[33:37] = b"\xff\0\0\x10"  # of the chunk of pixels; Pillow looks only at what it needs
    with mostly_free_memory(2**30):
        photo = decode(bytes(lying))
    assert np.array_equal(photo.image, small >> 8)
    assert photo.notes == ("of the 16 bits of its samples 8 were read",)


def test_tiles_of_a_damaged_size_take_no_memory() -> None:
    samples = np.zeros((16, 16, 3), np.uint16)
    content = tiff_of(samples, 2, tile=16, more={322: (4, (60_000,)), 323: (4, (60_000,))})
    with mostly_free_memory(2**30), suppress(ImageError):
        decode(content)


def test_pil_image_of_16_bits() -> None:
    deep = np.arange(12, dtype=np.uint16).reshape(3, 4) * np.uint16(5000)
    photo = decode(saved(PIL.Image.fromarray(deep), "PNG"))
    assert np.array_equal(photo.samples, deep[..., None].repeat(3, axis=2))


@pytest.mark.parametrize("output", ["png", "tiff"])
@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 3), (5, 7, 4)])
def test_16_bits_are_written_without_loss(shape: tuple[int, ...], output: str) -> None:
    pixels = np.random.default_rng(0).integers(0, 65536, shape, np.uint16)
    photo = decode(encode(pixels, output))
    expected = from_array(pixels)
    assert isinstance(expected, Photo)
    assert np.array_equal(photo.samples, expected.samples)
    assert (photo.alpha is None) == (len(shape) < 3 or shape[2] == 3)
    assert photo.alpha is None or np.array_equal(photo.alpha, pixels[..., 3])


@pytest.mark.parametrize("orientation", [0, 9, 65535])
@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
def test_a_wrong_orientation_is_ignored(orientation: int, depth: type) -> None:
    samples = np.random.default_rng(0).integers(0, 255, (9, 13, 3)).astype(depth)
    photo = decode(tiff_of(samples, 2, more={274: (3, (orientation,))}))
    assert np.array_equal(photo.pixels, samples[:, :, ::-1])
