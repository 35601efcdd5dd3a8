"""Files without compression whose end is zeros: whether a download broke off, or a picture is black at its end."""

from __future__ import annotations

import struct

import numpy as np
import PIL.Image
import pytest

from bgremove.formats.read import decode
from tests.image_files import saved
from tests.tiff_files import tiff_of

pytestmark = pytest.mark.pixels

NOTE = "it ends in zeros, as a download that was broken off: a part of its picture may be missing"
PIXELS = np.random.default_rng(0).integers(20, 230, (60, 80, 3), np.uint8)


def top_down(content: bytes) -> bytes:
    changed = bytearray(content)
    struct.pack_into("<i", changed, 22, -struct.unpack_from("<i", content, 22)[0])
    return bytes(changed)


def made(pixels: np.ndarray) -> dict[str, bytes]:
    """Files without compression, of which the pixels come last."""
    image = PIL.Image.fromarray(pixels)
    deep = pixels.astype(">u2") * 257
    return {
        "BMP": saved(image, "BMP"),
        "BMP from the top": top_down(saved(image, "BMP")),
        "PPM": saved(image, "PPM"),
        "PGM": saved(image.convert("L"), "PPM"),
        "PPM of 16 bits": b"P6 80 60 65535\n" + deep.tobytes(),
        "TIFF": saved(image, "TIFF"),
        "TIFF of 16 bits": tiff_of(pixels.astype(np.uint16) * 257, 2),
    }


@pytest.mark.parametrize("kind", made(PIXELS))
@pytest.mark.parametrize("keep", [0.205, 0.706])
def test_zeros_from_within_a_row_on_are_noted(kind: str, keep: float) -> None:
    whole = made(PIXELS)[kind]
    assert not decode(whole).notes
    directory = struct.unpack_from("<I", whole, 4)[0] if kind == "TIFF of 16 bits" else len(whole)
    end = int(keep * directory)
    assert decode(whole[:end] + bytes(directory - end) + whole[directory:]).notes == (NOTE,)


def borders() -> dict[str, np.ndarray]:
    below, above, around, oblique = (PIXELS.copy() for _ in range(4))
    below[40:] = above[:20] = 0
    around[:20] = around[40:] = around[:, :20] = around[:, 60:] = 0
    rows, columns = np.mgrid[:60, :80]
    oblique[rows - columns // 30 > 40] = oblique[rows + columns // 30 < 12] = 0
    return {"below": below, "above": above, "around": around, "oblique": oblique, "all": np.zeros_like(PIXELS)}


@pytest.mark.parametrize("border", borders())
@pytest.mark.parametrize("turned", [False, True])
def test_a_picture_with_a_black_border_is_whole(border: str, turned: bool) -> None:
    pixels = borders()[border][::-1, ::-1] if turned else borders()[border]
    for kind, content in made(np.ascontiguousarray(pixels)).items():
        assert not decode(content).notes, kind
