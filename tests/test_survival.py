"""What a photo carries reaches the cutout, in this process and out of others."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from bgremove import iter_cutouts, remove_background, remove_backgrounds
from bgremove.formats import encode
from fixtures.scenes import make_scene
from tests.image_files import saved
from tests.metadata_files import exif, wide_gamut
from tests.test_deep import deep_scene

# That all strategies give the same bytes is told by test_parity: those that use processes share all that crosses.
WAYS = ["threads", "processes"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "in"
    place.mkdir()
    image = PIL.Image.fromarray(make_scene(60, 80, seed=1).image[..., ::-1])
    (place / "camera.jpg").write_bytes(saved(image, "JPEG", exif=exif(), icc_profile=wide_gamut(), dpi=(300, 300)))
    (place / "deep.png").write_bytes(encode(deep_scene(4)))
    (place / "blank.png").write_bytes(saved(PIL.Image.new("RGB", (20, 30), "white"), "PNG"))
    return place


@pytest.mark.parametrize("strategy", WAYS)
def test_the_same_bytes_are_written(strategy: str, folder: Path, tmp_path: Path) -> None:
    options = {"metadata": "all", "crop": True, "pad": 2, "emit": ("cutout", "mask"), "engine": "opencv"}
    expected = remove_backgrounds(folder, tmp_path / "loop", strategy="sequential", **options)
    records = remove_backgrounds(folder, tmp_path / "out", strategy=strategy, workers=2, **options)
    described = {record.path.name: (record.status, record.warnings, record.crop) for record in expected}
    assert {record.path.name: (record.status, record.warnings, record.crop) for record in records} == described
    names = sorted(path.name for path in (tmp_path / "loop").glob("*.png"))
    assert len(names) == 6
    for name in names:
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "loop" / name).read_bytes()


@pytest.mark.parametrize("strategy", WAYS)
def test_it_is_carried_in_memory(strategy: str, folder: Path) -> None:
    images = [(folder / "camera.jpg").read_bytes(), deep_scene(4)]
    outcomes = sorted(iter_cutouts(images, strategy=strategy, workers=2, engine="opencv"), key=lambda each: each.index)
    for image, outcome in zip(images, outcomes, strict=True):
        assert outcome.value is not None, outcome.error
        expected = remove_background(image, engine="opencv")
        assert np.array_equal(outcome.value.image, expected.image)
        assert outcome.value.image.dtype == expected.image.dtype
        assert encode(outcome.value.image, "tiff", outcome.value.metadata) == encode(
            expected.image, "tiff", expected.metadata
        )
    with PIL.Image.open(io.BytesIO(encode(outcomes[0].value.image, "png", outcomes[0].value.metadata))) as image:
        assert image.info["icc_profile"] == wide_gamut()
