"""TIFF files that are not read are told by what they hold; none is taken for another picture."""

from __future__ import annotations

import struct

import numpy as np
import PIL.Image
import pytest

from bgremove.errors import ImageError, ImageTooLargeError
from bgremove.formats.read import decode
from tests.image_files import tiff
from tests.tiff_files import tiff_of

pytestmark = pytest.mark.pixels


def test_a_tiff_that_is_not_read_is_named_by_its_samples() -> None:
    samples = np.zeros((4, 4, 3), np.uint16)
    tiff = tiff_of(samples, 2, more={258: (3, (12, 12, 12))})
    with pytest.raises(ImageError, match=r"a TIFF of 3 samples of 12 bits \(photometric interpretation 2, compr"):
        decode(tiff)


@pytest.mark.parametrize(
    ("more", "name"),
    [
        ({339: (3, (2,) * 3)}, "3 signed samples of 8 bits"),
        ({259: (3, (50001,))}, "compression 50001"),
        ({259: (3, (34712,))}, "compression 34712"),
    ],
)
def test_a_tiff_that_pillow_would_take_for_another_is_named(
    more: dict[int, tuple[int, tuple[int, ...]]], name: str
) -> None:
    with pytest.raises(ImageError, match=f"a TIFF of .*{name}.*which is not read"):
        decode(tiff_of(np.zeros((4, 4, 3), np.uint8), 2, more=more))


@pytest.mark.parametrize("more", [{}, {530: (3, (2, 2))}, {530: (3, (2, 1))}])
def test_colour_of_which_there_is_less_than_of_brightness_is_refused_uncompressed(more) -> None:
    whole = tiff_of(np.full((4, 4, 3), 128, np.uint8), 6, more={530: (3, (1, 1))})
    assert decode(whole).image.max() < 130
    with pytest.raises(ImageError, match=r"3 samples of 8 bits \(photometric interpretation 6, compression 1\)"):
        decode(tiff_of(np.zeros((4, 4, 3), np.uint8), 6, more=more))


def test_a_palette_and_alpha_in_planes_are_refused() -> None:
    palette = {320: (3, tuple(range(768)))}
    with pytest.raises(ImageError, match="a TIFF of 2 samples of 8 bits"):
        decode(tiff_of(np.zeros((4, 4, 2), np.uint8), 3, extras=(2,), planar=True, deflate=True, more=palette))


def test_gray_of_signed_bytes_is_refused() -> None:
    with pytest.raises(ImageError, match="a TIFF of 1 signed samples of 8 bits"):
        decode(tiff_of(np.zeros((4, 4, 1), np.uint8), 1, more={339: (3, (2,))}))


def test_a_bigtiff_cannot_make_a_directory_without_end() -> None:
    entries = b"".join(struct.pack("<HHQQ", tag, 1, 2**25, 16) for tag in range(4))
    content = b"II+\0" + struct.pack("<HHQ", 8, 0, 16) + struct.pack("<Q", 4) + entries + bytes(8 + 2**25)
    with pytest.raises(ImageError, match="damaged or truncated"):
        decode(content)


def test_struct_of_a_tiff_without_directory_is_damage() -> None:
    with pytest.raises(ImageError, match="its header cannot be read"):
        decode(b"II*\0" + struct.pack("<I", 4000) + bytes(20))
    assert PIL.Image.MAX_IMAGE_PIXELS is not None


@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
@pytest.mark.parametrize(
    ("photometric", "count", "extras", "lost"),
    [(2, 4, (0,), 1), (2, 4, (2,), 0), (2, 6, (0, 2, 0), 2), (1, 3, (2, 2), 1), (5, 6, (1, 0), 1), (2, 3, (), 0)],
)
def test_channels_that_are_neither_colours_nor_alpha_are_noted(
    depth: type, photometric: int, count: int, extras: tuple[int, ...], lost: int
) -> None:
    samples = np.random.default_rng(0).integers(1, 255, (4, 4, count)).astype(depth)
    photo = decode(tiff_of(samples, photometric, extras=extras))
    told = [note for note in photo.notes if "neither colour nor alpha" in note]
    assert told == (
        [f"of its channels {lost}, neither colour nor alpha, {'was' if lost == 1 else 'were'} left out"] * bool(lost)
    )
    assert (photo.alpha is None) is (not {1, 2} & set(extras))


@pytest.mark.parametrize(("photometric", "count", "extras"), [(2, 7, ()), (2, 7, (2,)), (5, 8, ())])
def test_channels_of_which_nothing_is_said_are_noted_but_for_the_first(
    photometric: int, count: int, extras: tuple[int, ...]
) -> None:
    samples = np.random.default_rng(0).integers(1, 255, (4, 4, count)).astype(np.uint8)
    photo = decode(tiff_of(samples, photometric, extras=extras))
    assert "of its channels 3, neither colour nor alpha, were left out" in photo.notes
    assert np.array_equal(photo.alpha, samples[:, :, 3 if photometric == 2 else 4])


def test_half_floats_are_called_that() -> None:
    with pytest.raises(ImageError, match="a TIFF of 3 floating-point samples of 16 bits"):
        decode(tiff_of(np.zeros((4, 4, 3), np.uint16), 2, more={339: (3, (3,) * 3)}))


@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
def test_tiles_that_are_larger_than_the_limit_are_refused_however_small_the_picture(depth: type) -> None:
    """Pillow takes the memory of a whole tile: 800 MB for 100 by 100 pixels."""
    samples = np.zeros((20, 20, 3), depth)
    whole = tiff_of(samples, 2, deflate=True, tile=512)
    assert decode(whole, max_pixels=512 * 512).image.shape == (20, 20, 3)
    with pytest.raises(ImageTooLargeError, match="its tiles have 512 x 512 pixels, the limit is 262143 in all"):
        decode(whole, max_pixels=512 * 512 - 1)
    with pytest.raises(ImageError):
        decode(tiff_of(samples, 2, deflate=True, tile=16, more={322: (4, (2**32 - 16,)), 323: (4, (2**32 - 16,))}))


def test_a_tiff_without_pixels_is_not_told_by_what_they_are_made_of() -> None:
    with pytest.raises(ImageError, match=r"it is damaged or truncated \(it begins as a TIFF"):
        decode(tiff(0, 0, 8, b""))
