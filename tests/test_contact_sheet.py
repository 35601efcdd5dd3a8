"""A folder at a glance."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import PIL.Image
import pytest

from bgremove import remove_background
from bgremove.batch import ImageRecord, Job
from bgremove.batch.jobs import Jobs
from bgremove.batch.sheet import check_sheet, with_previews, write_sheet
from bgremove.cli import run
from bgremove.contact_sheet import MOST_IMAGES, Entry, contact_sheet, preview
from bgremove.errors import UsageError
from bgremove.formats.read import from_array
from fixtures.scenes import make_scene
from tests.samples import save_scene

RED = np.array([0, 0, 200])


def strip_of(image: np.ndarray, **options: object) -> list[np.ndarray]:
    """The three tiles of a preview, each without its margin; the image must be small enough not to be reduced."""
    content = preview(from_array(image), remove_background(image, **options))
    strip = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    height, width = image.shape[:2]
    top, left = (150 - height) // 2, (150 - width) // 2
    return [strip[top : top + height, x + left : x + left + width] for x in (0, 154, 308)]


def checkered(height: int, width: int) -> np.ndarray:
    rows, columns = np.indices((height, width)) // 8
    return np.where((rows + columns) % 2, 255, 204)[..., None].repeat(3, axis=2)


@pytest.mark.pixels
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("edge", ["hard", "soft"])
def test_a_preview_shows_photo_mask_and_cutout(edge: str, dtype: type) -> None:
    image = make_scene(60, 80, seed=1).image.astype(dtype) * dtype(np.iinfo(dtype).max // 255)
    photo, mask, cut = strip_of(image, edge=edge)
    expected = remove_background(image, edge=edge)
    shallow = expected.image // (np.iinfo(dtype).max // 255)
    assert np.array_equal(photo, make_scene(60, 80, seed=1).image)
    assert np.array_equal(mask[..., 0] > 0, expected.foreground)
    share = shallow[..., 3:] / 255
    np.testing.assert_allclose(cut, share * shallow[..., :3] + (1 - share) * checkered(60, 80), atol=1.01)


@pytest.mark.pixels
def test_glass_lets_the_checkerboard_through() -> None:
    scene = make_scene(60, 80, seed=1)
    glass = np.dstack([scene.image, np.full((60, 80), 100, np.uint8)])
    inside = cv2.erode(remove_background(glass).foreground.view(np.uint8), np.ones((5, 5))) > 0
    mixed = 100 / 255 * scene.image + 155 / 255 * checkered(60, 80)
    np.testing.assert_allclose(strip_of(glass)[2][inside], mixed[inside], atol=1.01)


@pytest.mark.pixels
@pytest.mark.parametrize(("height", "width"), [(1, 2000), (2000, 3), (301, 700)])
def test_a_preview_has_one_size(height: int, width: int) -> None:
    image = np.zeros((height, width, 3), np.uint8)
    content = preview(from_array(image), remove_background(image))
    assert cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR).shape == (150, 458, 3)


@pytest.mark.pixels
def test_names_are_drawn_red_where_something_is_wrong_and_fit() -> None:
    image = make_scene(60, 80, seed=1).image
    made = preview(from_array(image), remove_background(image))
    names = ["a.png", "b.png", "猫 é \\n" + "x" * 500, "d.png", "e.png"]
    sheet = contact_sheet([Entry(name, made, index == 1) for index, name in enumerate(names)])
    assert sheet.shape == (2 * 178 + 16, 3 * 474 + 16, 3)
    label = sheet[16 + 150 : 16 + 178]
    red = (label == RED).all(axis=2)
    assert red[:, 474 + 16 : 2 * 474].any()
    assert not red[:, :474].any()
    assert (label[:, 2 * 474 + 16 : 2 * 474 + 16 + 458] < 128).any()
    assert (label[:, 3 * 474 :] == 255).all(), "a long name is cut"


@pytest.mark.pixels
def test_the_name_of_a_doubtful_mask_is_red(tmp_path: Path) -> None:
    image = make_scene(60, 80, seed=1).image
    made = preview(from_array(image), remove_background(image))
    doubted = (), ("it is in many pieces",)
    records = [ImageRecord(Path(f"{n}.png"), (), "ok", preview=made, doubts=each) for n, each in enumerate(doubted)]
    write_sheet(tmp_path / "sheet.png", records)
    red = (cv2.imread(str(tmp_path / "sheet.png"))[16 + 150 :] == RED).all(axis=2)
    assert not red[:, :474].any()
    assert red[:, 474 + 16 :].any()


@pytest.mark.pixels
def test_a_sheet_of_nothing_and_of_very_many_can_be_written() -> None:
    assert contact_sheet([]).ndim == 3
    height, width, _ = contact_sheet([Entry("a", None)] * MOST_IMAGES).shape
    assert height <= 16383
    assert height * width * 3 <= 70e6


def test_as_many_previews_are_made_as_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bgremove.batch.sheet.MOST_IMAGES", 2)
    jobs = [Job(Path(name), {}) for name in ("c", "a", "b")]
    assert [job.preview for job in with_previews(Jobs(jobs))] == [False, True, True]


def test_the_name_of_a_sheet_says_its_format(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"a\.gif: the name of a contact sheet ends in one of \.png"):
        check_sheet(tmp_path / "a.gif", [])
    with pytest.raises(UsageError, match="is an input or an output"):
        check_sheet(tmp_path / "a.jpg", [tmp_path / "a.jpg"])


@pytest.mark.whole_run
@pytest.mark.parametrize("strategy", ["sequential", "processes"])
def test_the_command_draws_a_sheet_and_writes_the_same_cutouts(command_here, tmp_path: Path, strategy: str) -> None:
    for seed in range(3):
        save_scene(tmp_path / f"in/{seed}.png", seed)
    (tmp_path / "in/broken.png").write_text("no image")
    PIL.Image.new("RGB", (9, 9)).save(tmp_path / "in/flat.png")
    line = ["remove", tmp_path / "in", "--strategy", strategy]
    assert command_here(*line, "-o", tmp_path / "without").returncode == 1
    result = command_here(*line, "-o", tmp_path / "with", "--contact-sheet", tmp_path / "sheet.png")
    assert result.returncode == 1, result.stderr
    sheet = cv2.imread(str(tmp_path / "sheet.png"))
    assert sheet.shape == (2 * 178 + 16, 3 * 474 + 16, 3)
    red = (sheet == RED).all(axis=2)
    counts = [red[16 + 150 + row * 178 : 16 + (row + 1) * 178, 16 + column * 474 : (column + 1) * 474].sum()
              for row in range(2) for column in range(3)]  # fmt: skip
    assert [count > 0 for count in counts] == [False, False, False, True, True, False]
    for path in (tmp_path / "without").glob("*.png"):
        assert (tmp_path / "with" / path.name).read_bytes() == path.read_bytes()
    one = command_here(
        "remove", tmp_path / "in/0.png", "-o", tmp_path / "c.png", "--contact-sheet", tmp_path / "one.jpg"
    )
    assert one.returncode == 0, one.stderr
    with PIL.Image.open(tmp_path / "one.jpg") as image:
        assert image.size == (474 + 16, 178 + 16)


def test_a_resumed_run_leaves_the_sheet_where_nothing_was_left_to_do(tmp_path: Path, capsys) -> None:
    save_scene(tmp_path / "in/0.png", 0)
    line = ["remove", str(tmp_path / "in"), "-o", str(tmp_path / "out"), "--contact-sheet", str(tmp_path / "s.png")]
    assert run(line) == 0
    drawn = (tmp_path / "s.png").read_bytes()
    assert run([*line, "--resume"]) == 0
    assert f"{tmp_path / 's.png'} is left as it is" in capsys.readouterr().err
    assert (tmp_path / "s.png").read_bytes() == drawn
    save_scene(tmp_path / "in/1.png", 1)
    assert run([*line, "--resume"]) == 0
    assert (tmp_path / "s.png").read_bytes() != drawn
