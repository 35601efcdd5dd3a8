"""What a file says of its picture is true of the cutout, or is left out with a note."""

from __future__ import annotations

import struct
from contextlib import suppress

import PIL.Image
import pytest
from PIL import ExifTags, ImageCms

from bgremove.errors import ImageError
from bgremove.formats.read import decode
from tests.heic_files import CROPPED, QUARTERS, TWO_PICTURES, WITH_PREVIEW
from tests.image_files import chunk, png, quarters, saved

pytestmark = pytest.mark.pixels

CARRIERS = ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"]
EXPOSURE = ExifTags.Base.ExposureTime


@pytest.mark.parametrize("carrier", ["JPEG", "PNG", "TIFF"])
def test_a_resolution_is_turned_with_the_picture(carrier: str) -> None:
    exif = PIL.Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    content = saved(quarters(), carrier, dpi=(300, 150), exif=exif.tobytes())
    assert decode(content).metadata.dpi == pytest.approx((150, 300), rel=1e-3)


@pytest.mark.parametrize("carrier", CARRIERS)
@pytest.mark.parametrize(("unit", "dpi"), [(1, None), (2, (300, 150)), (3, (762, 381))])
def test_a_resolution_of_exif_counts_by_its_unit(carrier: str, unit: int, dpi: tuple[float, float] | None) -> None:
    exif = PIL.Image.Exif()
    exif[ExifTags.Base.XResolution], exif[ExifTags.Base.YResolution] = 300.0, 150.0
    exif[ExifTags.Base.ResolutionUnit] = unit
    assert decode(saved(quarters(), carrier, exif=exif.tobytes())).metadata.dpi == dpi


def test_where_the_object_was_in_the_picture_is_left_out() -> None:
    exif = PIL.Image.Exif()
    exif.get_ifd(ExifTags.IFD.Exif).update({0x9214: (1, 2, 3, 4), ExifTags.Base.SubjectLocation: (1, 2), EXPOSURE: 0.5})
    assert set(decode(saved(quarters(), "JPEG", exif=exif.tobytes())).metadata.camera) == {EXPOSURE}


@pytest.mark.parametrize("carrier", ["JPEG", "PNG", "WEBP"])
def test_exif_that_is_none_costs_the_exif_only(carrier: str) -> None:
    photo = decode(saved(quarters(), carrier, exif=b"Exif\0\0rubbish"))
    assert photo.notes == ("its Exif data is damaged, and was left out",)


def test_colours_of_a_png_that_are_not_those_of_srgb_are_noted() -> None:
    def notes(*chunks: bytes) -> tuple[str, ...]:
        return decode(png(1, 1, 8, 2, b"\0\1\2\3", *chunks)).notes

    linear, usual = (chunk(b"gAMA", struct.pack(">I", gamma)) for gamma in (100_000, 45_455))
    srgb_points = chunk(b"cHRM", struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000))
    wide_points = chunk(b"cHRM", struct.pack(">8I", 31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000))
    assert notes(usual, srgb_points) == notes(chunk(b"sRGB", b"\0"), linear) == ()
    for chunks in ([linear], [usual, wide_points], [wide_points]):
        assert "gamma and chromaticities were left out" in " ".join(notes(*chunks))
    assert notes(chunk(b"iCCP", b"name\0\0rubbish")) == ("its colour profile is damaged and was left out",)


def test_a_profile_of_lab_says_what_is_known() -> None:
    image = PIL.Image.new("LAB", (4, 4), (128, 0, 0))
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    assert decode(saved(image, "TIFF", icc_profile=profile)).notes == ()


def test_adobe_rgb_of_a_camera_is_noted_where_no_profile_says_it() -> None:
    def notes(index: str, **options: object) -> tuple[str, ...]:
        exif = PIL.Image.Exif()
        exif[ExifTags.IFD.Exif] = {ExifTags.Base.ColorSpace: 65535, ExifTags.IFD.Interop: {1: index, 2: b"0100"}}
        return decode(saved(quarters(), "JPEG", exif=exif.tobytes(), **options)).notes

    (note,) = notes("R03")
    assert note == "its Exif says Adobe RGB, and it has no profile: its colours are taken for those of sRGB"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert notes("R98") == notes("R03", icc_profile=profile) == ()


def test_adobe_rgb_that_is_said_as_a_colour_space_is_noted_too() -> None:
    def notes(space: int) -> tuple[str, ...]:
        exif = PIL.Image.Exif()
        exif[ExifTags.IFD.Exif] = {ExifTags.Base.ColorSpace: space}
        return decode(saved(quarters(), "JPEG", exif=exif.tobytes())).notes

    assert notes(2) == ("its Exif says Adobe RGB, and it has no profile: its colours are taken for those of sRGB",)
    assert notes(1) == notes(65535) == ()


def test_cmyk_of_a_jpeg_that_does_not_say_what_0_means_is_noted() -> None:
    content = saved(quarters().convert("CMYK"), "JPEG")
    place = content.index(b"\xff\xee")
    without = content[:place] + content[place + 2 + int.from_bytes(content[place + 2 : place + 4]) :]
    assert decode(content).notes == ("its CMYK colours were converted to sRGB",)
    assert "it does not say whether 0 is full ink or none" in decode(without).notes[1]
    assert (decode(content).image == decode(without).image).all()


@pytest.mark.parametrize("content", [saved(quarters(), "AVIF"), QUARTERS], ids=["AVIF", "HEIC"])
def test_colours_by_code_points_beside_no_profile_are_noted(content: bytes) -> None:
    assert content.count(b"colrnclx\0\1\0\x0d") == 1
    assert decode(content).notes == ()
    for others in (b"\0\x0c\0\x0d", b"\0\1\0\x10"):  # Display P3; the curve of HDR
        photo = decode(content.replace(b"colrnclx\0\1\0\x0d", b"colrnclx" + others))
        assert photo.notes == ("its nclx colour profile was left out: its colours are taken for those of sRGB",)


@pytest.mark.parametrize("with_exif", [False, True])
def test_an_avif_is_turned_by_what_its_items_say_and_by_nothing_else(with_exif: bool) -> None:
    turned = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
    exif = PIL.Image.Exif()
    exif[ExifTags.Base.Make] = "Test"
    content = saved(quarters(), "AVIF", xmp=turned, **({"exif": exif.tobytes()} if with_exif else {}))
    assert decode(content).image.shape == (32, 48, 3)
    assert decode(saved(quarters(), "JPEG", xmp=turned)).image.shape == (48, 32, 3)


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_a_profile_of_which_a_part_is_missing_is_noted(mode: str) -> None:
    profile = bytes(150_000)
    content = saved(quarters().convert(mode), "JPEG", icc_profile=profile)
    place = content.index(b"ICC_PROFILE\0\2") - 4
    length = int.from_bytes(content[place + 2 : place + 4])
    photo = decode(content[:place] + content[place + 2 + length :])
    assert photo.metadata.profile is None
    assert "its colour profile is damaged" in photo.notes[-1]


def test_pictures_of_an_avif_that_are_not_read_are_noted() -> None:
    assert decode(TWO_PICTURES).notes == ("it holds several frames or pages; only the first was read",)
    assert decode(WITH_PREVIEW).notes == ()
    alpha = quarters().convert("RGBA")
    alpha.putalpha(99)
    assert decode(saved(alpha, "AVIF")).notes == ()
    assert (
        decode(saved(quarters(), "AVIF", save_all=True, append_images=[quarters()])).notes == decode(TWO_PICTURES).notes
    )


def test_an_avif_that_is_not_cropped_as_it_says_is_noted() -> None:
    assert decode(CROPPED).notes == ("its clap box was left out: the picture is larger than it is to be seen",)
    assert decode(QUARTERS).notes == ()  # which libheif crops


@pytest.mark.parametrize("box", [b"iinf", b"infe", b"iref", b"thmb", b"pitm"])
def test_items_of_an_avif_that_make_no_sense_are_no_crash(box: bytes) -> None:
    place = WITH_PREVIEW.index(box)
    for start in (place - 4, place, place + 4, place + 8):
        with suppress(ImageError):
            decode(WITH_PREVIEW[:start] + b"\0\0\0\x08" + WITH_PREVIEW[start + 4 :])
