"""A file of a model: what it is given, what it answers, and what is wrong with it."""

from dataclasses import replace

import numpy as np
import pytest

from bgremove import iter_cutouts, remove_background, remove_backgrounds
from bgremove.engines import PRESETS, _session, make_engine, read_model
from bgremove.errors import EngineError, UsageError
from fixtures.scenes import make_scene
from tests.contracts import check_engine
from tests.tiny_models import write_model

pytestmark = pytest.mark.pixels


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize(
    "kind", [{}, {"precision": "float16"}, {"dynamic": True}], ids=["float32", "float16", "dynamic shape"]
)
def test_a_model_of_every_kind_of_input_keeps_the_contract(tmp_path, preset, kind):
    check_engine(make_engine("onnx", read_model(write_model(tmp_path / "m.onnx", preset, **kind))))


def test_a_quantised_model_keeps_the_contract(tmp_path):
    check_engine(make_engine("onnx", read_model(write_model(tmp_path / "m.onnx", quantised=True))))


@pytest.mark.parametrize(
    ("preset", "size", "mean", "deviation"),
    [
        ("u2net", 320, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        ("u2netp", 320, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        ("silueta", 320, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        ("isnet", 1024, (0.5, 0.5, 0.5), (1, 1, 1)),
        ("birefnet", 1024, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    ],
)
def test_a_model_sees_what_its_family_was_trained_on(tmp_path, monkeypatch, preset, size, mean, deviation):
    seen = record_inputs(monkeypatch)
    read = read_model(write_model(tmp_path / "m.onnx", preset))
    image = np.full((40, 60, 3), (255, 51, 102), np.uint8)  # BGR
    _session.estimate_alpha(read, image)
    (pixels,) = seen
    assert pixels.shape == (1, 3, size, size)
    expected = (np.array([0.4, 0.2, 1.0]) - mean) / deviation
    np.testing.assert_allclose(pixels.mean(axis=(0, 2, 3)), expected, atol=1e-5)


def record_inputs(monkeypatch):
    seen, load = [], _session.load

    class Recording:
        def __init__(self, session):
            self.get_inputs, self.get_outputs, self._run = session.get_inputs, session.get_outputs, session.run

        def run(self, names, given):
            seen.extend(given.values())
            return self._run(names, given)

    monkeypatch.setattr(_session, "load", lambda model: Recording(load(model)))
    return seen


def test_modnet_keeps_the_proportions_in_multiples_of_32(tmp_path, monkeypatch):
    seen = record_inputs(monkeypatch)
    read = read_model(write_model(tmp_path / "m.onnx", "modnet"))
    _session.estimate_alpha(read, np.full((300, 600, 3), 255, np.uint8))
    assert seen[0].shape == (1, 3, 512, 1024)
    np.testing.assert_allclose(seen[0], 1, atol=1e-6)


def test_a_family_of_its_own_is_told_by_a_file_beside_the_model(tmp_path, monkeypatch):
    seen = record_inputs(monkeypatch)
    write_model(tmp_path / "own.onnx", dynamic=True)
    (tmp_path / "own.toml").write_text(
        'size = 64\nmean = [0, 0.5, 0]\ndeviation = [1, 1, 2.0]\nchannels = "BGR"\nsigmoid = false\n'
    )
    _session.estimate_alpha(read_model(tmp_path / "own.onnx"), np.full((9, 9, 3), (255, 51, 102), np.uint8))
    assert seen[0].shape == (1, 3, 64, 64)
    np.testing.assert_allclose(seen[0][0, :, 0, 0], [1, -0.3, 0.2], atol=1e-6)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "write PRESET=FILE, with a preset out of u2net, u2netp"),
        ("size = ", "own.toml: it cannot be read as TOML"),
        ("size = 64\nmean = [0, 0, 0]", "own.toml: deviation is missing"),
        ("size = 64\nmean = [0, 0, 0]\ndeviation = [1, 1, 1]\ncolour = 1", "own.toml: colour is unknown"),
        ("size = 64\nmean = 0\ndeviation = [1, 1, 1]", "own.toml: mean is 0; it must be three numbers"),
        ("size = 64\nmean = [0, 0, 0]\ndeviation = [1, 1, 0]", "own.toml: deviation holds a 0"),
        ("size = '64'\nmean = [0, 0, 0]\ndeviation = [1, 1, 1]", "own.toml: size is '64'; it must be of the kind int"),
        ("size = 0\nmean = [0, 0, 0]\ndeviation = [1, 1, 1]", "own.toml: size is 0; it must lie between"),
        ("size = 64\nmean = [0, 0, 0]\ndeviation = [1, 1, 1]\nchannels = 'HSV'", "own.toml: channels is HSV"),
        ("size = 64\nmean = [0, 0, 0]\ndeviation = [1, 1, 1]\nmultiple = -1", "own.toml: multiple is -1"),
    ],
)
def test_a_file_that_tells_it_wrongly_is_named(tmp_path, content, message):
    write_model(tmp_path / "own.onnx", dynamic=True)
    if content is not None:
        (tmp_path / "own.toml").write_text(content)
    with pytest.raises(UsageError) as caught:
        read_model(tmp_path / "own.onnx")
    assert message in str(caught.value)


def absent(path):
    return f"u2netp={path}"


def folder(path):
    path.mkdir()
    return f"u2netp={path}"


def text(path):
    path.write_text("this is no model, but text\n" * 100)
    return f"u2netp={path}"


def empty(path):
    path.write_bytes(b"")
    return f"u2netp={path}"


def truncated(path):
    name = write_model(path)
    path.write_bytes(path.read_bytes()[:-200])
    return name


def of_another_family(path):
    write_model(path, "isnet")
    return f"u2netp={path}"


def with_one_channel(path):
    return write_model(path, input_shape=[1, 1, 320, 320])


def with_two_answers(path):
    return write_model(path, channels=2)


def with_an_unknown_preset(path):
    write_model(path)
    return f"u3net={path}"


def with_a_preset_only(_path):
    return "u2net"


def with_a_preset_and_no_file(_path):
    return "u2net="


FAULTS = [
    (absent, "m.onnx: the model cannot be read (No such file"),
    (folder, "m.onnx: the model cannot be read (Is a directory"),
    (text, "m.onnx: it cannot be loaded as an ONNX model"),
    (empty, "m.onnx: it cannot be loaded as an ONNX model"),
    (truncated, "m.onnx: it cannot be loaded as an ONNX model"),
    (of_another_family, "m.onnx: the model takes 1 x 3 x 1024 x 1024; it must be one image of 1 x 3 x 320 x 320"),
    (with_one_channel, "m.onnx: the model takes 1 x 1 x 320 x 320; it must be one image of 1 x 3 x 320 x 320"),
    (with_two_answers, "m.onnx: the model answers 1 x 2 x 320 x 320"),
    (with_an_unknown_preset, "before a = only a preset may stand: u2net"),
    (with_a_preset_only, "u2net names a preset only: write u2net=FILE, with a file of yours"),
    (with_a_preset_and_no_file, "u2net= names a preset only: write u2net=FILE, with a file of yours"),
]


@pytest.mark.parametrize(("make", "message"), FAULTS, ids=[make.__name__ for make, _ in FAULTS])
def test_what_cannot_be_used_is_named_before_the_first_image(tmp_path, make, message):
    name = make(tmp_path / "m.onnx")
    for call in (
        lambda: remove_background(tmp_path / "absent.png", engine="onnx", model=name),
        lambda: remove_backgrounds([tmp_path], tmp_path / "out", engine="onnx", model=name),
        lambda: iter_cutouts((pytest.fail("an image was drawn") for _ in range(1)), engine="onnx", model=name),
    ):
        with pytest.raises(UsageError) as caught:
            call()
        assert message in str(caught.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.whole_run
@pytest.mark.parametrize("make", [absent, truncated], ids=lambda make: make.__name__)
def test_the_command_ends_with_2_and_says_what_is_wrong_with_a_model(command_here, photos, tmp_path, make):
    result = command_here(
        "remove", photos, "-o", tmp_path / "out", "--engine", "onnx", "--model", make(tmp_path / "m.onnx")
    )
    assert result.returncode == 2
    assert "m.onnx: " in result.stderr
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("gain", "message"), [(np.nan, "no numbers"), (np.inf, "no numbers")])
def test_an_answer_that_is_none_is_an_error_of_the_image(tmp_path, gain, message):
    read = read_model(write_model(tmp_path / "m.onnx", "birefnet", gain=gain))
    with pytest.raises(EngineError, match=message):
        _session.estimate_alpha(read, make_scene(60, 80, seed=1).image)


def test_logits_are_told_from_probabilities(tmp_path):
    image = make_scene(60, 80, seed=1).image
    logits = read_model(write_model(tmp_path / "m.onnx", "birefnet"))
    built_in = read_model(write_model(tmp_path / "n.onnx", "u2netp", dynamic=True))
    as_birefnet = replace(logits.convention, brightest=True)
    expected = _session.estimate_alpha(replace(logits, convention=as_birefnet), image)
    found = _session.estimate_alpha(replace(built_in, convention=as_birefnet), image)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    with pytest.raises(EngineError, match="it needs sigmoid = true"):
        _session.estimate_alpha(replace(logits, convention=replace(as_birefnet, sigmoid=False)), image)
