"""Cutouts with a soft edge, from the command to the file."""

import subprocess
import sys

import cv2
import numpy as np
import pytest

from bgremove import Label, Rect, iter_cutouts, matting, remove_background, remove_backgrounds
from bgremove.errors import UsageError
from bgremove.matting import soften
from fixtures import load
from fixtures.scenes import make_scene
from tests.samples import save_scene

STAR = next(fixture for fixture in load() if fixture.name == "star")


@pytest.fixture(scope="module", autouse=True)
def _compiled():
    """PyMatting compiles itself here, if it must, and not under the time limit of a command."""
    matting.warm_up()


@pytest.fixture(scope="module")
def scene():
    return make_scene(60, 80, seed=1)


def band_of(mask):
    return cv2.morphologyEx(mask, cv2.MORPH_GRADIENT, np.ones((9, 9), np.uint8)) > 0


@pytest.mark.whole_run
def test_the_command_writes_an_alpha_that_is_nearer_the_truth_by_a_third(command_here, tmp_path):
    rect = ",".join(map(str, STAR.rect))
    line = ["remove", STAR.path, "--rect", rect, "--edge", "soft", "--emit", "cutout,mask", "-o", tmp_path]
    result = command_here(*line)
    assert result.returncode == 0, result.stderr
    cutout = cv2.imread(str(tmp_path / "star.png"), cv2.IMREAD_UNCHANGED)
    mask = cv2.imread(str(tmp_path / "star.mask.png"), cv2.IMREAD_UNCHANGED)
    hard = remove_background(STAR.path, rect=STAR.rect)
    np.testing.assert_array_equal(mask, hard.image[..., 3])
    band, truth = band_of(mask), STAR.alpha().astype(float)
    assert np.abs(cutout[..., 3] - truth)[band].mean() <= 2 / 3 * np.abs(mask - truth)[band].mean()
    assert not cutout[cutout[..., 3] == 0].any()
    np.testing.assert_array_equal(cutout[~band], hard.image[~band])
    assert (cutout[band, :3] != hard.image[band, :3]).any()


@pytest.mark.whole_run
def test_a_plain_background_shines_through_the_edge(command_here, tmp_path):
    save_scene(tmp_path / "scene.png", 1)
    line = ["remove", tmp_path / "scene.png", "--edge", "soft", "--background", "#0000ff", "-o", tmp_path / "out"]
    result = command_here(*line, "--strategy", "sequential")
    assert result.returncode == 0, result.stderr
    flat = cv2.imread(str(tmp_path / "out/scene.png"), cv2.IMREAD_UNCHANGED)
    cutout = remove_background(tmp_path / "scene.png", edge="soft").image.astype(float)
    share = cutout[..., 3:] / 255
    assert ((share > 0) & (share < 1)).any()
    np.testing.assert_allclose(flat, share * cutout[..., :3] + (1 - share) * (255, 0, 0), atol=0.5)


@pytest.mark.whole_run
def test_soft_cutouts_are_not_taken_for_hard_ones_that_are_done(command_here, tmp_path):
    save_scene(tmp_path / "scene.png", 1)
    line = ["remove", tmp_path / "scene.png", "-o", tmp_path / "out", "--strategy", "sequential", "--resume"]
    assert command_here(*line).returncode == 0
    result = command_here(*line, "--edge", "soft")
    assert result.returncode == 2
    assert "exist already" in result.stderr
    assert "1 ok, 0 skipped" in command_here(*line, "--edge", "soft", "--overwrite").stderr


@pytest.mark.pixels
@pytest.mark.parametrize("how", ["rect", "transparent"])
def test_no_soft_edge_reaches_into_certain_background(scene, how):
    # The object goes on beyond the rect, so that the edge runs along its side.
    left, top, width, height = scene.rect
    rect = Rect(left, top, width * 3 // 4, height)
    outside = np.full((60, 80), True)
    outside[rect.slices] = False
    if how == "rect":
        cutout = remove_background(scene.image, rect=rect, edge="soft")
    else:
        opaque = np.where(outside, np.uint8(0), np.uint8(255))
        cutout = remove_background(np.dstack([scene.image, opaque]), edge="soft")
    assert soften(scene.image, cutout.foreground).alpha[outside].any()
    assert not cutout.image[outside].any()
    assert (cutout.image[~outside, 3] % 255 != 0).any()


@pytest.mark.pixels
def test_certain_foreground_stays_as_it_is(scene):
    soft = remove_background(scene.image, edge="soft").image[..., 3] % 255 != 0
    assert soft.any()
    hints = np.where(soft, np.uint8(Label.FOREGROUND), np.uint8(Label.PROBABLY_FOREGROUND))
    hints[:, 40:] = Label.PROBABLY_FOREGROUND
    cutout = remove_background(scene.image, hints=hints, edge="soft").image
    certain = hints == Label.FOREGROUND
    np.testing.assert_array_equal(cutout[certain, :3], scene.image[certain])
    assert (cutout[certain, 3] == 255).all()


@pytest.mark.pixels
def test_the_mask_is_that_of_a_hard_edge_and_the_image_is_left_alone(scene):
    before = scene.image.copy()
    hard, soft = remove_background(scene.image), remove_background(scene.image, edge="soft")
    np.testing.assert_array_equal(scene.image, before)
    np.testing.assert_array_equal(soft.mask, hard.mask)
    assert (soft.image != hard.image).any()
    assert not soft.image[soft.image[..., 3] == 0].any()


@pytest.mark.parametrize("strategy", ["threads", "processes"])
def test_a_stream_gives_the_same_cutouts(scene, strategy):
    expected = remove_background(scene.image, edge="soft").image
    outcomes = list(iter_cutouts([scene.image] * 4, edge="soft", strategy=strategy, workers=2))
    assert len(outcomes) == 4
    for outcome in outcomes:
        np.testing.assert_array_equal(outcome.value.image, expected)


def test_a_batch_in_python_gives_the_same_cutouts(tmp_path):
    save_scene(tmp_path / "scene.png", 1)
    (record,) = remove_backgrounds([tmp_path / "scene.png"], tmp_path / "out", edge="soft", strategy="sequential")
    written = cv2.imread(str(record.outputs[0]), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(written, remove_background(tmp_path / "scene.png", edge="soft").image)


WITHOUT = "import sys; sys.modules['pymatting'] = None; from bgremove.cli import main; main()"


@pytest.mark.whole_run
def test_without_pymatting_the_command_ends_with_2_and_says_what_to_install(environment, tmp_path):
    save_scene(tmp_path / "scene.png", 1)
    line = [sys.executable, "-c", WITHOUT, "remove", tmp_path / "scene.png", "-o", tmp_path / "out"]
    options = {"env": environment, "capture_output": True, "text": True, "timeout": 100}
    result = subprocess.run([*line, "--edge", "soft"], check=False, **options)
    assert result.returncode == 2
    assert "pip install 'bgremove[soft]'" in result.stderr
    assert "failed" not in result.stderr
    assert not (tmp_path / "out").exists()
    assert subprocess.run([*line, "--strategy", "threads"], check=False, **options).returncode == 0


def test_without_pymatting_the_library_says_so_before_any_work(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "pymatting", None)
    drawn = (pytest.fail("an image was drawn") for _ in range(1))
    for call in (
        lambda: remove_background(tmp_path / "absent.png", edge="soft"),
        lambda: remove_backgrounds([tmp_path], tmp_path / "out", edge="soft"),
        lambda: iter_cutouts(drawn, edge="soft"),
    ):
        with pytest.raises(UsageError, match=r"bgremove\[soft\]"):
            call()
    assert not (tmp_path / "out").exists()
