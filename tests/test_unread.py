"""Files in other formats: read where that can be, else named and counted."""

from __future__ import annotations

import json
import sys
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import PngImagePlugin

from bgremove import remove_backgrounds
from bgremove.batch import make_plan, sources
from bgremove.batch.sources import find_sources
from bgremove.errors import ImageError, UsageError
from bgremove.formats import header_pixels
from bgremove.formats.read import decode, read
from bgremove.settings import Settings
from bgremove.storage.base import Entry
from bgremove.url import Url
from tests.heic_files import QUARTERS, TURNED
from tests.image_files import WRITTEN, chunk, jpeg_header, png, quarters, saved
from tests.samples import save_scene
from tests.tiff_files import tiff_of

# HEIC


def test_heic_is_read(tmp_path: Path) -> None:
    path = tmp_path / "IMG_0001.HEIC"
    path.write_bytes(QUARTERS)
    photo = read(path)
    assert np.abs(photo.image.astype(int) - np.asarray(quarters())[..., ::-1]).max() <= 12
    assert photo.notes == ()
    assert header_pixels(path) == 48 * 32
    assert [source.path for source in find_sources(tmp_path).sources] == [path]


def test_heic_is_upright_and_keeps_its_camera() -> None:
    photo = decode(TURNED)
    assert np.abs(photo.image.astype(int) - np.asarray(quarters())[..., ::-1]).max() <= 12
    assert photo.metadata.tags[0x010F] == "Test"


@pytest.mark.parametrize("keep", [0.95, 0.7, 0.3])
def test_truncated_heic(keep: float) -> None:
    with pytest.raises(ImageError, match="damaged"):
        decode(QUARTERS[: int(keep * len(QUARTERS))])


@pytest.mark.parametrize("version", [2, 3])
def test_items_whose_type_is_no_text_are_damage_and_no_crash(version: int) -> None:
    place = TURNED.index(b"infe", TURNED.index(b"infe") + 1)
    damaged = bytearray(TURNED)
    kind = damaged.index(b"Exif", place)
    damaged[place + 4] = version
    damaged[kind if version == 2 else kind + 3] = 0xBC
    with pytest.raises(ImageError, match="damaged"):
        decode(bytes(damaged))


def test_heic_without_the_extra_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pi_heif", None)
    with pytest.raises(ImageError, match=r"it is a HEIC photo; .* pip install 'bgremove\[heic\]'"):
        decode(QUARTERS)


# Named for what it is

BEGINNINGS = {
    "JPEG XL": b"\xff\x0a\x00\x10",
    "a JPEG XL image": b"\0\0\0\x0cJXL \r\n\x87\n",
    "JPEG 2000": b"\0\0\0\x0cjP  \r\n\x87\n",
    "a raw photo": b"\0\0\0\x18ftypcrx \0\0\0\x01",
    "a raw photo, which": b"FUJIFILMCCD-RAW 0201",
    "a Photoshop file": b"8BPS\0\x01",
    "a GIMP file": b"gimp xcf v011",
    "an OpenEXR image": b"\x76\x2f\x31\x01\x02",
}


@pytest.mark.parametrize("name", BEGINNINGS)
def test_what_is_not_read_is_named(name: str) -> None:
    with pytest.raises(ImageError, match=f"it is .*{name}.* not read; formats that are read: JPEG, PNG"):
        decode(BEGINNINGS[name] + bytes(100))


@pytest.mark.parametrize(
    ("marker", "precision", "name"),
    [(0xC1, 12, "of 12 bits a sample"), (0xC3, 8, "compressed without loss"), (0xF7, 8, "compressed without loss")],
)
def test_a_jpeg_that_is_not_read_is_named_by_its_process(marker: int, precision: int, name: str) -> None:
    content = bytearray(jpeg_header(4, 4))
    content[3], content[6] = marker, precision
    with pytest.raises(ImageError, match=f"it is a JPEG .*{name}, which is not read"):
        decode(bytes(content))


def test_the_preview_of_a_raw_photo_is_not_taken_for_the_photo(tmp_path: Path) -> None:
    preview = tiff_of(np.zeros((4, 4, 3), np.uint8), 2, more={254: (4, (1,))})
    (tmp_path / "a.dng").write_bytes(preview)
    with pytest.raises(ImageError, match=r"a\.dng: its first picture is a reduced one, as in raw photos"):
        read(tmp_path / "a.dng")


# Long texts and profiles


def long_chunk(kind: bytes, size: int, name: bytes = b"name") -> bytes:
    text = zlib.compress(b"A" * size)
    return chunk(kind, name + (b"\0\1\0\0\0" if kind == b"iTXt" else b"\0\0") + text)


@pytest.mark.parametrize("kind", [b"zTXt", b"iTXt", b"iCCP"])
@pytest.mark.parametrize("after", [True, False])
def test_png_with_a_long_text_is_read_with_a_note(kind: bytes, after: bool, tmp_path: Path) -> None:
    plain = png(2, 2, 8, 2, b"\0\1\2\3\4\5\6" * 2)
    place = -12 if after and kind != b"iCCP" else 33
    content = plain[:place] + long_chunk(kind, 3_000_000) + plain[place:]
    photo = decode(content)
    assert photo.image[0, 0].tolist() == [3, 2, 1]
    assert photo.notes[-1] == "a text or colour profile in it is longer than 1 MiB"
    path = tmp_path / "a.png"
    path.write_bytes(content)
    assert header_pixels(path) == 4


@pytest.mark.pixels
def test_long_texts_of_many_and_in_many_threads() -> None:
    before = PngImagePlugin.MAX_TEXT_CHUNK, PngImagePlugin.MAX_TEXT_MEMORY
    many = png(2, 2, 8, 0, b"\0\1\2" * 2, *[long_chunk(b"zTXt", 2_000_000, b"%d" % index) for index in range(40)])
    with ThreadPoolExecutor(4) as threads:
        photos = list(threads.map(decode, [many] * 8))
    assert all(photo.notes == ("a text or colour profile in it is longer than 1 MiB",) for photo in photos)
    assert before == (PngImagePlugin.MAX_TEXT_CHUNK, PngImagePlugin.MAX_TEXT_MEMORY)


@pytest.mark.pixels
def test_a_text_without_end_is_refused() -> None:
    bomb = png(2, 2, 8, 0, b"\0\1\2" * 2, long_chunk(b"zTXt", 100 * 2**20))
    with pytest.raises(ImageError, match="a text or colour profile of more than 64 MiB"):
        decode(bomb)


# Counted


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "photos"
    save_scene(place / "a.png", 0)
    for name in ("b.CR2", "c.cr2", "d.jxl", "notes.txt", "data.csv", "data.json", "a.xmp", "Thumbs.db", ".hidden.jxl"):
        (place / name).write_bytes(b"text")
    return place


def test_photographs_that_are_not_read_are_counted_by_suffix(folder: Path) -> None:
    assert find_sources(folder).left_out == {".cr2": 2, ".jxl": 1}
    assert make_plan(folder, folder / "out", Settings()).left_out == {".cr2": 2, ".jxl": 1}


@pytest.mark.parametrize("file_format", sorted({*WRITTEN, "HEIF"}))
@pytest.mark.parametrize("name", ["photo", "photo.", "photo.jpg_large", "photo.Download", "20240229.1234"])
def test_a_photo_whose_name_does_not_say_so_is_counted_and_read_when_named(
    file_format: str, name: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_bytes(QUARTERS if file_format == "HEIF" else saved(quarters(), file_format))
    assert find_sources(tmp_path).left_out == {path.suffix.lower().rstrip("."): 1}
    found = find_sources(path)
    assert [source.path for source in found.sources] == [path]
    assert not found.left_out
    assert read(path).image.shape == (32, 48, 3)


BEGINNINGS_LIKE_TEXT = {
    b"P1\n# a comment\n3 2\n010\n1 0 1\n": True,
    b"P2 3 2 255\n0 1 2\n3 4 5\n": True,
    b"P3\n1 1\n255\n" + b"12 34 56\n" * 20: True,
    b"P4\n8 1\n\xff": True,
    b"P5\n4 1\n# a comment\n4095\n12345678": True,
    b"P6\n# Created by GIMP version 2.10.36 PNM plug-in\n640 480\n255\n\xff\xd8": True,
    b"P7\nWIDTH 640\n": True,
    b"Pf\n640 480\n-1.0\n\0": True,
    b"BM\x1a\0\0\0\0\0\0\0\x1a\0\0\0\x0c\0\0\0": True,  # of OS/2
    b"BMW, Audi, Porsche, Opel and others": False,
    b"P1\n10 20\nP2\n30 40\n": False,
    b"P1 12 34 56\n": False,
    b"P2\n# Tasks\n12 34 are done\n": False,
    b"P5\t12\t34\t56\t78\n": False,
    b"P6 of 12 34 255 pages\n": False,
    b"P7 is the last\n": False,
    b"PF 12\n": False,
}


@pytest.mark.parametrize("start", BEGINNINGS_LIKE_TEXT)
def test_a_text_is_told_from_an_image_whose_header_is_text(start: bytes, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(start)
    assert bool(find_sources(tmp_path).left_out) is BEGINNINGS_LIKE_TEXT[start]


@pytest.mark.parametrize("line", [["remove", "-o", "out"], ["rects", "-o", "rects.csv"], ["compare"]])
def test_every_command_tells_of_a_folder_of_nothing_but_what_is_left_out(
    line: list[str], command_here, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder.parent)
    (folder / "a.png").unlink()
    error = "error: there is no image under photos; 3 files were left out: 2 .cr2, 1 .jxl\n"
    assert command_here(*line, "photos").stderr == error
    told = command_here("compare", "photos", "absent").stderr
    assert "absent: there is no such file, folder or match; 3 files were left out" in told


def test_what_is_left_out_of_a_tree_is_counted_and_not_what_is_not_looked_at(folder: Path) -> None:
    (folder / "sub").mkdir()
    (folder / "out").mkdir()
    for name in ("sub/e.nef", "out/f.nef"):
        (folder / name).touch()
    (folder / "pipe").symlink_to("/dev/zero")
    assert ".nef" not in find_sources(folder).left_out
    assert find_sources(folder, recursive=True, exclude=folder / "out").left_out[".nef"] == 1


def test_nothing_but_what_is_left_out_is_told(folder: Path) -> None:
    (folder / "a.png").rename(folder / "a")
    with pytest.raises(UsageError, match=r"no image under .*; 4 files .* out: 2 \.cr2, 1 \.jxl, 1 without suffix"):
        make_plan(folder, folder / "out", Settings())


@pytest.mark.whole_run
def test_the_command_tells_what_it_left_out(command_here, folder: Path, tmp_path: Path) -> None:
    line = ["remove", folder, "-o", tmp_path / "out", "--strategy", "sequential", "--json", tmp_path / "a.json"]
    result = command_here(*line)
    assert result.returncode == 0, result.stderr
    assert "3 files were left out: 2 .cr2, 1 .jxl\n1 ok, 0 skipped, 0 failed\n" in result.stderr
    assert json.loads((tmp_path / "a.json").read_text())["left_out"] == {".cr2": 2, ".jxl": 1}
    assert "left out" not in command_here(*line, "--overwrite", "-q").stderr
    assert "3 files were left out" in command_here(*line[:-2], "--overwrite", "--dry-run").stderr
    compared = command_here("compare", folder, "--strategies", "sequential", "--rounds", "3", "--engine", "opencv")
    assert "3 files were left out" in compared.stderr


def test_the_library_warns_of_what_it_left_out(folder: Path) -> None:
    with pytest.warns(UserWarning, match=r"^3 files were left out: 2 \.cr2, 1 \.jxl$") as caught:
        remove_backgrounds(folder, folder / "out", engine="opencv", strategy="sequential")
    assert caught[0].filename == __file__


def test_what_has_no_suffix_in_s3_is_counted_without_a_look(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = {"a.png": 9, "photo": 9, "sub.d/other": 9, "_SUCCESS": 0, ".hidden": 9, "notes.txt": 9, "b.cr2": 9}
    entries = [Entry(Url(f"s3://bucket/in/{name}", size), name) for name, size in sizes.items()]
    monkeypatch.setattr(sources, "find", lambda *_, **__: (False, iter(entries)))
    monkeypatch.setattr(sources, "looks_like_image", None)
    assert find_sources("s3://bucket/in").left_out == {"": 2, ".cr2": 1}


def test_a_suffix_is_told_as_text_that_is_safe(folder: Path) -> None:
    (folder / "x.\x1b[2J").write_bytes(saved(quarters(), "PNG"))
    for name in ("a.png",):
        (folder / name).unlink()
    with pytest.raises(UsageError) as caught:
        make_plan(folder, folder / "out", Settings())
    assert str(caught.value).isprintable()
