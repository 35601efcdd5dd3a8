"""What cannot be meant is refused, with the reason, before anything is written."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import cv2
import numpy as np
import pytest

from bgremove import Settings, cli, iter_cutouts, remove_background, remove_backgrounds
from bgremove.errors import RectError, UsageError
from bgremove.types import as_rect
from tests.image_files import quarters, saved
from tests.permissions import public_folder, unprivileged
from tests.rects_folder import read_rects


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with two photographs and a table of rects."""
    (tmp_path / "photos").mkdir()
    (tmp_path / "empty").mkdir()
    for name in ("a.png", "photos/b.png"):
        (tmp_path / name).write_bytes(saved(quarters(), "PNG"))
    (tmp_path / "r.csv").write_text("path,x,y,width,height\nphotos/b.png,1,1,9,9\n")
    (tmp_path / "leads_nowhere").symlink_to("nothing")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("remove '' -o out", "a name is empty"),
        ("remove photos '' -o out", "a name is empty"),
        ("remove photos -o ''", "a name is empty"),
        ("remove photos -o out --rects ''", "'--rects'"),
        ("remove photos -o out --engine onnx --model ''", "model"),
        ("remove photos -o out --scheduler ''", "scheduler is empty"),
        ("remove photos -o out --background ''", "'' is no colour"),
        ("remove photos -o out --shard ''", "shard"),
        ("remove photos -o out --json out", "out is an input or an output of this run"),
        ("remove photos -o out.json --status out.json", "out.json is an input or an output of this run"),
        ("remove photos -o /proc/none/out", "/proc/none/out: the folder for the results cannot be made"),
        ("remove photos -o out --rects s3://b/r.csv", "s3://b/r.csv is a URL: this is read here"),
        ("remove photos -o out --engine onnx --model isnet=s3://b/m.onnx", "isnet=s3://b/m.onnx is a URL"),
        ("report s3://b/figures.json --trace t.json", "s3://b/figures.json is a URL: this is read here"),
        ("remove photos -o out --json ''", "'' is no name for a file here"),
        ("remove photos -o out --plots ''", "'' is no name for a file here"),
        ("rects '' -o r2.csv", "a name is empty"),
        ("rects photos -o ''", "'' is no name for a file here"),
        ("compare ''", "a name is empty"),
        ("report '' --trace t.json", "is no name for a file here"),
        ("remove a.png -o a.gif", "a.gif is a name for an image and not for a folder; one image is written as .png"),
        ("remove a.png photos -o cut.HEIC", "cut.HEIC is a name for an image"),
        ("remove photos --watch -o cut.png", "cut.png is a name for an image"),
        ("remove photos -o memory://out/cut.bmp", "cut.bmp is a name for an image"),
        ("remove photos -o out --trace -", "'-' is no name"),
        ("remove photos -o out --report -", "'-' is no name"),
        ("remove photos -o out --plots -", "'-' is no name"),
        ("remove photos -o out --status -", "'-' is no name"),
        ("remove photos -o out --contact-sheet -", "'-' is no name"),
        ("rects photos -o -", "'-' is no name"),
        ("remove photos -o out --json out/.bgremove-journal.jsonl", "is an input or an output of this run"),
        ("remove photos -o leads_nowhere", "leads_nowhere is a link that leads nowhere"),
        ("remove a.png -o - --json -", "standard output takes the image or the figures"),
        ("remove a.png -o - --overwrite", "--overwrite: of no use for standard output"),
        ("remove photos -o out --dry-run --strategy threads --timeout 3", "cannot honour timeout_s"),
        ("remove photos -o out --dry-run --strategy threads --scheduler x", "cannot honour scheduler"),
        ("remove photos -o out --dry-run --strategy sequential --workers 2", "has one worker"),
        ("remove photos -o out --watch --strategy threads --timeout 3", "cannot honour timeout_s"),
        ("remove photos -o out --watch --strategy dask", "run it without a cluster"),
        ("remove photos -o out --watch --scheduler tcp://localhost:1", "--scheduler: of no use"),
        ("remove photos -o out --rect 1,1,9,9 --margin 0.1", "--margin: of no use"),
        ("remove photos -o out --rects r.csv --margin 0.1", "--margin: of no use"),
        ("remove photos -o out --emit mask --background white", "--background: of no use for masks alone"),
        ("remove photos -o out --emit mask --edge soft --metadata all", "--edge, --metadata: of no use"),
        ("remove a.png -o a.jpg --emit mask", "a mask is not written as jpg"),
        ("remove a.png -o - --emit mask --format jpg", "a mask is not written as jpg"),
        ("rects photos -o r2.csv --no-browser", "of no use without --edit"),
        ("remove photos -o out --rect 1,1,0,30", "rect (1, 1, 0, 30) holds no pixel of any image"),
        ("remove photos -o out --rect 1,1,30,-2", "holds no pixel of any image"),
        ("remove photos -o out --rect=-9,1,9,9", "holds no pixel of any image"),
        ("remove photos -o out --rect 1,2.5,9,9", "'2.5' is no whole number"),
        ("compare photos --workers 1,all", "'all' is no whole number"),
        ("compare empty", "there is no image under empty"),
        ("remove a.png photos -o out --rects r.csv", "the rects hold no line for this file: add one, or leave"),
    ],
)
def test_what_cannot_be_meant_is_refused(line, message, folder, capfd):
    before = sorted(folder.rglob("*"))
    assert cli.run(shlex.split(line)) == 2
    out, err = capfd.readouterr()
    assert message in " ".join(err.split())
    assert (out, sorted(folder.rglob("*"))) == ("", before)


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
    ],
)
def test_what_is_given_by_file_is_a_mapping_of_values(folder, wrong, message):
    with pytest.raises((UsageError, RectError), match=message):
        remove_backgrounds(**{"inputs": "a.png", "output": "out"} | wrong)


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
        (b"path;x;y;width;height\na.png;1;1;9;9\n", "with commas between them, in UTF-8"),
        ("path,x,y,width,height\na.png,1,1,9,9\n".encode("utf-16"), "with commas between them, in UTF-8"),
    ],
)
def test_a_table_of_rects_says_what_is_wrong_where(folder, table, message):
    (folder / "r.csv").write_bytes(table)
    with pytest.raises(RectError, match=message):
        read_rects(folder / "r.csv")


def test_figures_go_to_standard_output_and_nothing_else_does(folder, capfd):
    assert cli.run(["remove", "photos", "-o", "out", "--json", "-", "--strategy", "sequential"]) == 0
    out, err = capfd.readouterr()
    assert [image["status"] for image in json.loads(out)["images"]] == ["ok"]
    assert "1 ok" in err
    assert cli.run(["compare", "photos", "--json", "-", "--strategies", "threads", "--rounds", "3", "-q"]) == 0
    out, err = capfd.readouterr()
    assert json.loads(out)["kind"] == "compare"
    assert "sequential" in err
    assert not (folder / "-").exists()


def test_a_named_file_is_the_cutout_whatever_is_emitted_first(folder):
    assert cli.run(["remove", "a.png", "-o", "cut.png", "--emit", "mask,cutout"]) == 0
    assert (folder / "cut.mask.png").exists()
    assert (folder / "cut.png").read_bytes()[25] == 6, "red, green, blue and alpha"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("remove a.png -o shut/out --resume", "the journal cannot be kept: Permission denied"),
        ("remove a.png -o shut/cut.png", "shut/cut.png: it cannot be written (Permission denied)"),
        ("remove shut --watch -o out", "shut: it cannot be watched (Permission denied"),
        ("compare shut", "shut: the folder cannot be read: Permission denied"),
    ],
)
def test_a_folder_that_may_not_be_entered_is_named(line, message, monkeypatch, capfd):
    with public_folder() as folder:
        (folder / "a.png").write_bytes(saved(quarters(), "PNG"))
        (folder / "shut").mkdir(mode=0)
        monkeypatch.chdir(folder)
        # Who may read nothing here can import nothing either, nor load a kernel.
        import_module("watchfiles")
        assert cli.run(["remove", "a.png", "-o", "first.png"]) == cli.run([line.split()[0], "--help"]) == 0
        with unprivileged():
            status = cli.run(line.split())
        monkeypatch.undo()
    assert status > 0
    assert message in capfd.readouterr().err


def test_an_output_whose_name_is_too_long_fails_with_its_name(folder, capfd):
    assert cli.run(["remove", "a.png", "-o", "x" * 255 + ".png"]) == 1
    assert "it cannot be written (File name too long)" in capfd.readouterr().err


@pytest.mark.whole_run
@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no such device")
def test_a_full_disk_for_messages_costs_them_only_and_for_results_is_told(folder, environment):
    def run(line: str, full: str) -> tuple[int, str]:
        with open("/dev/full", "w") as device:
            ends = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, full: device}
            line = [sys.executable, "-m", "bgremove", *line.split()]
            result = subprocess.run(line, **ends, text=True, env=environment, check=False)
        return result.returncode, result.stderr

    assert run("remove photos -o out -v", "stderr") == (0, None)
    assert (folder / "out/b.png").exists()
    for line in ("info", "remove photos -o dry --dry-run", "--version", "remove --help"):
        status, messages = run(line, "stdout")
        assert (status, messages) == (2, "error: standard output: it cannot be written (No space left on device)\n")


@pytest.mark.whole_run
@pytest.mark.skipif(os.name == "nt", reason="there, the current folder cannot be removed")
def test_a_current_folder_that_is_gone_is_told(tmp_path, environment):
    script = 'mkdir gone && cd gone && rmdir ../gone && exec "$0" -m bgremove remove photos -o out'
    line = ["sh", "-c", script, sys.executable]
    done = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, env=environment, check=False)
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert "error: the current folder cannot be used" in done.stderr


@pytest.mark.whole_run
@pytest.mark.skipif(os.name == "nt", reason="a shell closes the streams")
def test_streams_that_are_closed_are_told_or_passed_over(folder, environment):
    def run(line: str) -> subprocess.CompletedProcess[str]:
        command = f"{shlex.quote(sys.executable)} -m bgremove {line}"
        options = {"capture_output": True, "text": True, "errors": "replace", "env": environment}
        return subprocess.run(["sh", "-c", command], check=False, **options)

    closed = run("remove a.png -o - >&-")
    assert (closed.returncode, "standard output: it is closed" in closed.stderr) == (1, True), closed.stderr
    assert "standard input is closed" in run("remove - -o cut.png <&-").stderr
    silent = run("remove a.png -o - 2>&-")
    assert (silent.returncode, silent.stderr) == (0, "")
    assert run("remove photos -o out <&- >&- 2>&-").returncode == 0
    assert (folder / "out/b.png").exists()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("remove photos -o out --contact-sheet photos/sub/sheet.png", "lies in the input photos"),
        ("remove photos -o out --plots photos/plots", "lies in the input photos"),
        ("compare photos --plots photos/plots", "lies in the input photos"),
        ("remove photos -o out --plots out", "out holds inputs or outputs of this run"),
        ("remove photos/0.png -o cut.png --plots photos", "photos holds inputs or outputs of this run"),
        ("compare photos/0.png --plots photos", "photos holds inputs or outputs of this run"),
    ],
)
def test_pictures_of_a_run_are_not_put_where_photographs_are(line, message, photos, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(photos, "photos")
    assert cli.run(line.split()) == 2
    assert message in capfd.readouterr().err
    assert sorted(os.listdir("photos")) == sorted(os.listdir(photos))


def test_pictures_of_a_run_may_be_put_beside_its_results(photos, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(photos, "in/photos")
    line = "remove in -r -o in/out --engine opencv --contact-sheet in/out/sheet.png --plots in/out/plots"
    assert cli.run(line.split()) == 0
    assert cli.run(["remove", "in", "-r", "-o", "out", "--engine", "opencv"]) == 0
    assert os.listdir("out/photos") == os.listdir("in/out/photos")
    assert not os.path.exists("out/out")
