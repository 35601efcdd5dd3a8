"""What a file holds besides its pixels, from the photograph to the cutout."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from PIL import ExifTags, ImageCms

from bgremove import remove_background, remove_backgrounds
from bgremove.formats import Metadata, encode
from bgremove.formats.read import decode, from_pil
from tests.image_files import chunks_of, quarters, saved
from tests.metadata_files import EXPOSURE, MAKE, MAKER_NOTE, SOFTWARE, TAKEN, WIDTH, exif, photo_file, wide_gamut

pytestmark = pytest.mark.pixels

CARRIERS = ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"]
OUTPUTS = ["png", "webp", "tiff", "jpg"]


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
