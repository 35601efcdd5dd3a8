"""A rect that was drawn on an image of one size is not used on one of another."""

from __future__ import annotations

import copy
import json

import cv2
import pytest

from bgremove import Rect, remove_backgrounds
from bgremove.batch import read_table
from bgremove.cli import run
from bgremove.errors import RectError
from bgremove.rects import Table
from bgremove.types import DrawnRect
from fixtures.scenes import make_scene
from tests.rects_folder import ask, make_folder, serving, session_of

pytestmark = pytest.mark.pixels

REPLACED = "was drawn on an image of 260 x 200 pixels, and this one has 260 x 190"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "photos").mkdir()
    for seed in (1, 2):
        cv2.imwrite(str(tmp_path / f"photos/{seed}.png"), make_scene(200, 260, seed).image)
    assert run(["rects", str(tmp_path / "photos"), "-o", str(tmp_path / "rects.csv"), "-q"]) == 0
    return tmp_path


def replace_photo(folder):
    cv2.imwrite(str(folder / "photos/1.png"), make_scene(190, 260, 1).image)


@pytest.mark.parametrize("strategy", ["sequential", "processes"])
def test_a_photo_that_was_replaced_by_one_of_another_size_fails_and_the_others_are_done(folder, capsys, strategy):
    replace_photo(folder)
    rects = ["--rects", str(folder / "rects.csv")]
    assert run(["remove", str(folder / "photos"), "-o", str(folder / "out"), *rects, "--strategy", strategy]) == 1
    told = capsys.readouterr().err
    assert REPLACED in told
    assert "1 ok, 0 skipped, 1 failed" in told
    assert [path.name for path in (folder / "out").glob("*.png")] == ["2.png"]
    assert run(["remove", str(folder / "photos/1.png"), "-o", str(folder / "one.png"), *rects]) == 1
    assert REPLACED in capsys.readouterr().err


def test_the_library_heeds_the_size_too(folder):
    replace_photo(folder)
    records = remove_backgrounds(folder / "photos", folder / "out", rects=read_table(folder / "rects.csv").rects)
    assert sorted(record.status for record in records) == ["failed", "ok"]


def test_a_table_without_sizes_stays_one(folder):
    text = (folder / "rects.csv").read_text()
    assert text.splitlines()[0] == "path,x,y,width,height,image_width,image_height"
    lines = [line.rsplit(",", 2)[0] for line in text.splitlines()]
    (folder / "old.csv").write_text("\n".join([*lines, ""]))
    assert read_table(folder / "old.csv").rects == read_table(folder / "rects.csv").rects
    replace_photo(folder)
    rects = ["--rects", str(folder / "old.csv")]
    assert run(["remove", str(folder / "photos"), "-o", str(folder / "out"), *rects, "-q"]) == 0
    assert Table.opened(folder / "old.csv").text() == (folder / "old.csv").read_text()


@pytest.mark.parametrize(("numbers", "wrong"), [("260,200", False), (",", False), ("260,", True), ("0,9", True)])
def test_the_size_of_an_image_is_two_whole_numbers_or_none(tmp_path, numbers, wrong):
    file = tmp_path / "rects.csv"
    file.write_text(f"path,x,y,width,height,image_width,image_height\na.png,1,2,3,4,{numbers}\n")
    if wrong:
        with pytest.raises(RectError, match="line 2: image_width and image_height must be whole numbers"):
            read_table(file)
    else:
        assert read_table(file).rects == {str(tmp_path / "a.png"): Rect(1, 2, 3, 4)}


def test_the_page_says_so_even_in_another_session_until_a_rect_is_drawn_anew(tmp_path):
    folder = make_folder(tmp_path)
    session_of(folder)
    cv2.imwrite(str(folder / "photos/a, b.png"), make_scene(190, 260, 1).image)
    session = session_of(folder)
    said = "it had 260 x 200 pixels when its rect was looked at, and has 260 x 190 now"
    index = next(index for index, entry in enumerate(session.entries) if entry.path.name == "a, b.png")
    assert session.entries[index].doubts[0] == said
    with serving(session) as server:
        assert said in json.loads(ask(server, "GET", f"photos/{index}")[2])["doubts"]
        assert ask(server, "PUT", f"photos/{index}", {"rect": [9, 9, 200, 150]})[0] == 200
    (rect,) = (rect for path, rect in read_table(folder / "rects.csv").rects.items() if path.endswith("a, b.png"))
    assert rect == (9, 9, 200, 150)
    rect.check(190, 260)


def test_a_rect_keeps_the_size_on_its_way_to_a_worker_and_is_plain_in_settings(folder):
    rect = DrawnRect(Rect(1, 2, 30, 40), height=200, width=260)
    same = copy.deepcopy(rect)
    assert same == rect == Rect(1, 2, 30, 40)
    assert same.image_size == (200, 260)
    (record,) = remove_backgrounds(folder / "photos/1.png", folder / "out", rect=rect)
    assert record.status == "ok"
