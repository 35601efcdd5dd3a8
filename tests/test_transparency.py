"""Partly transparent input: what was to be seen through stays so."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from bgremove import Label, remove_background, remove_backgrounds
from bgremove.formats import encode
from bgremove.formats.read import read
from fixtures.scenes import make_scene

pytestmark = pytest.mark.pixels

LOSSLESS = ["png", "webp", "tiff"]


def glass(dtype: type = np.uint8) -> np.ndarray:
    """A scene, BGRA, whose object is as transparent as glass in stripes, from hardly at all to nearly all."""
    scene = make_scene(60, 80, seed=1)
    alpha = np.full((60, 80), 255, np.uint8)
    for top, value in ((24, 200), (30, 128), (33, 100), (36, 1)):
        alpha[top : top + 3] = value
    alpha[:, :10] = 0
    return np.dstack([scene.image, alpha]).astype(dtype) * dtype(np.iinfo(dtype).max // 255)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("edge", ["hard", "soft"])
def test_alpha_is_never_above_that_of_the_input(edge: str, dtype: type) -> None:
    source = glass(dtype)
    cutout = remove_background(source, edge=edge)
    assert (cutout.image[..., 3] <= source[..., 3]).all()
    inside = cutout.foreground & (cv2.erode(cutout.foreground.view(np.uint8), np.ones((11, 11))) > 0)
    assert set(np.unique(source[inside, 3])) >= {dtype(v * (np.iinfo(dtype).max // 255)) for v in (1, 100, 128, 200)}
    assert np.array_equal(cutout.image[inside, 3], source[inside, 3]), "what is object is as transparent as it was"
    assert not cutout.image[cutout.image[..., 3] == 0].any()
    assert (cutout.mask[source[..., 3] == 0] == Label.BACKGROUND).all()


@pytest.mark.parametrize("suffix", LOSSLESS)
@pytest.mark.parametrize("strategy", ["sequential", "threads"])
def test_glass_stays_glass_from_file_to_file(suffix: str, strategy: str, tmp_path: Path) -> None:
    (tmp_path / f"a.{suffix}").write_bytes(encode(glass(), suffix))
    (record,) = remove_backgrounds(tmp_path / f"a.{suffix}", tmp_path / "out", format=suffix, strategy=strategy)
    assert record.warnings == ()
    written = read(record.outputs[0])
    assert written.alpha is not None
    assert np.array_equal(written.alpha, remove_background(glass()).image[..., 3])


@pytest.mark.parametrize("edge", ["hard", "soft"])
def test_a_plain_background_shines_through_glass(edge: str, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(encode(glass()))
    (record,) = remove_backgrounds(
        tmp_path / "a.png", tmp_path / "out", background="#0000ff", edge=edge, strategy="sequential"
    )
    cutout = remove_background(glass(), edge=edge).image.astype(float)
    share = cutout[..., 3:] / 255
    flat = cv2.imread(str(record.outputs[0]), cv2.IMREAD_UNCHANGED)
    np.testing.assert_allclose(flat, share * cutout[..., :3] + (1 - share) * (255, 0, 0), atol=0.5)


def test_a_soft_cutout_that_is_cut_out_again_has_no_more_alpha() -> None:
    first = remove_background(make_scene(60, 80, seed=1).image, edge="soft").image
    assert ((first[..., 3] > 0) & (first[..., 3] < 255)).any()
    for edge in ("hard", "soft"):
        again = remove_background(first, edge=edge).image
        assert (again[..., 3] <= first[..., 3]).all()
        kept = again[..., 3] == first[..., 3]
        assert kept.mean() > 0.95
        assert (again[kept & (first[..., 3] > 0) & (first[..., 3] < 255), 3] > 0).all()
