from __future__ import annotations

import os
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bgremove.errors import ImageError, ImageTooLargeError
from bgremove.formats import OUTPUT_FORMATS, encode
from bgremove.formats.read import decode, from_pil, header_pixels, read
from tests.heic_files import TURNED
from tests.image_files import (
    PROMISES,
    WRITTEN,
    left_half_clear,
    png,
    quarters,
    saved,
)
from tests.metadata_files import exif, wide_gamut
from tests.permissions import public_folder, unprivileged
from tests.tiff_files import tiff_of


@pytest.mark.pixels
@pytest.mark.parametrize("name", PROMISES)
def test_huge_promises_are_refused_by_the_header(name: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{name}"
    path.write_bytes(PROMISES[name])
    with pytest.raises(ImageTooLargeError, match="max_pixels in Python, --max-pixels on the command line") as caught:
        read(path)
    assert str(caught.value).startswith(str(path))


@pytest.mark.pixels
@pytest.mark.parametrize("name", PROMISES)
def test_promises_of_any_size_can_be_counted(name: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{name}"
    path.write_bytes(PROMISES[name])
    assert header_pixels(path) == (16_383**2 if name == "webp" else 60_000**2)


def test_the_limit_is_exact_and_can_be_raised() -> None:
    data = saved(quarters(), "PNG")
    assert decode(data, max_pixels=48 * 32).image.shape == (32, 48, 3)
    with pytest.raises(ImageTooLargeError, match="48 x 32 pixels, the limit is 1535 in all"):
        decode(data, max_pixels=48 * 32 - 1)
    with pytest.raises(ImageTooLargeError):
        from_pil(quarters(), max_pixels=100)
    with pytest.raises(ImageError, match="damaged or truncated") as caught:
        decode(png(20_000, 20_000, 8, 0, b"\0"), max_pixels=10**9)
    assert not isinstance(caught.value, ImageTooLargeError)


@pytest.mark.pixels
@pytest.mark.parametrize("pillows", [10, 1000])  # Pillow refuses twice that, and warns of more than that
@pytest.mark.parametrize("file_format", WRITTEN)
def test_our_limit_rules_and_pillows_is_left_alone(
    file_format: str, pillows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PIL.Image, "MAX_IMAGE_PIXELS", pillows)
    data = saved(quarters(), file_format)
    with ThreadPoolExecutor(4) as threads:
        photos = list(threads.map(decode, [data] * 8))
    assert all(photo.image.shape == (32, 48, 3) for photo in photos)
    assert not any("limit" in note for photo in photos for note in photo.notes)
    assert pillows == PIL.Image.MAX_IMAGE_PIXELS


# What is no image


def test_empty_file(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").touch()
    for reader in (read, header_pixels):
        with pytest.raises(ImageError, match=r"a\.jpg: the file is empty"):
            reader(tmp_path / "a.jpg")
    with pytest.raises(ImageError, match="no bytes"):
        decode(b"")


def test_a_link_that_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").symlink_to("gone.jpg")
    for reader in (read, header_pixels):
        with pytest.raises(ImageError, match=r"a\.jpg: it is a link that leads nowhere"):
            reader(tmp_path / "a.jpg")


@pytest.mark.parametrize(
    "content", [b"Dear diary\n" * 100, b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", b"\0"]
)
def test_text_called_jpg(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(content)
    with pytest.raises(ImageError, match=r"a\.jpg: it is no image, .* formats that are read: JPEG, PNG"):
        read(tmp_path / "a.jpg")


@pytest.mark.pixels
@pytest.mark.parametrize("file_format", WRITTEN)
@pytest.mark.parametrize("keep", [0.9, 0.5, 0.2])
def test_truncated_file(file_format: str, keep: float, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    data = saved(PIL.Image.fromarray(noise), file_format)
    path = tmp_path / "a.photo"
    path.write_bytes(data[: int(len(data) * keep)])
    with pytest.raises(ImageError, match=r"a\.photo: it is (damaged or truncated|no image, or its header is damaged)"):
        read(path)


def test_damage_of_which_pillow_says_nothing_has_a_reason() -> None:
    with pytest.raises(ImageError, match=r"damaged or truncated \(\w+\)"):
        decode(png(2, 2, 8, 3, b"\0\1\2" * 2))  # its palette is missing


def test_missing_file_folder_and_impossible_names(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"a\.jpg: there is no such file"):
        read(tmp_path / "a.jpg")
    with pytest.raises(ImageError, match="it is a folder, not an image"):
        read(tmp_path)
    with pytest.raises(ImageError, match=r"a\\x00\.jpg: it cannot be opened"):
        read("a\0.jpg")
    with pytest.raises(ImageError, match="cannot be opened"):
        read(tmp_path / ("a" * 300))


def test_pipes_devices_and_sockets_are_refused_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe.jpg")
    for name in ("pipe.jpg", "/dev/zero", "/dev/null"):
        with pytest.raises(ImageError, match="regular file"):
            read(name)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket.jpg")
        with pytest.raises(ImageError, match="regular file"):
            read("socket.jpg")


def test_unreadable_file_and_folder() -> None:
    decode(saved(quarters(), "PNG"))  # all of Pillow that is needed is imported now, while it may be read
    with public_folder() as folder:
        closed = folder / "closed"
        closed.mkdir()
        for path in (folder / "open.png", folder / "secret.png", closed / "a.png"):
            path.write_bytes(saved(quarters(), "PNG"))
        (folder / "open.png").chmod(0o644)
        (folder / "secret.png").chmod(0)
        closed.chmod(0)
        with unprivileged():
            assert read(folder / "open.png").image.shape == (32, 48, 3)
            for path in (folder / "secret.png", closed / "a.png"):
                with pytest.raises(ImageError, match=r"\.png: it may not be read \(permission denied\)"):
                    read(path)
        closed.chmod(0o700)


@pytest.mark.parametrize("name", [b"two words.png", b"new\nline.png", "🐈 猫 é.png".encode(), b"caf\xe9 \xff.png"])
def test_any_name(name: bytes, tmp_path: Path) -> None:
    path = os.path.join(os.fsencode(tmp_path), name)
    Path(os.fsdecode(path)).write_bytes(saved(quarters(), "PNG"))
    with os.scandir(os.fsencode(tmp_path)) as entries:
        entry = next(entries)
    for spelling in (path, os.fsdecode(path), Path(os.fsdecode(path)), entry):
        assert np.array_equal(read(spelling).image, np.asarray(quarters())[:, :, ::-1])
    with pytest.raises(ImageError) as caught:
        read(path, max_pixels=1)
    assert str(caught.value).isprintable()
    str(caught.value).encode()


small = {name: saved(quarters(12, 8).quantize(4) if name == "GIF" else left_half_clear().resize((12, 8)).convert(
    "RGB" if name in {"JPEG", "PPM", "BMP"} else "RGBA"), name) for name in WRITTEN}  # fmt: skip
deep = np.random.default_rng(0).integers(0, 65536, (8, 12, 4), np.uint16)
small |= {
    "PNG of 16 bits": encode(deep),
    "TIFF of 16 bits": tiff_of(deep, 2, extras=(1,), deflate=True, predicted=True, order=">"),
    "TIFF of 16 bits, in tiles": tiff_of(deep[..., :2], 1, extras=(2,), tile=16),
    "CMYK with alpha": tiff_of(np.zeros((8, 12, 5), np.uint8), 5, extras=(2,)),
    "JPEG of a camera": saved(quarters(12, 8), "JPEG", exif=exif(), icc_profile=wide_gamut()),
    "TIFF of a camera": saved(quarters(12, 8), "TIFF", exif=exif(), icc_profile=wide_gamut()),
    "WebP of a camera": saved(quarters(12, 8), "WEBP", exif=exif()),
    "HEIC": TURNED,
}


@pytest.mark.pixels
@settings(max_examples=600, deadline=None)
@given(
    st.sampled_from(list(small)),
    st.lists(st.tuples(st.integers(-200, 400), st.integers(0, 255)), max_size=6),
    st.integers(0, 40),
)
def test_damage_gives_an_image_or_our_error(file_format: str, changes: list[tuple[int, int]], cut: int) -> None:
    data = bytearray(small[file_format])
    for position, value in changes:
        data[position % len(data)] = value
    photo = None
    with suppress(ImageError):
        photo = decode(bytes(data[: len(data) - cut]), max_pixels=10_000)
    assert photo is None or (photo.image.ndim, photo.image.dtype) == (3, np.uint8)
    if photo is not None:  # what was kept can be written, without a word
        for output in OUTPUT_FORMATS:
            encode(photo.pixels, output, photo.metadata)
