from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from unittest.mock import Mock

import cv2
import numpy as np
import pytest

import bgremove.cli.rects as rects_command
import bgremove.rects.edit as rects_edit
import bgremove.rects.table as rects_table
from bgremove import Label, Rect, remove_background
from bgremove.cli import run
from bgremove.errors import OutputError
from bgremove.rects import Table
from bgremove.rects.edit import EditServer
from fixtures import load
from fixtures.scenes import make_scene
from tests.rects_folder import read_rects
from tests.web import ask

pytestmark = pytest.mark.pixels


@pytest.fixture
def folder(tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    for seed in (1, 2):
        cv2.imwrite(str(photos / f"{seed}, a.png"), make_scene(200, 260, seed).image)
    return photos


def overlap(one, other):
    masks = np.zeros((2, 400, 400), bool)
    for mask, rect in zip(masks, (one, other), strict=True):
        mask[rect.slices] = True
    return (masks[0] & masks[1]).sum() / (masks[0] | masks[1]).sum()


def test_rects_are_near_the_object_and_are_read_again(folder, tmp_path):
    table = tmp_path / "tables" / "rects.csv"
    table.parent.mkdir()
    assert run(["rects", str(folder), "-o", str(table), "-q"]) == 0
    rects = read_rects(table)
    for seed in (1, 2):
        rows, columns = (np.flatnonzero(make_scene(200, 260, seed).truth.any(axis=axis)) for axis in (1, 0))
        rect = rects[str(folder / f"{seed}, a.png")]
        assert abs(rect.x - columns[0]) < 10
        assert abs(rect.y - rows[0]) < 10
        assert abs(rect.x + rect.width - columns[-1]) < 10
        assert abs(rect.y + rect.height - rows[-1]) < 10
    assert run(["remove", str(folder), "-o", str(tmp_path / "out"), "--rects", str(table), "-q"]) == 0


def test_a_name_with_a_carriage_return_is_read_again(tmp_path):
    table = Table(tmp_path / "rects.csv")
    names = ["a\rb.jpg", "a\nb.jpg", "a\r\nb.jpg", 'a,"b".jpg']
    for name in names:
        table.put(tmp_path / name, Rect(1, 2, 3, 4))
    table.save()
    assert read_rects(table.file) == {str(tmp_path / name): Rect(1, 2, 3, 4) for name in names}


def test_a_table_of_a_spreadsheet_stays_one_for_it(tmp_path):
    (tmp_path / "rects.csv").write_text("Path;X;Y;Width;Height;note\ncup.jpg;1,0;2;3;4;a, b\n;;;;;\n")
    table = Table.opened(tmp_path / "rects.csv")
    table.put(tmp_path / "leaf.jpg", Rect(5, 6, 7, 8))
    assert table.text() == "path;x;y;width;height;note\ncup.jpg;1,0;2;3;4;a, b\nleaf.jpg;5;6;7;8;\n"


@pytest.mark.parametrize(
    ("encoding", "start"),
    [
        ("utf-8", "sep=;\r\n"),
        ("utf-8", "\ufeffSEP=|\n"),
        ("utf-8", "\ufeff"),
        ("utf-16-le", "\ufeff"),
        ("utf-16-be", "\ufeffsep=\t\r\n"),
    ],
)
def test_a_table_of_excel_is_read_and_stays_one_for_it(tmp_path, encoding, start):
    between = "|" if "|" in start else ";" if ";" in start else "\t"
    lines = ["path,x,y,width,height", "tür.jpg,1,2,3,1 200"]
    before = (start + "".join(line.replace(",", between) + "\n" for line in lines)).encode(encoding)
    (tmp_path / "rects.csv").write_bytes(before)
    table = Table.opened(tmp_path / "rects.csv")
    assert table.rect(tmp_path / "tür.jpg") == Rect(1, 2, 3, 1200)
    table.save()
    assert table.file.read_bytes() == before
    table.put(tmp_path / os.fsdecode(b"caf\xe9.jpg"), Rect(5, 6, 7, 8))
    table.save()
    assert read_rects(table.file)[os.fspath(tmp_path / os.fsdecode(b"caf\xe9.jpg"))] == (5, 6, 7, 8)


def test_a_broken_image_costs_its_own_line(folder, tmp_path, capsys):
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff nothing")
    table = tmp_path / "rects.csv"
    assert run(["rects", str(folder), "-o", str(table)]) == 1
    assert "broken.jpg" in capsys.readouterr().err
    assert len(read_rects(table)) == 2
    assert run(["remove", str(folder), "-o", str(tmp_path / "out"), "--rects", str(table)]) == 1
    assert "2 ok, 0 skipped, 1 failed" in capsys.readouterr().err


def test_the_limit_that_is_to_be_raised_is_an_option(folder, tmp_path, capsys):
    assert run(["rects", str(folder), "-o", str(tmp_path / "rects.csv"), "--max-pixels", "10", "-q"]) == 1
    assert capsys.readouterr().err.count("the limit is 10 in all; if you trust it, raise the limit") == 2


def test_a_line_without_numbers_leaves_its_image_to_the_margin(folder, tmp_path):
    table, names = tmp_path / "rects.csv", sorted(os.listdir(folder))
    table.write_text(f'path,x,y,width,height\n"{folder / names[0]}",,,,\n"{folder / names[1]}",20,20,200,150\n')
    assert run(["remove", str(folder), "-o", str(tmp_path / "by line"), "--rects", str(table), "-q"]) == 0
    assert run(["remove", str(folder / names[0]), "-o", str(tmp_path / "by margin.png"), "-q"]) == 0
    assert (tmp_path / "by line" / names[0]).read_bytes() == (tmp_path / "by margin.png").read_bytes()


def test_an_input_is_not_replaced_by_the_table(folder, capsys):
    image = folder / "1, a.png"
    before = image.read_bytes()
    for more in ([], ["--edit"], ["--overwrite"]):
        assert run(["rects", str(folder), "-o", str(image), *more]) == 2
    assert image.read_bytes() == before


def test_what_was_drawn_is_not_replaced_unasked(folder, tmp_path, capsys):
    table = tmp_path / "rects.csv"
    drawn = f'path,x,y,width,height\n"{folder / "1, a.png"}",3,4,30,20\n'
    table.write_text(drawn)
    assert run(["rects", str(folder), "-o", str(table)]) == 2
    assert "rects.csv exists already: correct it with --edit" in capsys.readouterr().err
    assert table.read_text() == drawn
    assert run(["rects", str(folder), "-o", str(table), "--overwrite", "-q"]) == 0
    assert len(read_rects(table)) == 2
    assert read_rects(table)[str(folder / "1, a.png")] != (3, 4, 30, 20)


def test_doubtful_images_are_named_at_the_end_and_in_the_json(tmp_path, capsys):
    photos = tmp_path / "photos"
    photos.mkdir()
    cv2.imwrite(str(photos / "clear.png"), make_scene(200, 260, 1).image)
    cv2.imwrite(str(photos / "vague.png"), make_scene(200, 260, 1, contrast=0).image)
    assert run(["remove", str(photos), "-o", str(tmp_path / "out"), "--json", str(tmp_path / "r.json")]) == 0
    told = capsys.readouterr().err
    assert f"1 of 2 looks doubtful: {photos / 'vague.png'}: `bgremove rects --edit -o rects.csv {photos}`" in told
    images = {image["path"]: image["doubtful"] for image in json.loads((tmp_path / "r.json").read_text())["images"]}
    assert [bool(doubts) for _, doubts in sorted(images.items())] == [False, True]


@pytest.mark.parametrize(
    "name", ["my photo's.png", "-a.png", "it's\n\\two.png", "b\u202eidi.png", os.fsdecode(b"caf\xe9.png")]
)
def test_the_command_that_corrects_doubtful_masks_works_when_pasted(tmp_path, capsys, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    cv2.imwrite("clear.png", make_scene(200, 260, 1).image)
    cv2.imwrite("vague.png", make_scene(200, 260, 1, contrast=0).image)
    os.rename("vague.png", name)
    assert run(["remove", "-o", "out", "--", "clear.png", name]) == 0
    line = re.search(r"`(bgremove rects --edit .*)`$", capsys.readouterr().err, re.MULTILINE).group(1)
    pasted = subprocess.run(
        ["bash", "-c", f'bgremove() {{ printf "%s\\0" "$@"; }}; {line}'], capture_output=True, check=True
    ).stdout
    words = [os.fsdecode(word) for word in pasted.split(b"\0")[:-1]]
    monkeypatch.setattr(rects_command, "_serve", lambda session, **_: asked.extend(session.entries))
    asked = []
    assert run(words) == 0
    assert [os.fspath(entry.path) for entry in asked] == [name]
    assert len(read_rects(tmp_path / "rects.csv")) == 1


def test_the_advice_names_the_table_in_use_and_a_pipe_has_none(folder, tmp_path, capsys, command):
    cv2.imwrite(str(folder / "vague.png"), make_scene(200, 260, 1, contrast=0).image)
    table = tmp_path / "mine.csv"
    assert run(["rects", str(folder), "-o", str(table), "-q"]) == 0
    assert run(["remove", str(folder), "-r", "-o", str(tmp_path / "out"), "--rects", str(table)]) == 0
    assert f"`bgremove rects --edit -r -o {table} {folder}`" in capsys.readouterr().err
    one = ["remove", str(folder / "vague.png"), "-o", str(tmp_path / "one.png"), "--rects", str(table)]
    assert run([*one, "--max-pixels", "200000000"]) == 0
    told = capsys.readouterr().err
    assert "1 of 1 looks doubtful" in told
    assert f"-o {table} --max-pixels 200000000 {folder}" in told
    with (folder / "vague.png").open("rb") as file:
        piped = command("remove", "-", "-o", tmp_path / "cut.png", stdin=file)
    assert "looks doubtful: -: a rect drawn around the object helps, see --rect" in piped.stderr


def test_one_image_has_its_own_rect(folder, tmp_path):
    image = folder / "1, a.png"
    table = tmp_path / "rects.csv"
    table.write_text(f'path,x,y,width,height\n"{image}",3,4,30,20\n')
    assert run(["remove", str(image), "-o", str(tmp_path / "cut.png"), "--rects", str(table), "-q"]) == 0
    rows, columns = np.nonzero(cv2.imread(str(tmp_path / "cut.png"), cv2.IMREAD_UNCHANGED)[..., 3])
    assert not rows.size or (rows.max() < 24 and columns.max() < 33)
    assert run(["remove", str(folder / "2, a.png"), "-o", str(tmp_path / "c.png"), "--rects", str(table), "-q"]) == 2


@pytest.mark.whole_run
@pytest.mark.parametrize("end", ["done", "interrupt"])
def test_editing_ends_on_the_page_or_with_ctrl_c(folder, tmp_path, environment, end):
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff nothing")
    line = [sys.executable, "-m", "bgremove", "rects", folder, "-o", tmp_path / "rects.csv", "--edit", "--no-browser"]
    with subprocess.Popen(line, stderr=subprocess.PIPE, text=True, env=environment) as process:
        told = ""
        while not (url := re.search(r"http://127\.0\.0\.1:\d+/\S+/$", told, re.MULTILINE)):
            read = process.stderr.readline()
            assert read, told
            told += read
        assert b"<html" in ask(url.group())
        if end == "done":
            assert ask(url.group() + "done", "POST") == b"{}"
        else:
            process.send_signal(signal.SIGINT)
        told += process.stderr.read()
    assert process.returncode == 1
    assert "broken.jpg" in told
    assert "2 to look at, of which 0 doubtful" in told
    assert f"the rects are in {tmp_path / 'rects.csv'}" in told
    assert len(read_rects(tmp_path / "rects.csv")) == 2
    assert run(["remove", str(folder), "-o", str(tmp_path / "out"), "--rects", str(tmp_path / "rects.csv"), "-q"]) == 1


@pytest.mark.parametrize("room", [False, True])
def test_what_could_not_be_saved_on_the_page_is_saved_at_its_end_or_told(folder, tmp_path, monkeypatch, capsys, room):
    table, image = tmp_path / "rects.csv", folder / "1, a.png"
    full = OutputError("rects.csv: it cannot be written (No space left on device)")
    write = rects_table.replace_file

    def edit(server):
        while not table.exists():  # all is proposed and saved, and then the disk is full
            time.sleep(0.01)
        monkeypatch.setattr(rects_table, "replace_file", Mock(side_effect=full))
        index = next(i for i, entry in enumerate(server._session.entries) if entry.path == image)
        with pytest.raises(OutputError, match="No space left"):
            server._session.change(index, Rect(2, 3, 40, 30), None)
        if room:
            monkeypatch.setattr(rects_table, "replace_file", write)

    monkeypatch.setattr(EditServer, "serve_forever", edit)
    assert run(["rects", str(folder), "-o", str(table), "--edit", "--no-browser"]) == (0 if room else 1)
    shown = capsys.readouterr().err
    assert ("No space left on device" in shown) is not room
    assert (f"the rects are in {table}" in shown) is room
    assert (read_rects(table)[str(image)] == (2, 3, 40, 30)) is room


def test_what_was_looked_at_before_an_interruption_is_kept(folder, tmp_path, monkeypatch, capsys):
    def broken_off(*given):
        yield next(rects_edit.survey(*given))
        raise KeyboardInterrupt

    monkeypatch.setattr(rects_command, "survey", broken_off)
    table = tmp_path / "rects.csv"
    assert run(["rects", str(folder), "-o", str(table), "--edit", "--no-browser", "-q"]) == 130
    assert "rects.csv: the same command goes on with it" in capsys.readouterr().err
    assert list(read_rects(table)) == [str(folder / "1, a.png")]


def test_a_name_without_a_file_leaves_no_table_in_the_way(folder, tmp_path, capsys):
    table = tmp_path / "rects.csv"
    for more in ([], ["--edit"]):
        assert run(["rects", str(folder / "none.png"), "-o", str(table), *more]) == 1
        assert "none.png: there is no such file" in capsys.readouterr().err
        assert not table.exists()


def test_a_folder_without_images_is_told(tmp_path, capsys):
    assert run(["rects", str(tmp_path), "-o", str(tmp_path / "rects.csv"), "--edit"]) == 2
    assert "there is no image under" in capsys.readouterr().err


def test_hints_are_no_photographs_to_edit(folder, tmp_path):
    table = Table(folder / "rects.csv")
    image = folder / "1, a.png"
    table.save_marked(image, Rect(9, 9, 50, 50), np.full((200, 260), Label.FOREGROUND, np.uint8))
    assert len(list(table.hints_folder.iterdir())) == 1
    assert run(["rects", str(folder), "-r", "-o", str(table.file), "-q", "--overwrite"]) == 0
    assert len(read_rects(table.file)) == 2


def test_on_the_fixtures_the_default_is_better_than_grabcut():
    found = {"exact": [], "multiscale": []}
    for fixture in load():
        truth = fixture.truth()
        for engine, values in found.items():
            mask = remove_background(fixture.path, engine=engine).foreground
            values.append((mask & truth).sum() / (mask | truth).sum())
    assert np.mean(found["multiscale"]) > np.mean(found["exact"])
