from __future__ import annotations

import errno
import io
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from bgremove.cutout import cut_out, flatten
from bgremove.errors import OutputError, UsageError
from bgremove.files import TEMPORARY_PREFIX, Unfinished, write_bytes
from bgremove.formats import LOSSLESS_FORMATS, encode, write
from bgremove.formats.read import decode, read
from bgremove.settings import Settings, parse_colour
from tests.permissions import public_folder, unprivileged

SHAPES = st.tuples(st.integers(1, 20), st.integers(1, 20), st.sampled_from([1, 3, 4]))
SIZES = st.tuples(st.integers(1, 20), st.integers(1, 20))
PIXELS = np.zeros((3, 4, 4), np.uint8)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# Cut out, flatten, colours


@given(SIZES.flatmap(lambda size: st.tuples(arrays(np.uint8, (*size, 3)), arrays(bool, size))))
def test_cut_out_and_flatten(drawn: tuple[np.ndarray, np.ndarray]) -> None:
    image, foreground = drawn
    before = image.copy()
    cutout = cut_out(image, foreground)
    assert cutout.shape == (*foreground.shape, 4)
    assert np.array_equal(cutout[:, :, 3], np.where(foreground, 255, 0))
    assert np.array_equal(cutout[foreground, :3], image[foreground])
    assert not cutout[~foreground].any()
    flat = flatten(cutout, (1, 2, 3))
    assert np.array_equal(flat, np.where(foreground[:, :, None], image, np.array([1, 2, 3], np.uint8)))
    assert flat.dtype == np.uint8
    assert flat.flags.c_contiguous
    assert np.array_equal(image, before)


def test_flatten_blends_by_alpha() -> None:
    cutout = np.array([[[200, 100, 10, 51], [200, 100, 10, 255], [0, 0, 0, 0]]], np.uint8)
    # 51 is a fifth of 255
    assert flatten(cutout, (0, 50, 255)).tolist() == [[[40, 60, 206], [200, 100, 10], [0, 50, 255]]]


def test_cut_out_of_views() -> None:
    image = np.random.default_rng(0).integers(0, 256, (8, 10, 3), np.uint8)
    foreground = image[:, :, 0] > 100
    expected = cut_out(image, foreground)[::2, ::-1]
    assert np.array_equal(cut_out(image[::2, ::-1], foreground[::2, ::-1]), expected)


@pytest.mark.parametrize(
    ("text", "bgr"),
    [("white", (255, 255, 255)), ("#102030", (48, 32, 16)), ("#f00", (0, 0, 255)), ("Navy", (128, 0, 0))],
)
def test_colours(text: str, bgr: tuple[int, int, int]) -> None:
    assert parse_colour(text) == bgr


@pytest.mark.parametrize("text", ["", "no colour", "#12345", "#11223344", "#1234", "rgba(1,2,3,4)", "rgb(300,0,0)"])
def test_what_is_no_colour(text: str) -> None:
    with pytest.raises(UsageError, match="white or #ffffff"):
        parse_colour(text)


@pytest.mark.parametrize("bgr", [(0, 0, 256), (-1, 0, 0), (0, 0)])
def test_a_background_that_no_pixel_can_have_is_refused(bgr: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match="0 to 255"):
        Settings(background=bgr)


# Encode


def decoded(content: bytes, channels: int) -> np.ndarray:
    with PIL.Image.open(io.BytesIO(content)) as image:
        array = np.asarray(image.convert({1: "L", 3: "RGB", 4: "RGBA"}[channels]))
    return array if channels == 1 else array[:, :, [2, 1, 0, 3][:channels]]


@settings(deadline=None)
@given(
    SIZES.flatmap(lambda size: st.sampled_from([size, (*size, 3), (*size, 4)])).flatmap(lambda s: arrays(np.uint8, s))
)
@pytest.mark.parametrize("file_format", LOSSLESS_FORMATS)
def test_encoding_loses_nothing(file_format: str, pixels: np.ndarray) -> None:
    content = encode(pixels, file_format)
    assert np.array_equal(decoded(content, pixels.shape[2] if pixels.ndim == 3 else 1), pixels)


@settings(deadline=None)
@given(SIZES.flatmap(lambda size: st.tuples(arrays(np.uint8, (*size, 3)), arrays(bool, size))))
@pytest.mark.parametrize("file_format", LOSSLESS_FORMATS)
def test_what_was_cut_out_reads_back(file_format: str, drawn: tuple[np.ndarray, np.ndarray]) -> None:
    image, foreground = drawn
    photo = decode(encode(cut_out(image, foreground), file_format))
    assert np.array_equal(np.ones_like(foreground) if photo.opaque is None else photo.opaque, foreground)
    assert np.array_equal(photo.image[foreground], image[foreground])
    assert photo.notes == ()


@pytest.mark.parametrize("file_format", LOSSLESS_FORMATS)
def test_encoding_is_repeatable_and_compressed(file_format: str) -> None:
    pixels = np.add.outer(np.arange(200), np.arange(800)).astype(np.uint8).reshape(200, 200, 4)
    assert encode(pixels, file_format) == encode(pixels, file_format)
    assert len(encode(pixels, file_format)) < pixels.size / 10


def test_what_cannot_be_encoded() -> None:
    with pytest.raises(UsageError, match="no output format 'bmp'; choose one of png, webp, tiff, jpg"):
        encode(PIXELS, "bmp")


# Write


@pytest.mark.parametrize("file_format", LOSSLESS_FORMATS)
def test_write_then_read(file_format: str, tmp_path: Path) -> None:
    foreground = np.eye(6, 9, dtype=bool)
    path = tmp_path / f"a.{file_format}"
    write(path, cut_out(np.full((6, 9, 3), 77, np.uint8), foreground), file_format=file_format)
    photo = read(path)
    assert photo.opaque is not None
    assert np.array_equal(photo.opaque, foreground)
    assert names(tmp_path) == [path.name]


def test_existing_files_and_links_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"mine")
    (tmp_path / "dangling.png").symlink_to(tmp_path / "nowhere")
    (tmp_path / "folder.png").mkdir()
    for name in ("a.png", "dangling.png", "folder.png"):
        with pytest.raises(OutputError, match=f"{name}: it exists already"):
            write(tmp_path / name, PIXELS)
    assert (tmp_path / "a.png").read_bytes() == b"mine"
    assert names(tmp_path) == ["a.png", "dangling.png", "folder.png"]


def test_overwrite(tmp_path: Path) -> None:
    (tmp_path / "target").write_bytes(b"mine")
    (tmp_path / "a.png").symlink_to(tmp_path / "target")
    write_bytes(tmp_path / "a.png", b"new", overwrite=True)
    assert (tmp_path / "a.png").read_bytes() == b"new"
    assert (tmp_path / "target").read_bytes() == b"mine", "the link is replaced, not what it led to"
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(OutputError, match=r"folder\.png: it cannot be written \(Is a directory\)"):
        write_bytes(tmp_path / "folder.png", b"new", overwrite=True)
    assert names(tmp_path) == ["a.png", "folder.png", "target"]


def _no_links(*_: object, **__: object) -> None:
    raise OSError(errno.EPERM, "Operation not permitted")


@pytest.mark.parametrize("links", [True, False])
def test_of_many_writers_one_wins(links: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not links:  # as on FAT and some network disks
        monkeypatch.setattr(os, "link", _no_links)
    contents = [bytes([i]) * 50_000 for i in range(16)]

    def attempt(content: bytes) -> bool:
        try:
            write_bytes(tmp_path / "a", content)
        except OutputError as error:
            return "it exists already" not in str(error)
        return True

    with ThreadPoolExecutor(16) as threads:
        won = list(threads.map(attempt, contents))
    assert won.count(True) == 1
    assert (tmp_path / "a").read_bytes() == contents[won.index(True)]
    assert names(tmp_path) == ["a"]


@pytest.mark.parametrize("overwrite", [False, True])
def test_nothing_is_left_where_nothing_can_be_renamed(
    overwrite: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "link", _no_links)
    monkeypatch.setattr(os, "replace", _no_links)
    with pytest.raises(OutputError, match=r"a\.png: it cannot be written \(Operation not permitted\)"):
        write_bytes(tmp_path / "a.png", b"new", overwrite=overwrite)
    assert names(tmp_path) == []


@pytest.mark.parametrize("name", [b"two words.png", b"new\nline.png", "🐈 猫 é.png".encode(), b"caf\xe9 \xff.png"])
def test_any_name(name: bytes, tmp_path: Path) -> None:
    path = os.path.join(os.fsencode(tmp_path), name)
    write(path, PIXELS)
    assert os.listdir(os.fsencode(tmp_path)) == [name]
    assert read(path).image.shape == (3, 4, 3)
    with pytest.raises(OutputError) as caught:
        write(os.fsdecode(path), PIXELS)
    assert str(caught.value).isprintable()


def test_a_bare_name_goes_to_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write("a.png", PIXELS)
    assert names(tmp_path) == ["a.png"]


def test_mode_follows_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write(tmp_path / "a.png", PIXELS)
    finally:
        os.umask(before)
    assert (tmp_path / "a.png").stat().st_mode & 0o777 == 0o640


# Failures


def test_impossible_places(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path, reason in {
        tmp_path / "missing" / "a.png": "No such file or directory",
        tmp_path / "file" / "a.png": "Not a directory",
        tmp_path / ("a" * 300): "File name too long",
        tmp_path / "a\0.png": ".*embedded null .*",
    }.items():
        with pytest.raises(OutputError, match=rf"it cannot be written \({reason}\)"):
            write(path, PIXELS)
    assert names(tmp_path) == ["file"]


def test_a_name_of_the_greatest_length_is_possible(tmp_path: Path) -> None:
    write(tmp_path / ("a" * 255), PIXELS)
    assert names(tmp_path) == ["a" * 255]


def test_unwritable_folder() -> None:
    with public_folder() as folder, unprivileged():
        with pytest.raises(OutputError, match=r"a\.png: it cannot be written \(Permission denied\)"):
            write(folder / "a.png", PIXELS)
        assert names(folder) == []
    with public_folder() as folder:
        folder.chmod(0o777)
        with unprivileged():
            write(folder / "a.png", PIXELS)
        assert names(folder) == ["a.png"]


@contextmanager
def disk_with_room_for(size: int) -> Iterator[None]:
    """Let no file of this process grow beyond `size` bytes: the kernel fails in the middle of writing, as if full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("overwrite", [True, False])
def test_full_disk(overwrite: bool, tmp_path: Path) -> None:
    (tmp_path / "old.png").write_bytes(b"old")
    target = tmp_path / ("old.png" if overwrite else "a.png")
    with disk_with_room_for(40_000), pytest.raises(OutputError, match=r"png: it cannot be written \(File too large\)"):
        write_bytes(target, bytes(100_000), overwrite=overwrite)
    assert names(tmp_path) == ["old.png"]
    assert (tmp_path / "old.png").read_bytes() == b"old"


def test_ctrl_c_while_writing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda _: signal.raise_signal(signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        write_bytes(tmp_path / "a.png", bytes(100_000))
    assert names(tmp_path) == []


def test_killed_while_writing(tmp_path: Path) -> None:
    program = (
        "import os, signal, sys; from bgremove.files import write_bytes\n"
        "os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)\n"
        "write_bytes(sys.argv[1], bytes(100_000))"
    )
    folder = Path(__file__).parent.parent
    killed = subprocess.run([sys.executable, "-c", program, tmp_path / "a.png"], cwd=folder, check=False)
    assert killed.returncode == -signal.SIGKILL
    (left,) = names(tmp_path)
    assert left.startswith(TEMPORARY_PREFIX)
    assert left.endswith(".tmp")
    (tmp_path / "b.png").touch()
    Unfinished().remove([tmp_path / "b.png", tmp_path / "absent/a.png"])
    assert names(tmp_path) == [left, "b.png"]
    Unfinished().remove([tmp_path / "b.png", tmp_path / "a.png"])
    assert names(tmp_path) == ["b.png"]
