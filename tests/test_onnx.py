"""From an image to its cutout by the user's own model, and the session that all of a process share."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from bgremove import Label, Rect, Settings, iter_cutouts, matting, remove_background
from bgremove.engines import _session, read_model
from bgremove.engines.onnx import OnnxEngine
from bgremove.errors import EngineError, UsageError
from bgremove.preparation import Preparation
from bgremove.strategies import make_strategy
from fixtures.scenes import make_scene
from tests.samples import save_scene
from tests.tiny_models import write_model

SETTINGS = {"iterations": 5, "seed": 0}


def overlap(found, truth):
    return (found & truth).sum() / (found | truth).sum()


@pytest.fixture
def model(tmp_path):
    return write_model(tmp_path / "tiny.onnx")


@pytest.fixture
def chosen(model):
    return Settings(engine="onnx", model=model)


def test_engine_and_model_belong_together(model):
    with pytest.raises(UsageError, match="engine 'onnx' needs a model: PRESET=FILE"):
        Settings(engine="onnx")
    with pytest.raises(UsageError, match="engine 'exact' uses no model; choose onnx"):
        Settings(engine="exact", model=model)


WITHOUT = "import sys; sys.modules['onnxruntime'] = None; from bgremove.cli import main; main()"


@pytest.mark.whole_run
def test_without_onnxruntime_the_command_says_what_to_install(environment, photos, model, tmp_path):
    line = [sys.executable, "-c", WITHOUT, "remove", photos, "-o", tmp_path / "out"]
    options = {"env": environment, "capture_output": True, "text": True, "timeout": 100}
    result = subprocess.run([*line, "--engine", "onnx", "--model", model], check=False, **options)
    assert result.returncode == 2
    assert "pip install 'bgremove[onnx]'" in result.stderr
    assert not (tmp_path / "out").exists()
    assert subprocess.run([*line, "--strategy", "threads"], check=False, **options).returncode == 0


def test_without_a_rect_an_object_may_touch_the_sides(chosen):
    scene = make_scene(60, 80, seed=4)
    rows, columns = (np.flatnonzero(scene.truth.any(axis=axis)) for axis in (1, 0))
    cropped = (slice(0, rows[-1] - 3), slice(0, columns[-1] - 3))
    found = remove_background(scene.image[cropped], settings=chosen).foreground
    truth = scene.truth[cropped]
    assert truth[-1].any()
    assert truth[:, -1].any()
    assert overlap(found, truth) > 0.85
    assert found[-1].any()


def test_a_rect_cuts_off_what_lies_outside(chosen):
    scene = make_scene(60, 80, seed=4)
    x, y, width, height = scene.rect
    rect = Rect(x, y, width // 2, height)
    outside = np.full((60, 80), True)
    outside[rect.slices] = False
    cutout = remove_background(scene.image, settings=chosen, rect=rect)
    assert not cutout.foreground[outside].any()
    assert overlap(cutout.foreground, scene.truth & ~outside) > 0.8


@pytest.mark.parametrize(
    ("rect", "seen"),
    [
        ((40, 20, 20, 16), (30, 12, 40, 32)),
        ((3, 20, 21, 15), (0, 13, 34, 29)),  # as far as the picture goes; of odd sides, half is rounded down
        ((60, 50, 40, 30), (40, 35, 60, 45)),
        ((50, 40, 1, 1), (50, 40, 1, 1)),
        (None, (0, 0, 100, 80)),
    ],
)
def test_a_model_sees_the_rect_with_half_as_much_on_each_side(chosen, monkeypatch, rect, seen):
    image = np.random.default_rng(0).integers(0, 256, (80, 100, 3), np.uint8)
    parts = []

    def estimate(_, part):
        parts.append(part.copy())
        return (part[:, :, 0] > 127).astype(np.float32)  # which is in place only if the window is

    monkeypatch.setattr(_session, "estimate_alpha", estimate)
    mask = remove_background(image, settings=chosen, rect=rect, iterations=1).mask
    (part,) = parts
    assert np.array_equal(part, image[Rect(*seen).slices])
    inside = np.full(mask.shape, rect is None)
    if rect is not None:
        inside[Rect(*rect).slices] = True
    assert np.array_equal((mask & 1).astype(bool), inside & (image[:, :, 0] > 127))


def test_hints_narrow_what_a_model_sees(chosen, monkeypatch):
    image = np.random.default_rng(0).integers(0, 256, (80, 100, 3), np.uint8)
    hints = np.full((80, 100), Label.BACKGROUND, np.uint8)
    hints[20:36, 40:60] = Label.PROBABLY_FOREGROUND
    parts = []
    monkeypatch.setattr(_session, "estimate_alpha", lambda _, part: parts.append(part) or np.ones(part.shape[:2], "f4"))
    foreground = remove_background(image, settings=chosen, hints=hints).foreground
    assert np.array_equal(parts[0], image[12:44, 30:70])
    assert np.array_equal(foreground, hints == Label.PROBABLY_FOREGROUND)


def test_hints_decide(chosen):
    scene = make_scene(60, 80, seed=3)
    y, x = (axis[len(axis) // 2] for axis in np.nonzero(scene.truth))
    hints = np.full((60, 80), Label.PROBABLY_FOREGROUND, np.uint8)
    hints[y, x], hints[0, 0] = Label.BACKGROUND, Label.FOREGROUND
    found = remove_background(scene.image, settings=chosen, hints=hints).foreground
    assert not found[y, x]
    assert found[0, 0]


def test_nothing_that_the_model_finds_is_an_empty_cutout_with_a_warning(chosen):
    image = np.full((60, 80, 3), 90, np.uint8)
    image[20, 20] = 93
    cutout = remove_background(image, settings=chosen)
    assert not cutout.image.any()
    assert "empty" in cutout.warnings[0]


def test_the_edge_is_one_of_the_images_own_pixels(model):
    """Of a disc 40 times as large as a pixel of the model, no pixel of the edge is off; of the model's mask, many."""
    y, x = np.indices((1600, 1600))
    truth = (y - 800) ** 2 + (x - 813) ** 2 < 500**2
    rng = np.random.default_rng(0)
    image = np.where(truth[..., None], (40, 60, 200), (120, 90, 40)) + rng.integers(0, 12, (1600, 1600, 3))
    image = image.astype(np.uint8)
    read = read_model(model)
    small = cv2.resize(_session.estimate_alpha(read, image), (1600, 1600)) > 0.5
    found = OnnxEngine(read).segment(image, np.full((1600, 1600), Label.PROBABLY_FOREGROUND, np.uint8), **SETTINGS) & 1
    assert (small != truth).sum() > 1000
    assert (found != truth).sum() < 10


@pytest.mark.pixels
def test_a_soft_edge_is_as_wide_as_the_model_is_unsure(tmp_path):
    y, x = np.indices((120, 160))
    truth = np.clip((60 - np.hypot(y - 60, x - 80)) / 40, 0, 1)  # a disc that fades over 40 pixels
    noise = np.random.default_rng(0).integers(-3, 4, (120, 160, 3))
    image = (truth[..., None] * (60, 110, 90) + (1 - truth[..., None]) * (60, 140, 50) + noise).astype(np.uint8)
    name = write_model(tmp_path / "m.onnx", gain=0.3)
    cutout = remove_background(image, engine="onnx", model=name, edge="soft")
    narrow = matting.soften(image, cutout.foreground).alpha
    assert np.abs(cutout.image[..., 3] / 255 - truth).mean() < 0.7 * np.abs(narrow / 255 - truth).mean()
    assert not cutout.image[cutout.image[..., 3] == 0].any()


@pytest.mark.pixels
def test_a_soft_edge_starts_from_the_models_alpha(tmp_path):
    """Glass that is half transparent all over: its colours alone do not tell it from a solid object."""
    y, x = np.indices((160, 200))
    truth = 0.5 * (np.hypot(y - 80, x - 100) < 50)
    noise = np.random.default_rng(0).integers(-3, 4, (160, 200, 3))
    image = (truth[..., None] * (60, 110, 160) + (1 - truth[..., None]) * (60, 140, 50) + noise).astype(np.uint8)
    name = write_model(tmp_path / "m.onnx", gain=0.05)
    read = read_model(name)
    answer = cv2.resize(_session.estimate_alpha(read, image), (200, 160))
    assert 0.6 < answer[truth > 0].min() < answer[truth > 0].max() < 0.8
    soft = remove_background(image, engine="onnx", model=name, edge="soft").image[..., 3] / 255
    assert np.abs(soft - answer)[truth > 0].mean() < 0.05


@pytest.mark.whole_run
def test_other_weights_of_the_same_name_are_no_reason_to_skip(command_here, photos, tmp_path):
    path = tmp_path / "m.onnx"
    line = ["remove", photos, "-o", tmp_path / "out", "--engine", "onnx", "--strategy", "sequential", "--resume"]
    assert command_here(*line, "--model", write_model(path)).returncode == 0
    stat = path.stat()
    assert "0 ok, 6 skipped, 0 failed" in command_here(*line, "--model", f"u2netp={path}").stderr
    size = len(path.read_bytes())
    write_model(path, gain=1.5)
    assert len(path.read_bytes()) == size
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    result = command_here(*line, "--model", f"u2netp={path}")
    assert result.returncode == 2
    assert "exist already" in result.stderr
    assert "6 ok, 0 skipped" in command_here(*line, "--model", f"u2netp={path}", "--overwrite").stderr


def test_a_file_is_read_once_where_the_user_speaks(chosen, monkeypatch):
    monkeypatch.setattr(Path, "read_bytes", lambda path: pytest.fail(f"{path} was read"))
    assert replace(chosen, rect=(1, 1, 9, 9)).model == chosen.model


def test_weights_that_change_while_a_run_goes_on_are_refused(chosen):
    write_model(Path(chosen.model.path), gain=2.0)
    with pytest.raises(EngineError, match=r"tiny.onnx: the model has changed since this run began"):
        remove_background(make_scene(60, 80, seed=1).image, settings=chosen)


def test_threads_share_one_session_that_is_gone_after_the_run(chosen, monkeypatch):
    made, make = [], _session._make_session
    monkeypatch.setattr(_session, "_make_session", lambda *args, **options: made.append(args) or make(*args, **options))
    images = [make_scene(60, 80, seed=seed).image for seed in range(6)]
    outcomes = list(iter_cutouts(images, settings=chosen, strategy="threads", workers=3))
    assert [outcome.error for outcome in outcomes] == [None] * 6
    assert [args[2] for args in made] == [1]
    remove_background(images[0], settings=chosen)
    assert len(made) == 2


def test_a_plain_loop_has_the_threads_of_this_machine(chosen, monkeypatch):
    made, make = [], _session._make_session
    monkeypatch.setattr(_session, "_make_session", lambda *args, **options: made.append(args) or make(*args, **options))
    monkeypatch.setattr("bgremove.preparation.usable_cpus", lambda: 3)
    with Preparation("onnx", chosen.model, threads=None)():
        remove_background(make_scene(60, 80, seed=1).image, settings=chosen)
    assert [args[2] for args in made] == [3]


@pytest.mark.skipif(sys.platform != "linux", reason="threads are counted in /proc")
def test_the_server_that_workers_are_forked_from_has_one_thread(chosen):
    with make_strategy("processes", workers=2, worker_context=Preparation("onnx", chosen.model)) as strategy:
        strategy.warm_up()
        (launcher,) = [strategy._launcher]
        assert len(list(Path(f"/proc/{launcher._server.pid}/task").iterdir())) == 1


def test_memory_counts_the_model(model):
    assert OnnxEngine(replace(read_model(model), file_bytes=10**8)).shared_bytes() >= 10**8


@pytest.mark.whole_run
def test_compare_answers_for_threads_against_workers(command_here, photos, model):
    line = ["--engine", "onnx", "--model", model, "--strategies", "opencv_threads,processes", "--workers", "2"]
    result = command_here("compare", photos, *line, "--rounds", "3")
    assert result.returncode == 0, result.stderr + result.stdout
    assert "opencv_threads" in result.stdout
    assert "all masks identical" in " ".join(result.stdout.split())


@pytest.mark.whole_run
def test_the_command_writes_the_cutouts_of_the_library(command_here, tmp_path, model):
    save_scene(tmp_path / "in/scene.png", 1)
    result = command_here("remove", tmp_path / "in", "-o", tmp_path / "out", "--engine", "onnx", "--model", model)
    assert result.returncode == 0, result.stderr
    written = cv2.imread(str(tmp_path / "out/scene.png"), cv2.IMREAD_UNCHANGED)
    expected = remove_background(tmp_path / "in/scene.png", engine="onnx", model=model)
    np.testing.assert_array_equal(written, expected.image)
