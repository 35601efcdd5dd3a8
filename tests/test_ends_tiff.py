"""TIFF files whose data end early, as `test_ends` has others: of strips and tiles, or inside one."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import PIL.Image
import pytest

from bgremove.errors import ImageError
from bgremove.formats.read import decode
from tests.image_files import saved
from tests.test_ends import END_OF_JPEG, PIXELS, photograph
from tests.tiff_files import fewer, tiff_of

pytestmark = pytest.mark.pixels


@pytest.mark.parametrize("tags", [(273, 279, 324, 325), (273, 324)])
@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
@pytest.mark.parametrize("options", [{}, {"tile": 16}, {"planar": True}, {"planar": True, "tile": 16}])
def test_a_tiff_with_fewer_strips_or_tiles_than_it_needs(options, depth: type, tags: tuple[int, ...]) -> None:
    whole = tiff_of(PIXELS.astype(depth), 2, **options)
    assert not decode(whole).notes
    blocks = (12 if "tile" in options else 5) * (3 if "planar" in options else 1)
    with pytest.raises(ImageError, match=f"damaged or truncated .of {blocks} parts of its picture it has {blocks - 1}"):
        decode(fewer(whole, tags, blocks - 1))


@pytest.mark.parametrize("big", [False, True])
def test_a_tiff_that_is_taller_than_its_strips(big: bool) -> None:
    with pytest.raises(ImageError, match="of 10 parts of its picture it has 5"):
        decode(tiff_of(PIXELS, 2, big=big, more={257: (4, (80,))}))


def test_a_strip_that_was_left_out_of_a_tiff() -> None:
    with pytest.raises(ImageError, match="of 5 parts of its picture it has 4"):
        decode(tiff_of(PIXELS, 2, more={273: (4, (8, 1352, 0, 4040, 5384))}))


def test_a_tiff_that_asks_for_more_strips_than_there_can_be() -> None:
    with pytest.raises(ImageError):
        decode(tiff_of(PIXELS, 2, more={256: (4, (2**32 - 1,)), 257: (4, (2**32 - 1,)), 278: (4, (1,))}))


@pytest.mark.parametrize("lost", [1, 50, 2000])
@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("deflate", [False, True])
@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
def test_a_tiff_whose_directory_comes_first_is_cut_off(depth: type, deflate: bool, big: bool, lost: int) -> None:
    """What is added to read it, a directory for 8 bits or for offsets of 32, must not become pixels."""
    whole = strips_behind(PIXELS.astype(depth), deflate=deflate, big=big)
    assert np.array_equal(decode(whole).pixels, PIXELS.astype(depth)[:, :, ::-1])
    with pytest.raises(ImageError, match="damaged or truncated"):
        decode(whole[:-lost])


def strips_behind(samples: np.ndarray, *, deflate: bool, big: bool) -> bytes:
    """A TIFF whose strips stand behind its directory."""
    content = tiff_of(samples, 2, deflate=deflate, big=big)
    (place,) = struct.unpack_from("<Q" if big else "<I", content, 8 if big else 4)
    first = 16 if big else 8
    moved, kind = len(content) - first, 16 if big else 4
    again = tiff_of(samples, 2, deflate=deflate, big=big, more={273: (kind, shifted(content, place, moved, big=big))})
    return again + content[first:place]


def shifted(content: bytes, place: int, by: int, *, big: bool) -> tuple[int, ...]:
    """Where the strips of a TIFF begin, `by` bytes further."""
    entry = content.index(struct.pack("<HH", 273, 16 if big else 4), place)
    count, values = struct.unpack_from("<QQ" if big else "<II", content, entry + 4)
    return tuple(start + by for start in struct.unpack_from(f"<{count}{'Q' if big else 'I'}", content, values))


def cut_in_its_strip(content: bytes, keep: float, end: bytes = b"") -> bytes:
    """A TIFF of one strip, of which a part is kept, with `end` and zeros behind."""
    with PIL.Image.open(io.BytesIO(content)) as opened:
        (start,), (size,) = opened.tag_v2[273], opened.tag_v2[279]
    return content[:start] + (content[start:][: int(keep * size)] + end).ljust(size, b"\0") + content[start + size :]


@pytest.mark.parametrize("keep", [0.3, 0.6, 0.95])
@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_deflate", "tiff_adobe_deflate", "packbits"])
def test_the_data_of_a_strip_end_in_zeros(compression: str, keep: float) -> None:
    whole = saved(photograph(), "TIFF", compression=compression)
    assert not decode(whole).notes
    with pytest.raises(ImageError, match="damaged or truncated"):
        decode(cut_in_its_strip(whole, keep))


FAX = ["tiff_ccitt", "group3", "group4"]


@pytest.mark.parametrize("keep", [0.3, 0.6, 0.95])
@pytest.mark.parametrize("compression", FAX)
@pytest.mark.parametrize("order", [1, 2])
def test_the_data_of_a_facsimile_end_early(compression: str, keep: float, order: int) -> None:
    whole = saved(photograph().convert("1"), "TIFF", compression=compression, tiffinfo={266: order})
    decode(whole)
    with pytest.raises(ImageError, match="damaged or truncated"):
        decode(cut_in_its_strip(whole, keep))


@pytest.mark.parametrize("compression", FAX)
@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("rows", [1, 7, 64])
def test_a_facsimile_of_any_last_row_is_whole(compression: str, order: int, rows: int) -> None:
    random = np.random.default_rng(rows)
    for width in (1, 2, 7, 8, 63, 64, 65, 128, 1472, 1728, 2560, 2561):
        for ink in (0, 0.5, 0.01, 0.99, 1):
            pixels = np.repeat(random.random((9, width)) < ink, 2, axis=0)
            image = PIL.Image.fromarray(pixels)
            read = decode(saved(image, "TIFF", compression=compression, tiffinfo={266: order, 278: rows}))
            assert np.array_equal(read.image[..., 0] > 0, pixels)


@pytest.mark.parametrize("end", [b"", END_OF_JPEG])
@pytest.mark.parametrize("mode", ["L", "RGB", "YCbCr", "CMYK"])
@pytest.mark.parametrize("keep", [0.5, 0.95])
def test_a_jpeg_in_a_tiff_ends_early(mode: str, keep: float, end: bytes) -> None:
    whole = saved(photograph().convert(mode), "TIFF", compression="jpeg")
    decode(whole)
    with pytest.raises(ImageError, match="a part of its picture is missing"):
        decode(cut_in_its_strip(whole, keep, end))


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_a_gray_jpeg_in_a_tiff_is_whole(mode: str) -> None:
    decode(
        saved(
            PIL.Image.new(mode, (37, 21), {"L": 128, "RGB": (128,) * 3, "CMYK": (127,) * 4}[mode]),
            "TIFF",
            compression="jpeg",
        )
    )


def test_zeros_behind_the_data_of_a_strip_are_no_damage() -> None:
    whole = tiff_of(PIXELS, 2, more={259: (3, (8,))})
    packed = [zlib.compress(PIXELS[top : top + 8].tobytes()) + bytes(20) for top in range(0, 40, 8)]
    starts = tuple(len(whole) + sum(map(len, packed[:index])) for index in range(5))
    content = tiff_of(PIXELS, 2, more={259: (3, (8,)), 273: (4, starts), 279: (4, tuple(map(len, packed)))})
    assert np.array_equal(decode(content + b"".join(packed)).image, PIXELS[:, :, ::-1])


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"])
@pytest.mark.parametrize("change", ["no sizes", "sizes of 0", "signed"])
def test_a_tiff_whose_directory_says_less_than_it_should_is_read(compression: str, change: str) -> None:
    """As old writers leave it, and decoders make sense of."""
    content = bytearray(saved(photograph(), "TIFF", compression=compression))
    tag = 257 if change == "signed" else 279
    place = content.index(struct.pack("<H", tag), struct.unpack_from("<I", content, 4)[0])
    if change == "no sizes":
        struct.pack_into("<H", content, place, 65000)
    elif change == "sizes of 0":
        assert struct.unpack_from("<I", content, place + 4) == (1,)
        struct.pack_into("<I", content, place + 8, 0)
    else:
        struct.pack_into("<H", content, place + 2, 9)
    with PIL.Image.open(io.BytesIO(content)) as image:
        expected = np.asarray(image.convert("RGB"))
    assert np.array_equal(decode(bytes(content)).image[..., ::-1], expected)
