"""What is written: cropped to the object, or before a plain background as JPEG."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import PIL.Image
import pytest

from bgremove import Settings, remove_background, remove_backgrounds
from bgremove.batch import make_plan, run_plan
from bgremove.errors import UsageError
from bgremove.report.gallery import Gallery
from bgremove.types import Rect
from fixtures.scenes import make_scene
from tests.samples import save_scene


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    save_scene(tmp_path / "in/a.png", 1)
    return tmp_path / "in/a.png"


@pytest.mark.parametrize("edge", ["hard", "soft"])
@pytest.mark.parametrize("pad", [0, 3, 1000])
def test_cutout_and_mask_are_cropped_alike(pad: int, edge: str, photo: Path, tmp_path: Path) -> None:
    (record,) = remove_backgrounds(
        photo, tmp_path / "out", emit=("cutout", "mask"), crop=True, pad=pad, edge=edge, strategy="sequential"
    )
    whole = remove_background(photo, edge=edge)
    rows, columns = np.nonzero(whole.image[..., 3])
    top, left = max(0, rows.min() - pad), max(0, columns.min() - pad)
    bottom, right = min(60, rows.max() + 1 + pad), min(80, columns.max() + 1 + pad)
    assert record.crop == Rect(left, top, right - left, bottom - top)
    cutout, mask = (cv2.imread(str(path), cv2.IMREAD_UNCHANGED) for path in record.outputs)
    assert np.array_equal(cutout, whole.image[top:bottom, left:right])
    assert np.array_equal(mask > 0, whole.foreground[top:bottom, left:right])


def test_an_empty_foreground_is_not_cropped(tmp_path: Path) -> None:
    PIL.Image.new("RGB", (40, 50), "white").save(tmp_path / "a.png")
    (record,) = remove_backgrounds(tmp_path / "a.png", tmp_path / "out", crop=True, strategy="sequential")
    assert record.crop == Rect(0, 0, 40, 50)
    with PIL.Image.open(record.outputs[0]) as image:
        assert image.size == (40, 50)


def test_a_crop_before_a_background_and_of_16_bits(photo: Path, tmp_path: Path) -> None:
    deep = make_scene(60, 80, seed=1).image.astype(np.uint16) * np.uint16(257)
    (tmp_path / "deep.png").write_bytes(cv2.imencode(".png", deep)[1].tobytes())
    options = {"crop": True, "background": "white", "strategy": "sequential"}
    for path in (photo, tmp_path / "deep.png"):
        (record,) = remove_backgrounds(path, tmp_path / "out", **options)
        assert record.crop is not None
        written = cv2.imread(str(record.outputs[0]), cv2.IMREAD_UNCHANGED)
        assert written.shape == (record.crop.height, record.crop.width, 3)
        assert (written == np.iinfo(written.dtype).max).all(axis=2).any()


def test_another_crop_is_another_run(photo: Path, tmp_path: Path) -> None:
    remove_backgrounds(photo, tmp_path / "out", crop=True, strategy="sequential")
    options = {"resume": True, "overwrite": True, "strategy": "sequential", "crop": True}
    assert [r.status for r in remove_backgrounds(photo, tmp_path / "out", pad=2, **options)] == ["ok"]
    assert [r.status for r in remove_backgrounds(photo, tmp_path / "out", pad=2, **options)] == ["skipped"]


@pytest.mark.parametrize("options", [{"pad": -1, "crop": True}, {"pad": 3}])
def test_a_pad_that_cannot_be_meant_is_refused(options: dict[str, int]) -> None:
    with pytest.raises(UsageError, match="pad is"):
        Settings(**options)


@pytest.mark.whole_run
def test_the_command_crops_and_records_it(command_here, photo: Path, tmp_path: Path) -> None:
    line = ["remove", photo, "-o", tmp_path / "out", "--crop", "--pad", "2", "--strategy", "sequential"]
    result = command_here(*line, "--json", tmp_path / "a.json", "--format", "jpg", "--background", "white")
    assert result.returncode == 0, result.stderr
    (record,) = json.loads((tmp_path / "a.json").read_text())["images"]
    box = remove_background(photo).box(2)
    assert record["crop"] == list(box)
    with PIL.Image.open(tmp_path / "out/a.jpg") as image:
        assert (image.format, image.size) == ("JPEG", (box.width, box.height))


def test_a_report_shows_no_picture_of_what_was_cropped(photo: Path, tmp_path: Path) -> None:
    settings = Settings(crop=True)
    plan = make_plan(photo, tmp_path / "out", settings)
    (record,) = run_plan(plan, strategy="sequential")
    gallery = Gallery(settings)
    gallery.add_written(plan.todo[0], replace(record, crop=None))
    assert gallery.pictures == []


# JPEG


def test_jpeg_needs_a_background_and_says_why() -> None:
    with pytest.raises(UsageError, match="JPEG has no transparency: choose a background, such as white"):
        Settings(format="jpg")
    assert Settings(format="jpg", emit=("mask",)).format_of("mask") == "png"
    assert Settings(format="jpg", background="white").format_of("cutout") == "jpg"


@pytest.mark.parametrize("edge", ["hard", "soft"])
def test_a_jpeg_looks_as_the_png_and_the_mask_beside_it_is_exact(edge: str, photo: Path, tmp_path: Path) -> None:
    options = {"background": "#fafafa", "emit": ("cutout", "mask"), "edge": edge, "strategy": "sequential"}
    (lossy,) = remove_backgrounds(photo, tmp_path / "jpg", format="jpg", **options)
    (exact,) = remove_backgrounds(photo, tmp_path / "png", format="png", **options)
    assert [path.name for path in lossy.outputs] == ["a.jpg", "a.mask.png"]
    assert lossy.outputs[1].read_bytes() == exact.outputs[1].read_bytes()
    jpeg, png = (cv2.imread(str(record.outputs[0])).astype(int) for record in (lossy, exact))
    assert np.abs(jpeg - png).mean() < 2
    assert (np.abs(jpeg[:5] - 250) <= 2).all(), "a plain background is plain"
