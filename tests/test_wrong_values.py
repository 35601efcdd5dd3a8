"""Values of the library that cannot be meant are refused, with the reason, before anything is written."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from bgremove import Settings, iter_cutouts, remove_background, remove_backgrounds
from bgremove.errors import RectError, UsageError
from bgremove.types import as_rect
from tests.image_files import quarters
from tests.rects_folder import read_rects
from tests.small_folder import make_folder


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return make_folder(tmp_path)


@pytest.mark.parametrize("name", ["iterations", "seed", "max_pixels", "pad"])
@pytest.mark.parametrize("value", [2.5, 3.0, "3", None])
def test_a_setting_that_counts_is_a_whole_number(name, value):
    with pytest.raises(UsageError, match=f"{name} is {value!r}; it must be a whole number"):
        Settings(**{name: value})


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"margin": "0.1"}, "margin is '0.1'; it must be a number"),
        ({"background": 5}, "5 is no colour"),
        ({"background": ("a", 1, 2)}, "is no colour"),
        ({"background": (1.5, 2, 3)}, "is no colour"),
        ({"emit": "masks"}, "emit is masks; choose from cutout, mask"),
        ({"emit": None}, "emit is None; choose from cutout, mask"),
        ({"crop": "no"}, "crop is 'no'; it must be True or False"),
        ({"settings": {"margin": 0.1}}, "it must be a value of Settings"),
    ],
)
def test_a_setting_of_another_type_is_refused(wrong, message):
    with pytest.raises(UsageError, match=re.escape(message)):
        remove_background(quarters(), **wrong)


def test_what_comes_as_numpy_or_as_a_list_equals_what_does_not():
    plain = Settings(iterations=3, margin=0.5**4, background=(1, 2, 3), emit=("mask",))
    other = Settings(iterations=np.int64(3), margin=np.float32(0.5**4), background=[1, 2, 3], emit="mask")
    assert plain == other
    assert hash(plain) == hash(other)
    assert type(other.iterations) is int


@pytest.mark.parametrize("strategy", ["auto", "sequential", "threads", "pool", "processes"])
@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"workers": 0}, "workers is 0; it must be at least 1"),
        ({"workers": 2.5}, "workers is 2.5; it must be a whole number"),
        ({"workers": "2"}, "workers is '2'; it must be a whole number"),
        ({"timeout_s": "3"}, "timeout_s is '3'; it must be a number"),
        ({"timeout_s": 0}, "timeout_s is 0; it must be more than 0"),
    ],
)
def test_workers_and_time_are_numbers_under_every_strategy(folder, strategy, wrong, message):
    with pytest.raises(UsageError, match=rf"{message}|cannot honour timeout_s"):
        remove_backgrounds(["a.png", "photos"], "out", strategy=strategy, **wrong)
    with pytest.raises(UsageError, match=rf"{message}|cannot honour timeout_s"):
        list(iter_cutouts([quarters()], strategy=strategy, **wrong))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"rects": "r.csv"}, "rects is 'r.csv'; it must be a mapping from files, such as read_table makes of a CSV"),
        ({"rects": {"a.png": (1, 2, 3)}}, r"a\.png: rect is \(1, 2, 3\); it must be four whole numbers"),
        ({"hints": ["marks.png"]}, "hints is .* must be a mapping from files"),
        ({"shard": "1/8"}, r"shard is '1/8'; it must be a Shard, such as Shard\(1, 8\)"),
        ({"inputs": []}, "there is no image named"),
        ({"inputs": None}, "a file is named by text or a Path, and not by NoneType"),
        ({"inputs": b"photos"}, "a file is named by text or a Path, and not by bytes"),
        ({"inputs": [np.zeros((4, 4), np.uint8)]}, "a file is named by text or a Path, and not by ndarray"),
        ({"output": None}, "a file is named by text or a Path, and not by NoneType"),
        ({"hints": {"a.png": np.zeros((4, 4), np.uint8)}}, "a file is named by text or a Path, and not by ndarray"),
    ],
)
def test_what_is_given_by_file_is_a_mapping_of_values(folder, wrong, message):
    with pytest.raises((UsageError, RectError), match=message):
        remove_backgrounds(**{"inputs": "a.png", "output": "out"} | wrong)


@pytest.mark.parametrize("hints", [[[1, 0]], 3, Image.new("L", (4, 4))])
def test_hints_of_another_type_are_told_by_name(hints):
    with pytest.raises(UsageError, match=f"hints is of type {type(hints).__name__}; give an array of labels, or name"):
        remove_background(quarters(), hints=hints)


@pytest.mark.parametrize("name", ["a.png", "./photos/../a.png", Path("a.png"), "file:///a.png"])
def test_a_rect_is_given_by_any_name_of_its_file(folder, name):
    name = f"file://{folder}/a.png" if name == "file:///a.png" else name
    drawn = {name: [10, 12, 20, 16]}
    assert [record.status for record in remove_backgrounds("a.png", "out", rects=drawn, emit="mask")] == ["ok"]
    mask = cv2.imread("out/a.mask.png", cv2.IMREAD_GRAYSCALE)
    mask[12:28, 10:30] = 0
    assert not mask.any()


def test_the_library_refuses_them_too(folder):
    with pytest.raises(UsageError, match="a name is empty"):
        remove_backgrounds("photos", "")
    with pytest.raises(UsageError, match="a name is empty"):
        remove_backgrounds(["photos", ""], "out")
    with pytest.raises(UsageError, match=r"cut\.png is a name for an image"):
        remove_backgrounds("a.png", "cut.png")
    with pytest.raises(RectError, match="holds no pixel of any image"):
        as_rect((0, 0, 0, 0))
    (folder / "cut.png").mkdir()  # whoever has such a folder may use it
    assert [record.status for record in remove_backgrounds("a.png", "cut.png", strategy="sequential")] == ["ok"]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (b"path,x,y,width,height\n,1,1,9,9\n", r"r\.csv, line 2: it must hold a path"),
        (b"path,x,y,width,height\nftp://a/b.png,1,1,9,9\n", r"r\.csv, line 2: there is no store 'ftp'"),
        (
            b"path,x,y,width,height\na.png,1,1,9,9\n./a.png,1,1,8,8\n",
            r"line 3: \./a\.png has another rect in a line before it",
        ),
        (b"path|x|y|width|height\na.png|1|1|9|9\n", "with commas, semicolons or tabs between them, in UTF-8"),
        ("path,x,y,width,height\na.png,1,1,9,9\n".encode("utf-16-le"), "tabs between them, in UTF-8 or UTF-16"),
        (
            "path,x,y,width,height\na.png,1,1,9,9\n".encode("utf-16")[:-1],
            r"r\.csv: the rects cannot be read: .*truncated",
        ),
        (b"sep=;\npath,x,y,width,height\na.png,1,1,9,9\n", "must name the columns"),
        (b"sep=;\npath;x;y;width;height\na.png;1;1;9;50%\n", r"r\.csv, line 3: height is 50%, which is a share of the"),
        (b"path,x,y,width,height\na.png,0,.2,1,1\n", r"r\.csv, line 2: y is \.2, which is a share .*; write how many"),
        (b"path;x;y;width;height\na.png;0;0,25;1;1\n", r"line 2: y is 0,25, which is a share of the image"),
        (b"path;x;y;width;height\na.png;1;1;1.000;9\n", r"line 2: width is 1\.000, which is a thousand or a fraction"),
        (b"path;x;y;width;height\na.png;1;1;12.5;9\n", r"line 2: width is 12\.5, which is no whole number of pixels"),
        (b"path;x;y;width;height\na.png;1;1;x\x1b;9\n", r"line 2: width is x\\x1b, which is no whole number"),
    ],
)
def test_a_table_of_rects_says_what_is_wrong_where(folder, table, message):
    (folder / "r.csv").write_bytes(table)
    with pytest.raises(RectError, match=message):
        read_rects(folder / "r.csv")
