"""What a file holds besides its pixels, from the photograph to the cutout."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from PIL import ExifTags, ImageCms

from bgremove import remove_background, remove_backgrounds
from bgremove.errors import ImageError
from bgremove.formats import Metadata, encode
from bgremove.formats.read import decode, from_pil
from fixtures.scenes import make_scene
from tests.image_files import chunk, chunks_of, png, quarters, saved

pytestmark = pytest.mark.pixels

CARRIERS = ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"]
OUTPUTS = ["png", "webp", "tiff", "jpg"]
MAKE, SOFTWARE, MAKER_NOTE = ExifTags.Base.Make, ExifTags.Base.Software, ExifTags.Base.MakerNote
COMMENT = ExifTags.Base.UserComment
TAKEN, EXPOSURE, WIDTH = ExifTags.Base.DateTimeOriginal, ExifTags.Base.ExposureTime, ExifTags.Base.ExifImageWidth


@cache  # it holds the time of its making
def wide_gamut() -> bytes:
    """An RGB profile that is not sRGB: its red and blue primaries are exchanged."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    red, blue = profile.index(b"rXYZ"), profile.index(b"bXYZ")
    profile[red + 4 : red + 12], profile[blue + 4 : blue + 12] = (
        profile[blue + 4 : blue + 12],
        profile[red + 4 : red + 12],
    )
    return bytes(profile)


def gray_profile(gamma: float) -> bytes:
    """A gray profile of version 2 with a plain power curve, which Pillow cannot make."""
    tags = {
        b"desc": b"desc" + bytes(4) + struct.pack(">I", 5) + b"gray\0" + bytes(78),
        b"wtpt": b"XYZ " + bytes(4) + struct.pack(">3i", 63190, 65536, 54061),
        b"kTRC": b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256)) + bytes(2),
    }
    place = 128 + 4 + 12 * len(tags)
    table, data = struct.pack(">I", len(tags)), b""
    for name, value in tags.items():
        table += name + struct.pack(">II", place + len(data), len(value))
        data += value + bytes(-len(value) % 4)
    header = bytearray(128)
    struct.pack_into(">I4xI4s4s4s", header, 0, place + len(data), 0x02100000, b"mntr", b"GRAY", b"XYZ ")
    header[36:40] = b"acsp"
    struct.pack_into(">3i", header, 68, 63190, 65536, 54061)
    return bytes(header) + table + data


def exif(orientation: int = 6, comment: bytes = b"") -> bytes:
    made = PIL.Image.Exif()
    made[MAKE] = "Test & Sons"
    made[SOFTWARE] = "version 1"
    made[ExifTags.Base.Orientation] = orientation
    made[ExifTags.IFD.Exif] = {
        TAKEN: "2024:02:29 12:34:56",
        EXPOSURE: 0.004,
        MAKER_NOTE: b"private" * 9,
        WIDTH: 48,
        COMMENT: comment,
    }
    made[ExifTags.IFD.GPSInfo] = {1: "N", 2: (52.0, 31.0, 12.5), 3: "E", 4: (13.0, 24.0, 18.0)}
    return made.tobytes()


def photo_file(file_format: str, **options: object) -> bytes:
    image = PIL.Image.fromarray(make_scene(60, 80, seed=1).image[..., ::-1])
    return saved(image, file_format, **options)


def cut(tmp_path: Path, content: bytes, **options: object) -> PIL.Image.Image:
    """What the file of a cutout holds, the photograph having been a file too."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in/photo").write_bytes(content)
    (record,) = remove_backgrounds(tmp_path / "in/photo", tmp_path / "out", strategy="sequential", **options)
    assert record.status == "ok", record.error
    image = PIL.Image.open(io.BytesIO(record.outputs[-1].read_bytes()))
    image.load()
    return image


def options_for(output: str) -> dict[str, object]:
    return {"format": output, "background": "white"} if output == "jpg" else {"format": output}


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("carrier", CARRIERS)
def test_an_rgb_profile_is_copied_and_the_samples_stay(carrier: str, output: str, tmp_path: Path) -> None:
    content = photo_file(carrier, icc_profile=wide_gamut())
    image = cut(tmp_path, content, **options_for(output))
    assert image.info["icc_profile"] == wide_gamut()
    if output != "jpg":
        plain = remove_background(decode(content).image)
        assert np.array_equal(np.asarray(image.convert("RGBA"))[..., [2, 1, 0, 3]], plain.image)


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("carrier", CARRIERS)
def test_camera_and_dates_are_kept_upright_and_without_the_place(carrier: str, output: str, tmp_path: Path) -> None:
    image = cut(tmp_path, photo_file(carrier, exif=exif()), **options_for(output))
    found = image.getexif()
    assert found[MAKE] == "Test & Sons"
    assert found[SOFTWARE] == "version 1"
    if output != "tiff":  # of that Pillow takes it away when it has turned the pixels
        assert found[ExifTags.Base.Orientation] == 1
    camera = found.get_ifd(ExifTags.IFD.Exif)
    assert camera[TAKEN] == "2024:02:29 12:34:56"
    assert camera[EXPOSURE] == pytest.approx(0.004)
    assert not {MAKER_NOTE, WIDTH} & set(camera)
    assert not found.get_ifd(ExifTags.IFD.GPSInfo)
    assert not found.get_ifd(ExifTags.IFD.IFD1), "a preview would show the background"
    assert image.size == (60, 80)
    if output == "tiff":
        with PIL.Image.open(tmp_path / "out/photo.tiff") as opened:
            assert opened.tag_v2[MAKE] == found[MAKE]
            assert opened.tag_v2[ExifTags.Base.Orientation] == 1


@pytest.mark.parametrize("output", OUTPUTS)
def test_texts_keep_their_bytes(output: str, tmp_path: Path) -> None:
    content = photo_file("JPEG", exif=exif())
    assert content.count(b"Sons") == content.count(b"12:34:56") == 1
    content = content.replace(b"Sons", "Söh".encode()).replace(b"12:34:56", b"caf\xe9 end")
    found = cut(tmp_path, content, **options_for(output)).getexif()
    assert found[MAKE].encode("latin-1") == "Test & Söh".encode()
    assert found.get_ifd(ExifTags.IFD.Exif)[TAKEN].encode("latin-1") == b"2024:02:29 caf\xe9 end"


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("carrier", CARRIERS)
def test_the_place_is_there_for_who_asks_and_nothing_for_who_wants_nothing(
    carrier: str, output: str, tmp_path: Path
) -> None:
    content = photo_file(carrier, exif=exif(), icc_profile=wide_gamut())
    for choice in ("all", "none"):
        (tmp_path / choice).mkdir()
    place = cut(tmp_path / "all", content, metadata="all", **options_for(output)).getexif()
    assert place.get_ifd(ExifTags.IFD.GPSInfo)[2] == (52.0, 31.0, 12.5)
    image = cut(tmp_path / "none", content, metadata="none", **options_for(output))
    assert MAKE not in image.getexif()
    assert not image.getexif().get_ifd(ExifTags.IFD.Exif)
    assert image.info["icc_profile"] == wide_gamut(), "without it the colours would change"


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("carrier", ["JPEG", "PNG", "TIFF", "BMP"])
def test_the_resolution_is_kept(carrier: str, output: str, tmp_path: Path) -> None:
    image = cut(tmp_path, photo_file(carrier, dpi=(300, 150)), **options_for(output))
    tags = image.getexif()
    by_exif = (tags.get(ExifTags.Base.XResolution), tags.get(ExifTags.Base.YResolution))
    for found in (by_exif, image.info.get("dpi", by_exif)):
        assert found == pytest.approx((300, 150), rel=1e-4)


@pytest.mark.parametrize("output", ["png", "jpg"])
def test_a_background_looks_as_it_was_named_whatever_the_profile(output: str, tmp_path: Path) -> None:
    content = photo_file("PNG", icc_profile=wide_gamut())
    for name, rgb in (("white", (255, 255, 255)), ("#ff8000", (255, 128, 0)), ("#102030", (16, 32, 48))):
        (tmp_path / name).mkdir()
        image = cut(tmp_path / name, content, format=output, background=name)
        seen = ImageCms.profileToProfile(
            image, ImageCms.ImageCmsProfile(io.BytesIO(wide_gamut())), ImageCms.createProfile("sRGB")
        )
        assert np.abs(np.subtract(seen.getpixel((1, 1)), rgb)).max() <= (3 if output == "png" else 6)


def test_a_resolution_per_centimetre_becomes_one_per_inch() -> None:
    tags = PIL.Image.Exif()
    tags[ExifTags.Base.XResolution] = tags[ExifTags.Base.YResolution] = 100.0
    tags[ExifTags.Base.ResolutionUnit] = 3
    assert decode(saved(quarters(), "WEBP", exif=tags)).metadata.dpi == (254, 254)


def test_masks_and_plain_files_have_no_metadata(tmp_path: Path) -> None:
    content = photo_file("JPEG", exif=exif(), icc_profile=wide_gamut(), dpi=(300, 300))
    image = cut(tmp_path, content, emit=("cutout", "mask"))
    assert image.mode == "L"
    assert not image.getexif()
    assert not {"icc_profile", "dpi", "exif"} & set(image.info)
    plain = encode(np.zeros((3, 4, 4), np.uint8), "png", Metadata())
    assert [kind for kind, _ in chunks_of(plain)] == [b"IHDR", b"IDAT", b"IEND"]


def test_a_pil_image_keeps_its_profile_too() -> None:
    with PIL.Image.open(io.BytesIO(photo_file("PNG", icc_profile=wide_gamut(), exif=exif(1), dpi=(300, 300)))) as image:
        metadata = from_pil(image).metadata
    assert metadata.profile == wide_gamut()
    assert metadata.tags[MAKE] == "Test & Sons"
    assert metadata.dpi == pytest.approx((300, 300), rel=1e-4)


def test_metadata_reach_the_cutout_in_python() -> None:
    cutout = remove_background(photo_file("JPEG", exif=exif(), icc_profile=wide_gamut()))
    assert cutout.metadata.profile == wide_gamut()
    assert cutout.metadata.camera[TAKEN] == "2024:02:29 12:34:56"
    assert not cutout.metadata.place


# What no output can carry


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
