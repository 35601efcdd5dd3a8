"""Command lines that cannot be meant are refused, with the reason, before anything is written."""

from __future__ import annotations

import json
import os
import shlex
import shutil
from pathlib import Path

import pytest

from bgremove import cli
from tests.small_folder import make_folder


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return make_folder(tmp_path)


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


@pytest.mark.pixels
def test_pictures_of_a_run_may_be_put_beside_its_results(photos, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(photos, "in/photos")
    line = "remove in -r -o in/out --engine opencv --contact-sheet in/out/sheet.png --plots in/out/plots"
    assert cli.run(line.split()) == 0
    assert cli.run(["remove", "in", "-r", "-o", "out", "--engine", "opencv"]) == 0
    assert os.listdir("out/photos") == os.listdir("in/out/photos")
    assert not os.path.exists("out/out")
