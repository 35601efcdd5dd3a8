import json
import os
import re
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from bgremove import remove_background
from bgremove.batch import remove_backgrounds
from bgremove.batch.journal import NAME
from bgremove.cli import run
from bgremove.errors import UsageError
from tests.samples import save_scene

pytestmark = pytest.mark.whole_run


def files_in(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and path.name[0] != ".")


def alpha(path):
    return np.asarray(Image.open(path))[..., 3]


def test_a_folder_of_images_becomes_a_folder_of_cutouts(command, photos, tmp_path):
    result = command("remove", photos, "--output", tmp_path / "out", "--json", tmp_path / "r.json")
    assert result.returncode == 0, result.stderr
    assert "6 ok, 0 skipped, 0 failed" in result.stderr
    assert files_in(tmp_path / "out") == [f"{n}.png" for n in range(6)]
    for n in range(6):
        expected = remove_background(photos / f"{n}.png").foreground
        assert ((alpha(tmp_path / "out" / f"{n}.png") == 255) == expected).all()
    for record in json.loads((tmp_path / "r.json").read_text())["images"]:
        assert record["status"] == "ok"
        assert record["error"] is None
        assert min(record["read_s"], record["segment_s"], record["write_s"]) > 0
        assert os.path.exists(record["output"])


def test_masks_formats_and_background(command_here, photos, tmp_path):
    out = tmp_path / "out"
    result = command_here(
        "remove", photos / "0.png", "-o", out, "--emit", "cutout,mask", "--format", "tiff", "--background", "#ff0000"
    )
    assert result.returncode == 0, result.stderr
    mask = np.asarray(Image.open(out / "0.mask.tiff"))
    flat = np.asarray(Image.open(out / "0.tiff"))
    assert set(np.unique(mask)) == {0, 255}
    assert flat.shape == (60, 80, 3)
    assert (flat[mask == 0] == (255, 0, 0)).all()
    assert (flat[mask == 255] == np.asarray(Image.open(photos / "0.png"))[mask == 255]).all()


def test_a_tree_is_mirrored(command_here, tmp_path):
    save_scene(tmp_path / "in/a.png", 1)
    save_scene(tmp_path / "in/x/b.png", 2)
    assert command_here("remove", tmp_path / "in", "-r", "-o", tmp_path / "out").returncode == 0
    assert files_in(tmp_path / "out") == ["a.png", "x/b.png"]


def test_one_broken_file_costs_itself_only(command_here, photos, tmp_path):
    (tmp_path / "broken.jpg").write_text("this is text")
    result = command_here("remove", photos, tmp_path / "broken.jpg", tmp_path / "absent.jpg", "-o", tmp_path / "out")
    assert result.returncode == 1
    assert len(files_in(tmp_path / "out")) == 6
    assert "6 ok, 0 skipped, 2 failed" in result.stderr
    assert "broken.jpg: " in result.stderr
    assert "absent.jpg: there is no such file" in result.stderr


def test_nothing_is_overwritten_unless_told(command_here, photos, tmp_path):
    (tmp_path / "0.png").write_text("mine")
    result = command_here("remove", photos / "0.png", "-o", tmp_path)
    assert result.returncode == 2
    assert "exist already" in result.stderr
    assert (tmp_path / "0.png").read_text() == "mine"
    assert command_here("remove", photos / "0.png", "-o", tmp_path, "--overwrite").returncode == 0
    assert alpha(tmp_path / "0.png").any()


def test_resume_skips_what_is_done(command_here, photos, tmp_path):
    assert command_here("remove", photos / "0.png", "-o", tmp_path).returncode == 0
    before = (tmp_path / "0.png").stat().st_mtime_ns
    result = command_here("remove", photos, "-o", tmp_path, "--resume")
    assert result.returncode == 0
    assert "5 ok, 1 skipped, 0 failed" in result.stderr
    assert (tmp_path / "0.png").stat().st_mtime_ns == before


def test_two_runs_that_resume_at_the_same_time_share_the_work(photos, tmp_path, environment):
    line = [sys.executable, "-m", "bgremove", "remove", photos, "-o", tmp_path / "out", "--resume", "--workers", "1"]
    both = [
        subprocess.Popen([*line, "--json", tmp_path / name], env=environment, stderr=subprocess.PIPE, text=True)
        for name in ("1.json", "2.json")
    ]
    assert [(process.communicate(timeout=100)[1], process.returncode)[1] for process in both] == [0, 0]
    statuses = Counter()
    for name in ("1.json", "2.json"):
        statuses.update(record["status"] for record in json.loads((tmp_path / name).read_text())["images"])
    assert statuses == {"ok": 6, "skipped": 6}
    assert len(files_in(tmp_path / "out")) == 6


def test_a_dry_run_writes_nothing(command_here, photos, tmp_path):
    result = command_here("remove", photos, "-o", tmp_path / "out", "--dry-run")
    assert result.returncode == 0
    assert len(result.stdout.splitlines()) == 6
    assert "6 to do, 0 skipped, 0 failed" in result.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["remove"], "Missing argument"),
        (["remove", "PHOTOS"], "--output"),
        (["remove", "PHOTOS", "-o", "OUT", "--margin", "0.7"], "margin is 0.7"),
        (["remove", "PHOTOS", "-o", "OUT", "--rect", "1,2,3"], "four whole numbers"),
        (["remove", "PHOTOS", "-o", "OUT", "--rect", "a,b,c,d"], "a,b,c,d"),
        (["remove", "PHOTOS", "-o", "OUT", "--emit", "alpha"], "choose from cutout, mask"),
        (["remove", "PHOTOS", "-o", "OUT", "--engine", "magic"], "magic"),
        (["remove", "PHOTOS", "-o", "OUT", "--workers", "0"], "0"),
        (["remove", "PHOTOS", "-o", "OUT", "--background", "no-colour"], "no-colour"),
        (["remove", "PHOTOS", "-o", "OUT", "--strategy", "threads", "--timeout", "5"], "timeout"),
        (["remove", "PHOTOS", "-o", "PHOTOS"], "is an input"),
        (["remove", "EMPTY", "-o", "OUT"], "no image under"),
        (["remove", "PHOTOS", "-o", "OUT", "-q", "-v"], "exclude each other"),
        (["remove", "PHOTOS", "-o", "OUT", "--dry-run", "--json", "r.json"], "writes nothing"),
        (["remove", "PHOTOS", "-o", "OUT", "--dry-run", "--report", "r.md"], "writes nothing"),
        (["remove", "PHOTOS", "-o", "OUT", "--report", "r.txt"], "call it .html or .md"),
        (["remove", "PHOTOS", "-o", "OUT", "--report", "/dev/null/r.md"], "r.md: it cannot be written"),
        (["remove", "PHOTOS", "-o", "OUT", "--trace", "PHOTO"], "is an input"),
        (["compare", "PHOTOS", "--plots", "/dev/null/plots"], "plots: the folder cannot be made"),
        (["report", "PHOTO", "--trace", "t.json"], "0.png: it cannot be read as JSON"),
        (["remove", "PHOTOS", "-o", "OUT", "--json", "/dev/null/r.json"], "r.json: it cannot be written"),
        (["remove", "PHOTOS", "-o", "OUT", "--json", "PHOTO"], "is an input"),
        (["compare", "PHOTOS", "--json", "/dev/null/r.json"], "r.json: it cannot be written"),
        (["compare", "PHOTOS", "--json", "PHOTO"], "is an input"),
        (["compare", "EMPTY"], "no image"),
        (["compare", "PHOTOS", "--strategies", "magic"], "no strategy magic"),
        (["compare", "PHOTOS", "--rounds", "1"], "1"),
    ],
)
def test_wrong_use_ends_with_2_and_says_what_is_allowed(photos, tmp_path, capsys, arguments, message):
    (tmp_path / "empty").mkdir()
    places = {"PHOTOS": photos, "PHOTO": photos / "0.png", "OUT": tmp_path / "out", "EMPTY": tmp_path / "empty"}
    assert run([str(places.get(argument, argument)) for argument in arguments]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="other systems' file names cannot hold such bytes")
def test_any_file_name_works(command, tmp_path):
    names = [b"with space", b"new\nline", "\U0001f600".encode(), b"\xff\xfe", b"-v", b"[red]", b"a[1]*"]
    folder = tmp_path / "in"
    for name in names:
        save_scene(folder / "plain.png", 1)
        os.rename(os.fsencode(folder / "plain.png"), os.fsencode(folder) + b"/" + name + b".png")
        (folder / "bad.png").write_bytes(b"")
        os.rename(os.fsencode(folder / "bad.png"), os.fsencode(folder) + b"/" + name + b"bad.png")
    result = command("remove", folder, "-o", tmp_path / "out", "-v", "--json", tmp_path / "r.json")
    assert result.returncode == 1, result.stderr
    assert {name + b".png" for name in names} < set(os.listdir(os.fsencode(tmp_path / "out")))
    assert "7 ok, 0 skipped, 7 failed" in result.stderr
    statuses = [record["status"] for record in json.loads((tmp_path / "r.json").read_text())["images"]]
    assert [statuses.count(status) for status in ("ok", "failed")] == [7, 7]


def test_rects_come_out_of_a_csv(command_here, photos, tmp_path):
    rows = "".join(f"{os.path.relpath(photos / f'{n}.png', tmp_path)},10,10,{40 + n},40\n" for n in range(6))
    (tmp_path / "rects.csv").write_text("path,x,y,width,height\n" + rows)
    assert command_here("remove", photos, "-o", tmp_path / "out", "--rects", tmp_path / "rects.csv").returncode == 0
    for n in range(6):
        expected = remove_background(photos / f"{n}.png", rect=(10, 10, 40 + n, 40)).foreground
        assert ((alpha(tmp_path / "out" / f"{n}.png") == 255) == expected).all()


def test_quiet_is_silent_unless_something_fails(command, command_here, tmp_path):
    save_scene(tmp_path / "in/a.png", 1)
    os.rename(tmp_path / "in/a.png", tmp_path / "in/a.jpg")  # worth a warning
    result = command("remove", tmp_path / "in", "-o", tmp_path / "out", "-q")
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    (tmp_path / "in/b.jpg").touch()
    result = command_here("remove", tmp_path / "in", "-o", tmp_path / "out", "-q", "--overwrite")
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1


def test_info_and_version(command_here):
    result = command_here("info")
    assert result.returncode == 0
    assert re.search(r"memory +│ \d+\.\d GiB", result.stdout)
    assert re.search(r"start methods +│ \w+", result.stdout)
    assert not set("[]{}'") & set(result.stdout)
    assert command_here("--version").stdout.startswith("bgremove")


def test_the_library_does_the_same(photos, tmp_path):
    records = remove_backgrounds([photos, tmp_path / "absent.jpg"], tmp_path / "out", strategy="threads", workers=2)
    assert sorted(record.status for record in records) == ["failed"] + ["ok"] * 6
    assert len(files_in(tmp_path / "out")) == 6


def test_the_library_and_the_command_agree_that_there_is_no_image(command_here, tmp_path):
    (tmp_path / "in").mkdir()
    result = command_here("remove", tmp_path / "in", "-o", tmp_path / "out")
    with pytest.raises(UsageError, match="there is no image under") as error:
        remove_backgrounds(tmp_path / "in", tmp_path / "out")
    assert result.stderr == f"error: {error.value}\n"
    assert not (tmp_path / "out").exists()


def test_where_all_is_done_neither_starts_or_writes_anything(photos, tmp_path, capsys, monkeypatch):
    assert {record.status for record in remove_backgrounds(photos, tmp_path, strategy="sequential")} == {"ok"}
    journal = (tmp_path / NAME).read_bytes()
    monkeypatch.setattr("bgremove.strategies.sequential.Sequential.__enter__", None)
    records = remove_backgrounds(photos, tmp_path, strategy="sequential", resume=True)
    assert [record.status for record in records] == ["skipped"] * 6
    assert run(["remove", str(photos), "-o", str(tmp_path), "--strategy", "sequential", "--resume"]) == 0
    assert capsys.readouterr().err == "0 ok, 6 skipped, 0 failed\n"
    assert (tmp_path / NAME).read_bytes() == journal


def test_an_unreadable_input_does_not_stop_the_command(photos, tmp_path, monkeypatch):
    # Root may read everything: what the system would answer to others is put in its mouth.
    monkeypatch.setattr(os, "access", lambda *_, **__: False)
    arguments = ["remove", str(photos / "0.png"), "-o", str(tmp_path / "out"), "--strategy", "sequential"]
    assert run(arguments) == 0
