"""Hints as image files: read, given to a run through the table of rects, and part of what is resumed."""

import os
import shutil
import zipfile

import cv2
import numpy as np
import PIL.Image
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from bgremove import Label, remove_background, remove_backgrounds
from bgremove.batch import read_table
from bgremove.cli import run
from bgremove.errors import ImageError
from bgremove.formats import read
from bgremove.hints import read_hints
from bgremove.rects import Table
from bgremove.types import Rect
from fixtures.scenes import make_scene

OPEN = Label.PROBABLY_FOREGROUND


@pytest.fixture
def folder(tmp_path):
    """A photo, hints that put a part of the background into the object, and the table that names both."""
    cv2.imwrite(str(tmp_path / "a.png"), make_scene(120, 160, 1).image)
    hints = np.full((120, 160), 128, np.uint8)
    hints[20:30, 20:30] = 255
    hints[55:65, 75:85] = 0
    cv2.imwrite(str(tmp_path / "marks.png"), hints)
    (tmp_path / "rects.csv").write_text("path,x,y,width,height,hints\na.png,10,10,140,100,marks.png\n")
    return tmp_path


def save(path, pixels, **options):
    PIL.Image.fromarray(np.array(pixels, np.uint8)).save(path, **options)
    return path


def test_black_is_background_white_is_object_and_all_else_is_open(tmp_path):
    gray = save(tmp_path / "gray.png", [[0, 1, 128, 254, 255]])
    assert read_hints(gray, 1, 5).tolist() == [[Label.BACKGROUND, OPEN, OPEN, OPEN, Label.FOREGROUND]]
    colours = save(tmp_path / "colours.png", [[[0, 0, 0], [255, 0, 0], [255, 255, 255]]])
    assert read_hints(colours, 1, 3).tolist() == [[Label.BACKGROUND, OPEN, Label.FOREGROUND]]
    layer = save(tmp_path / "layer.png", [[[0, 0, 0, 0], [0, 0, 0, 255], [255, 255, 255, 255]]])
    assert read_hints(layer, 1, 3).tolist() == [[OPEN, Label.BACKGROUND, Label.FOREGROUND]]


def test_hints_of_another_size_are_refused_by_name(tmp_path):
    with pytest.raises(ImageError, match=r"small\.png: the hints have 3 x 2 pixels and the image 6 x 4"):
        read_hints(save(tmp_path / "small.png", np.zeros((2, 3))), 4, 6)


def test_hints_may_be_as_large_as_their_photograph(tmp_path, monkeypatch):
    monkeypatch.setitem(read.__kwdefaults__, "max_pixels", 5)  # the limit, which was raised for the photograph
    assert (read_hints(save(tmp_path / "large.png", np.zeros((2, 3))), 2, 3) == Label.BACKGROUND).all()


def test_hints_decide_in_the_command_and_in_the_library(folder):
    line = ["remove", str(folder / "a.png"), "-o", str(folder / "out"), "--emit", "mask", "-q"]
    assert run([*line, "--rects", str(folder / "rects.csv")]) == 0
    mask = cv2.imread(str(folder / "out/a.mask.png"), cv2.IMREAD_GRAYSCALE)
    assert (mask[20:30, 20:30] == 255).all()
    assert (mask[55:65, 75:85] == 0).all()
    cutout = remove_background(folder / "a.png", rect=(10, 10, 140, 100), hints=folder / "marks.png")
    np.testing.assert_array_equal(cutout.foreground, mask == 255)
    plain = remove_background(folder / "a.png", rect=(10, 10, 140, 100)).foreground
    assert not plain[20:30, 20:30].any()
    assert plain[55:65, 75:85].all()


def test_hints_are_read_by_url(folder):
    content = (folder / "marks.png").read_bytes()
    MemoryFileSystem.store.clear()
    MemoryFileSystem().pipe_file("/bucket/marks.png", content)
    with zipfile.ZipFile(folder / "hints.zip", "w") as archive:
        archive.writestr("marks.png", content)
    here = remove_background(folder / "a.png", rect=(10, 10, 140, 100), hints=folder / "marks.png")
    for url in ("memory://bucket/marks.png", f"zip://marks.png::{folder}/hints.zip"):
        (folder / "rects.csv").write_text(f"path,x,y,width,height,hints\na.png,10,10,140,100,{url}\n")
        line = ["remove", str(folder / "a.png"), "-o", str(folder / "out"), "--emit", "mask", "-q", "--overwrite"]
        assert run([*line, "--rects", str(folder / "rects.csv")]) == 0
        mask = cv2.imread(str(folder / "out/a.mask.png"), cv2.IMREAD_GRAYSCALE)
        np.testing.assert_array_equal(here.foreground, mask == 255)
        by_url = remove_background(folder / "a.png", rect=(10, 10, 140, 100), hints=url)
        np.testing.assert_array_equal(here.foreground, by_url.foreground)
        table = Table.opened(folder / "rects.csv")
        table.put(folder / "a.png", Rect(9, 10, 140, 100), table.hints(folder / "a.png"))
        assert url in table.text()


def test_hints_by_url_that_are_not_there_are_named_whole(folder, capsys):
    for url in ("memory://bucket/gone.png", "zip://gone.png::gone.zip"):
        (folder / "rects.csv").write_text(f"path,x,y,width,height,hints\na.png,10,10,140,100,{url}\n")
        line = ["remove", str(folder / "a.png"), "-o", str(folder / "out"), "--rects", str(folder / "rects.csv")]
        assert run(line) == 1
        assert f": {url}: " in capsys.readouterr().err


def test_hints_are_no_photographs(folder):
    assert run(["remove", str(folder), "-o", str(folder / "out"), "--rects", str(folder / "rects.csv"), "-q"]) == 0
    assert sorted(os.listdir(folder / "out")) == [".bgremove-journal.jsonl", "a.png"]


def test_a_photograph_is_not_taken_for_its_own_hints(folder, capsys):
    text = (folder / "rects.csv").read_text().replace("marks.png", "a.png")
    (folder / "rects.csv").write_text(text)
    assert run(["remove", str(folder), "-o", str(folder / "out"), "--rects", str(folder / "rects.csv"), "-q"]) == 2
    assert "a.png: it has hints and is an image of hints itself" in capsys.readouterr().err


def test_hints_are_never_an_output(folder, capsys):
    (folder / "out").mkdir()
    shutil.move(folder / "marks.png", folder / "out/a.png")
    text = (folder / "rects.csv").read_text().replace("marks.png", "out/a.png")
    (folder / "rects.csv").write_text(text)
    before = (folder / "out/a.png").read_bytes()
    line = ["remove", str(folder / "a.png"), "-o", str(folder / "out"), "--rects", str(folder / "rects.csv")]
    assert run([*line, "--overwrite"]) == 2
    assert "a.png is an input and would be replaced" in capsys.readouterr().err
    assert run([*line[:3], str(folder / "elsewhere"), *line[4:], "--json", str(folder / "out/a.png")]) == 2
    assert (folder / "out/a.png").read_bytes() == before


def test_hints_that_cannot_be_read_cost_their_own_image(folder):
    shutil.copy(folder / "a.png", folder / "b.png")
    with (folder / "rects.csv").open("a") as table:
        table.write("b.png,10,10,140,100,gone.png\n")
    drawn = read_table(folder / "rects.csv")
    records = remove_backgrounds(
        [folder / "a.png", folder / "b.png"], folder / "out", rects=drawn.rects, hints=drawn.hints
    )
    assert {record.path.name: record.status for record in records} == {"a.png": "ok", "b.png": "failed"}
    assert "gone.png" in str(next(record.error for record in records if record.error))


def test_a_resumed_run_does_an_image_anew_whose_hints_have_changed(folder, capsys):
    line = ["remove", str(folder / "a.png"), "-o", str(folder / "out"), "--rects", str(folder / "rects.csv")]
    assert run(line) == 0
    assert run([*line, "--resume"]) == 0
    assert "0 ok, 1 skipped" in capsys.readouterr().err
    before = (folder / "out/a.png").read_bytes()
    cv2.imwrite(str(folder / "marks.png"), np.full((120, 160), 128, np.uint8))
    assert run([*line, "--resume"]) == 0
    assert "1 ok, 0 skipped" in capsys.readouterr().err
    assert (folder / "out/a.png").read_bytes() != before
