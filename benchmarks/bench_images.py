"""Reading and writing, by format. The content is that of a photograph, so that it compresses as one."""

from functools import partial
from pathlib import Path

import PIL.Image
import pytest

from benchmarks.marks import QUICK_AND_GATE
from benchmarks.measure import Measure
from benchmarks.workloads import scene
from bgremove.cutout import cut_out
from bgremove.formats import LOSSLESS_FORMATS, encode, read, write
from fixtures.scenes import make_scene

HEIGHT = 864
"""With a width of 1152, one megapixel."""
READ = ("png", "jpeg", "webp", "tiff", "bmp")
MARKS = {"jpeg": [pytest.mark.quick], "png": QUICK_AND_GATE}


def by_format(names: tuple[str, ...]) -> list[object]:
    """Parameters, the common formats marked."""
    return [pytest.param(name, marks=MARKS.get(name, ())) for name in names]


@pytest.mark.parametrize("file_format", by_format(READ))
def test_read(measure: Measure, tmp_path: Path, file_format: str) -> None:
    """One megapixel from a file, checked, decoded and upright."""
    path = tmp_path / f"photo.{file_format}"
    PIL.Image.fromarray(scene(HEIGHT).image[..., ::-1]).save(path)
    photo = measure(partial(read, path), group="read 1 MP", images=1)
    assert photo.image.shape[0] == HEIGHT


@pytest.mark.parametrize("file_format", by_format(LOSSLESS_FORMATS))
@pytest.mark.parametrize("where", ["memory", "disk"])
def test_write(measure: Measure, tmp_path: Path, file_format: str, where: str) -> None:
    """A cutout of one megapixel: the encoding alone, and with all that makes the file appear whole."""
    made = make_scene(HEIGHT, HEIGHT * 4 // 3, seed=1)
    cutout = cut_out(made.image, made.truth)
    to_disk = partial(write, tmp_path / f"cutout.{file_format}", cutout, file_format=file_format, overwrite=True)
    work = to_disk if where == "disk" else partial(encode, cutout, file_format)
    measure(work, group=f"write 1 MP to {where}", images=1)
