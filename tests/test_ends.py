"""Pictures that end early, in files that do not: none is filled up without a word."""

from __future__ import annotations

import base64
import io
import struct
import zlib

import numpy as np
import PIL.Image
import pytest

from bgremove.errors import ImageError
from bgremove.formats.read import decode
from tests.image_files import chunk, png, quarters, saved
from tests.samples import save_scene
from tests.tiff_files import fewer, tiff_of

pytestmark = pytest.mark.pixels

PIXELS = np.random.default_rng(0).integers(40, 200, (40, 56, 3), np.uint8)
END_OF_JPEG = b"\xff\xd9"


ARITHMETIC = base64.b64decode(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAA0JCgsKCA0LCgsODg0PEyAVExISEyccHhcgLikxMC4pLSwzOko+MzZGNywtQFdBRkxOUlNSMj5aYV"
    "pQYEpRUk//yQALCAAoADABAREA/8wABgAQEAX/2gAIAQEAAD8A/wB20fQgjE0BVYJyricnDSy4ts35oJK2W0Ga9xliUWniWixxG1eKeA1s6cD9"
    "L5bBRuSmhgt5l4qQmE0ZGIyPalzOv4XMprdpIspEiRuJ1WDqcqO3n47dQpVM50/KYX2Huhs8UXsiptjDKcDtsKm6SuECvOK+MFlNZoXXyNRWoJ"
    "4z+xtVzsU4APJXnQZ916BvH+XcMMIbjnDTJGHTpj48ytONmycQfvdUNurUokAFwTXzLZRMfBfwjTGkqJ4wo78+1GlZyRVYw38xiYABpUUCFcHU"
    "RB8HnYDqUJIpi/Q7H8ZbWMWsOZo9ZKfxFwXsjPb/AA4gaOfjo7DZbk9E7ldcm+/I/un6v6uhm2/yXhXR3cDgZ7GtOYP79h3PO2bW6VwSQNlyC6"
    "zaTes3l4zbBXhnZ3N61khcX409RdhZxSj+zZSm9IXIvr397xwfumEdy/z2/jLFy9fTzoz7Xxl3iaeqZGnAKl9EkyfGCebwAIwZEuKKauo/ZPY1"
    "DlxoQDnwjeQZvviKJQJe2NKupSLCmsLPB8apKDVKzQ9pwV0IL0I7+FP5jhXHeRPnmNyQ8qBMHx26d5YvqHOrCF0J3N79rSvkIIYPNVkn5dHZe9"
    "Smo35J5PqKAyhKnPPBgwNq3RZeBJObhm9Y9166hWTYpRlwX+RnBHXdvTD/2Q=="
)
"""A photograph of 48 by 40 pixels, gray, of arithmetic coding, by libjpeg."""


def photograph() -> PIL.Image.Image:
    return PIL.Image.fromarray(PIXELS)


# PNG


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("colour", [0, 2])
@pytest.mark.parametrize("rows", [1, 39])
def test_a_png_with_fewer_rows_than_its_size_needs(depth: int, colour: int, rows: int) -> None:
    samples = (PIXELS if colour else PIXELS[:, :, 0]).astype(">u2" if depth == 16 else np.uint8)
    raw = [b"\0" + row.tobytes() for row in samples]
    assert not decode(png(56, 40, depth, colour, b"".join(raw))).notes
    with pytest.raises(ImageError, match="its pixels end early"):
        decode(png(56, 40, depth, colour, b"".join(raw[:rows])))


@pytest.mark.parametrize("height", [1, 2, 39, 40])
@pytest.mark.parametrize("passes", [1, 4, 6])
def test_an_interlaced_png_with_fewer_passes(height: int, passes: int) -> None:
    header = struct.pack(">IIBBBBB", 56, height, 8, 0, 0, 0, 1)
    sizes = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
    parts = [PIXELS[top:height:down, left::across, 0] for left, top, across, down in sizes]
    raw = [b"".join(b"\0" + row.tobytes() for row in part) for part in parts]

    def interlaced(data: list[bytes]) -> bytes:
        chunks = [chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(b"".join(data))), chunk(b"IEND", b"")]
        return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)

    assert np.array_equal(decode(interlaced(raw)).image[:, :, 0], PIXELS[:height, :, 0])
    if any(raw[passes:]):
        with pytest.raises(ImageError, match="damaged or truncated"):
            decode(interlaced(raw[:passes]))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
@pytest.mark.parametrize("interlaced", [False, True])
def test_a_png_that_is_black_is_whole(mode: str, interlaced: bool) -> None:
    image = PIL.Image.new(mode, (3, 5))
    assert not decode(saved(image, "PNG")).image.any()
    if interlaced:
        content = saved(image, "PNG", interlace=1)
        assert not decode(content).image.any()


def test_no_more_of_a_png_is_decompressed_than_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    lengths: list[int] = []

    class Counted:
        def __init__(self) -> None:
            self._stream = zlib.decompressobj()

        def __getattr__(self, name: str) -> object:
            return getattr(self._stream, name)

        def decompress(self, packed: bytes, most: int) -> bytes:
            data = self._stream.decompress(packed, most)
            lengths.append(len(data))
            return data

        def flush(self) -> bytes:
            lengths.append(len(data := self._stream.flush()))
            return data

    class Module:
        decompressobj = Counted

    bomb = png(4, 4, 8, 2, bytes(20 * 2**20))
    monkeypatch.setattr("bgremove.formats._png_chunks.zlib", Module)
    assert not decode(bomb).image.any()
    assert 0 < sum(lengths) <= 2**22


@pytest.mark.parametrize("keep", [0.3, 0.6, 0.9, 0.98])
@pytest.mark.parametrize("make", [
    lambda: saved(photograph(), "PNG"),
    lambda: saved(photograph().convert("L"), "PNG"),
    lambda: saved(photograph(), "JPEG"),
    lambda: saved(photograph().convert("CMYK"), "JPEG"),
])  # fmt: skip
def test_a_file_whose_end_is_zeros_as_of_a_download_that_was_broken_off(make, keep: float) -> None:
    whole = make()
    decode(whole)
    length = int(keep * len(whole))
    with pytest.raises(ImageError, match="damaged or truncated"):
        decode(whole[:length] + bytes(len(whole) - length))


@pytest.mark.parametrize("file_format", ["WEBP", "AVIF"])
def test_zeros_at_the_end_of_what_has_no_check_are_noted(file_format: str) -> None:
    noise = PIL.Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8))
    whole = saved(noise, file_format)
    assert not decode(whole).notes
    assert "it ends in zeros" in decode(whole[:-600] + bytes(600)).notes[0]


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("quality", range(60, 100, 5))
def test_zeros_in_place_of_the_end_of_a_jpeg_are_no_damage_where_all_of_it_is_there(mode: str, quality: int) -> None:
    whole = saved(photograph().convert(mode), "JPEG", quality=quality)
    assert np.array_equal(decode(whole[:-2] + bytes(5000)).image, decode(whole).image)


@pytest.mark.parametrize("behind", [b"\xff\xda\0\2", bytes(600) + b"\xff\xda\0\2", b"\xff\xe1\0\5abc" * 3])
def test_nonsense_behind_a_whole_jpeg_is_passed_over(behind: bytes) -> None:
    whole = saved(photograph(), "JPEG")
    assert np.array_equal(decode(whole[:-2] + behind).image, decode(whole).image)


def test_a_wrong_check_of_a_png_is_no_damage_where_its_data_are_right() -> None:
    content = bytearray(saved(photograph(), "PNG"))
    place = content.index(b"IEND") - 8
    content[place : place + 4] = bytes(4)
    assert np.array_equal(decode(bytes(content)).image, PIXELS[:, :, ::-1])
    content[place - 60] ^= 1
    with pytest.raises(ImageError, match="damaged or truncated"):
        decode(bytes(content))


def test_a_png_without_its_end_is_whole() -> None:
    assert np.array_equal(decode(saved(photograph(), "PNG")[:-12]).image, PIXELS[:, :, ::-1])


# JPEG


@pytest.mark.parametrize("keep", [0.4, 0.6, 0.95])
@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("subsampling", [0, 2])
def test_a_jpeg_that_is_ended_early(mode: str, subsampling: int, keep: float) -> None:
    whole = saved(photograph().convert(mode), "JPEG", subsampling=subsampling)
    decode(whole)
    with pytest.raises(ImageError, match="a part of its picture is missing"):
        decode(whole[: int(keep * len(whole))].rstrip(b"\xff") + END_OF_JPEG)


@pytest.mark.parametrize("keep", [0.2, 0.4, 0.6, 0.9])
def test_a_jpeg_of_arithmetic_coding_that_is_ended_early(keep: float) -> None:
    assert not decode(ARITHMETIC).notes
    with pytest.raises(ImageError, match="a part of its picture is missing"):
        decode(ARITHMETIC[: int(keep * len(ARITHMETIC))] + END_OF_JPEG)


def test_a_jpeg_that_promises_more_rows() -> None:
    content = bytearray(saved(photograph(), "JPEG"))
    struct.pack_into(">H", content, content.index(b"\xff\xc0") + 5, 80)
    with pytest.raises(ImageError, match="a part of its picture is missing"):
        decode(bytes(content))


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_a_gray_jpeg_is_whole(mode: str, progressive: bool) -> None:
    """It is what others are filled up with."""
    gray = {"L": 128, "RGB": (128,) * 3, "CMYK": (127,) * 4}[mode]
    for content in (
        saved(PIL.Image.new(mode, (37, 21), gray), "JPEG", progressive=progressive),
        saved(PIL.Image.new(mode, (37, 21), gray), "JPEG", progressive=progressive, restart_marker_blocks=1),
    ):
        assert decode(content).image.shape == (21, 37, 3)
        assert decode(content[:-2] + b"\xff\xff" + END_OF_JPEG + b"behind").image.shape == (21, 37, 3)


@pytest.mark.parametrize("lost", [b"\xff\xd1", b"\xff\xd0"])
def test_a_jpeg_without_one_of_its_restarts(lost: bytes) -> None:
    whole = saved(photograph(), "JPEG", restart_marker_rows=1)
    assert not decode(whole).notes
    following = bytes([0xFF, lost[1] + 1])
    with pytest.raises(ImageError, match="a part of its picture is missing"):
        decode(whole[: whole.index(lost)] + whole[whole.index(following) :])


@pytest.mark.parametrize("scans", [1, 3, 9])
def test_a_progressive_jpeg_without_its_last_scans_is_noted(scans: int) -> None:
    whole = saved(photograph(), "JPEG", progressive=True)
    assert not decode(whole).notes
    starts = [place for place in range(len(whole)) if whole[place : place + 2] == b"\xff\xda"]
    photo = decode(whole[: starts[scans]] + END_OF_JPEG)
    assert photo.notes == ("it is a progressive JPEG without its last scans: it is less sharp than it was",)


def test_a_jpeg_without_one_of_its_colours() -> None:
    content = saved(photograph(), "JPEG", progressive=True)
    first = content.index(b"\xff\xda")
    header = b"\xff\xda\0\x08\1\1\0\0\0\1"
    with pytest.raises(ImageError, match="a part of its picture is missing"):
        decode(content[:first] + header + content[first + 14 :].partition(b"\xff\xc4")[0] + END_OF_JPEG)


def test_two_pictures_in_a_jpeg_are_whole() -> None:
    file = io.BytesIO()
    quarters().save(file, "MPO", save_all=True, append_images=[quarters()])
    assert not decode(file.getvalue()).notes


# The command


def test_the_command_fails_for_such_a_file_and_goes_on(command_here, tmp_path) -> None:
    folder = tmp_path / "photos"
    save_scene(folder / "a.png", 0)
    raw = b"".join(b"\0" + row.tobytes() for row in PIXELS[:20])
    broken = {
        "b.tif": fewer(tiff_of(PIXELS, 2), (273,), 3),
        "c.png": png(56, 40, 8, 2, raw),
        "d.jpg": saved(photograph(), "JPEG")[:1500] + END_OF_JPEG,
    }
    for name, content in broken.items():
        (folder / name).write_bytes(content)
    result = command_here("remove", folder, "-o", tmp_path / "out", "--strategy", "sequential")
    assert result.returncode == 1
    assert "1 ok, 0 skipped, 3 failed" in result.stderr
    assert [path.name for path in (tmp_path / "out").iterdir() if not path.name.startswith(".")] == ["a.png"]
    assert all(f"{name}: it is damaged or truncated (" in result.stderr for name in broken)
