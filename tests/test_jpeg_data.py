"""What stands in the data of a JPEG in place of what was written, and what only looks like it."""

from __future__ import annotations

import base64
import itertools

import numpy as np
import PIL.Image
import pytest

from bgremove.errors import ImageError
from bgremove.formats._jpeg_scans import scans_of
from bgremove.formats.read import decode
from tests.image_files import saved
from tests.test_ends import ARITHMETIC, END_OF_JPEG, photograph

pytestmark = pytest.mark.pixels

LARGE = photograph().resize((560, 400), PIL.Image.Resampling.NEAREST)
WAYS: dict[str, dict[str, object]] = {
    "baseline": {},
    "own tables": {"optimize": True},
    "restarts": {"restart_marker_rows": 1},
    "progressive": {"progressive": True},
    "progressive with restarts": {"progressive": True, "restart_marker_blocks": 7},
}


def scans(content: bytes) -> list[int]:
    """Where the data of each scan begin."""
    found = [place for place in range(len(content) - 1) if content[place : place + 2] == b"\xff\xda"]
    return [place + 2 + int.from_bytes(content[place + 2 : place + 4]) for place in found]


def in_mode(image: PIL.Image.Image, mode: str) -> PIL.Image.Image:
    """With four inks in CMYK, which Pillow would make without black."""
    return PIL.Image.merge("CMYK", [*image.split(), image.getchannel("R")]) if mode == "CMYK" else image.convert(mode)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_zeros_in_the_middle_are_damage(way: str, mode: str) -> None:
    whole = saved(in_mode(LARGE, mode), "JPEG", quality=98, **WAYS[way])
    decode(whole)
    place = (scans(whole)[-1] + len(whole) - 4096) // 2
    with pytest.raises(ImageError, match="damaged or truncated"):
        decode(whole[:place] + bytes(4096) + whole[place + 4096 :])


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("subsampling", [0, 1, 2])
def test_large_areas_of_one_colour_are_no_damage(way: str, mode: str, subsampling: int) -> None:
    """Of which the data may be just zeros."""
    for value in (0, 126, 255):
        image = PIL.Image.new("L", (1000, 800), value).convert(mode)
        image.paste(0, (700, 700, 707, 707))
        content = saved(image, "JPEG", subsampling=subsampling, quality=90, **WAYS[way])
        assert not any("sharp" in note for note in decode(content).notes)


def test_the_data_of_one_colour_are_zeros() -> None:
    """That the test above has what it is for."""
    content = saved(PIL.Image.new("L", (2000, 1500)), "JPEG", optimize=True)
    assert bytes(4096) in content
    assert not scans_of(content).has_hole


@pytest.mark.parametrize("sizes", list(itertools.product((1, 8, 9, 33), repeat=2)))
@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("way", ["restarts", "progressive with restarts"])
def test_as_many_restarts_as_the_size_needs(sizes: tuple[int, int], subsampling: int, way: str) -> None:
    for blocks in (1, 2, 3):
        options = {"progressive": "progressive" in way, "restart_marker_blocks": blocks}
        for mode in ("L", "RGB"):
            decode(saved(photograph().crop((0, 0, *sizes)).convert(mode), "JPEG", subsampling=subsampling, **options))


def test_a_scan_without_eight_of_its_restarts() -> None:
    """The others are in order, then, and only details are wrong."""
    whole = saved(LARGE, "JPEG", progressive=True, restart_marker_blocks=7)
    start = scans(whole)[-1]
    first = whole.index(b"\xff\xd1", start)
    again = whole.index(b"\xff\xd1", whole.index(b"\xff\xd0", first))
    with pytest.raises(ImageError, match="a part of its picture is missing"):
        decode(whole[:first] + whole[again:])


@pytest.mark.parametrize("keep", [0.2, 0.5, 0.9])
def test_the_first_scan_of_a_progressive_jpeg_ends_early(keep: float) -> None:
    whole = saved(LARGE, "JPEG", progressive=True)
    start = scans(whole)[0]
    end = whole.index(b"\xff\xc4", start)
    with pytest.raises(ImageError, match="a part of its picture is missing"):
        decode(whole[: start + int(keep * (end - start))].rstrip(b"\xff") + END_OF_JPEG)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("end", [b"", b"\xff", bytes(1), bytes(16), bytes(5000)], ids=len)
def test_a_jpeg_that_lacks_only_the_marker_at_its_end_is_whole(way: str, mode: str, end: bytes) -> None:
    whole = saved(in_mode(photograph(), mode), "JPEG", **WAYS[way])
    read, expected = decode(whole[:-2] + end), decode(whole)
    assert np.array_equal(read.image, expected.image)
    assert read.notes == expected.notes
    with pytest.raises(ImageError, match="damaged or truncated"):
        decode(whole[: int(0.8 * len(whole))] + end)


EXCESS = "its data go on where its picture ends: a part of it may be damaged"


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("size", [(560, 400), (37, 21), (1, 1)])
def test_more_data_than_a_picture_needs_are_noted(mode: str, size: tuple[int, int]) -> None:
    """What is left when a decoder has lost its way in the middle, and found another."""
    for colour in (photograph(), PIL.Image.new("RGB", (8, 8)), PIL.Image.new("RGB", (8, 8), (128, 128, 128))):
        whole = saved(in_mode(colour.resize(size), mode), "JPEG")
        assert EXCESS not in decode(whole).notes
        assert EXCESS in decode(whole[:-2] + bytes(range(1, 40)) + END_OF_JPEG).notes


def test_segments_behind_the_data_are_none_of_them() -> None:
    comment = b"\xff\xfe\0\x12" + bytes(range(1, 17))
    for way in WAYS.values():
        whole = saved(photograph(), "JPEG", **way)
        assert not decode(whole[:-2] + comment + END_OF_JPEG).notes
    gray = saved(PIL.Image.new("RGB", (80, 80), (128, 128, 128)), "JPEG")
    with pytest.raises(ImageError, match="a part of its picture is missing"):
        decode(gray[:-8] + comment + END_OF_JPEG)


@pytest.mark.parametrize("fill", [bytes(3000), b"\xff" * 3000, b"\xff" + bytes(40)])
def test_what_some_writers_fill_up_with_is_no_data(fill: bytes) -> None:
    whole = saved(photograph(), "JPEG")
    assert not decode(whole[:-2] + fill + END_OF_JPEG).notes


BLACK_ARITHMETIC = base64.b64decode(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAgGBgcGBQgHBwcJCQgKDBQNDAsLDBkSEw8UHRofHh0aHBwgJC4nICIsIxwcKDcpLDAxNDQ0Hyc5PT"
    "gyPC4zNDL/yQALCAu4D6ABAREA/8wABgAQEAX/2gAIAQEAAD8A/wC/0ZKA/9k="
)
"""Black, 4000 by 3000 pixels, of arithmetic coding, by libjpeg: it leaves out the zeros that its data end in."""


def test_one_colour_of_arithmetic_coding_is_whole() -> None:
    assert not np.any(decode(BLACK_ARITHMETIC).image)


def test_a_long_jpeg_of_arithmetic_coding_is_read() -> None:
    """Its data, of which libjpeg must have all at once, go on behind the first 64 KiB."""
    comment = b"\xff\xfe" + (65000).to_bytes(2) + bytes(64998)
    assert np.array_equal(decode(ARITHMETIC[:2] + comment + ARITHMETIC[2:]).image, decode(ARITHMETIC).image)
