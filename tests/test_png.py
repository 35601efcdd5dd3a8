"""PNG as it is written: what other libraries read in it, and that threads change no byte."""

import io
import subprocess
import sys
import zlib

import cv2
import numpy as np
import PIL.Image
import pytest

from bgremove.errors import OutputError
from bgremove.formats import encode
from bgremove.rows import bands_of
from tests.image_files import chunks_of
from tests.threads import opencv_threads

SHAPE = 700, 3000
"""Of nine bands, the last one less high: for two threads."""


def picture(channels: tuple[int, ...], dtype: type) -> np.ndarray:
    """Noise, in front of nothing on one side."""
    most = np.iinfo(dtype).max
    pixels = np.random.default_rng(0).integers(0, most, (*SHAPE, *channels), dtype, endpoint=True)
    pixels[:, 2000:] = 0
    return pixels


@pytest.mark.pixels
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [(), (3,), (4,)], ids=["gray", "BGR", "BGRA"])
def test_bands_make_one_picture_with_any_number_of_threads(channels: tuple[int, ...], dtype: type) -> None:
    pixels = picture(channels, dtype)
    assert len(bands_of(*SHAPE)) == 9
    contents = []
    for threads in (1, 2, 5):
        with opencv_threads(threads):
            contents.append(encode(pixels))
    assert contents[0] == contents[1] == contents[2]
    assert np.array_equal(cv2.imdecode(np.frombuffer(contents[0], np.uint8), cv2.IMREAD_UNCHANGED), pixels)
    with PIL.Image.open(io.BytesIO(contents[0])) as image:
        image.load()  # checks every sum


@pytest.mark.pixels
def test_the_pixels_are_one_stream_of_zlib() -> None:
    stream = b"".join(data for kind, data in chunks_of(encode(picture((4,), np.uint8))) if kind == b"IDAT")
    assert len(zlib.decompress(stream)) == SHAPE[0] * (1 + 4 * SHAPE[1])


@pytest.mark.pixels
def test_views_are_written_as_they_are_seen() -> None:
    pixels = picture((4,), np.uint8)[::-2, 5:-3]
    assert encode(pixels) == encode(pixels.copy())


@pytest.mark.pixels
def test_a_transparent_picture_takes_next_to_nothing() -> None:
    pixels = np.zeros((3000, 4000, 4), np.uint8)
    assert len(encode(pixels)) < pixels.size / 300


def test_a_picture_of_no_rows_is_refused() -> None:
    with pytest.raises(OutputError, match="cannot be encoded as png: a PNG has 1 to"):
        encode(np.zeros((0, 5, 4), np.uint8))


WITHOUT_ISAL = """
import sys
sys.modules["isal"] = None  # as where it has no wheel
import numpy as np
from bgremove.formats import decode, encode

pixels = np.random.default_rng(0).integers(0, 256, (300, 2000, 3), np.uint8)
print(np.array_equal(decode(encode(pixels)).image, pixels))
"""


def test_zlib_does_where_there_is_no_isal(environment: dict[str, str]) -> None:
    line = [sys.executable, "-c", WITHOUT_ISAL]
    result = subprocess.run(line, env=environment, capture_output=True, text=True, check=True, timeout=100)
    assert result.stdout == "True\n"
