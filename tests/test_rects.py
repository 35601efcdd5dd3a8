from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from bgremove import remove_background
from bgremove.batch import read_rects
from bgremove.cli import run
from fixtures import load
from fixtures.scenes import make_scene

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


def test_a_broken_image_costs_its_own_line(folder, tmp_path, capsys):
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff nothing")
    table = tmp_path / "rects.csv"
    assert run(["rects", str(folder), "-o", str(table)]) == 1
    assert "broken.jpg" in capsys.readouterr().err
    assert len(read_rects(table)) == 2


def test_an_input_is_not_replaced_by_the_table(folder, capsys):
    image = folder / "1, a.png"
    before = image.read_bytes()
    assert run(["rects", str(folder), "-o", str(image)]) == 2
    assert image.read_bytes() == before


def test_doubtful_images_are_named_at_the_end_and_in_the_json(tmp_path, capsys):
    photos = tmp_path / "photos"
    photos.mkdir()
    cv2.imwrite(str(photos / "clear.png"), make_scene(200, 260, 1).image)
    cv2.imwrite(str(photos / "vague.png"), make_scene(200, 260, 1, contrast=0).image)
    assert run(["remove", str(photos), "-o", str(tmp_path / "out"), "--json", str(tmp_path / "r.json")]) == 0
    told = capsys.readouterr().err
    assert "1 of 2 looks doubtful: " in told
    assert "vague.png" in told
    images = {image["path"]: image["doubtful"] for image in json.loads((tmp_path / "r.json").read_text())["images"]}
    assert [bool(doubts) for _, doubts in sorted(images.items())] == [False, True]


def test_on_the_fixtures_the_default_is_better_than_grabcut():
    found = {"exact": [], "multiscale": []}
    for fixture in load():
        truth = fixture.truth()
        for engine, values in found.items():
            mask = remove_background(fixture.path, engine=engine).foreground
            values.append((mask & truth).sum() / (mask | truth).sum())
    assert np.mean(found["multiscale"]) > np.mean(found["exact"])
