"""Folders that are done again: what was there before, and what has changed or gone meanwhile."""

import os
import shutil

import numpy as np
import pytest

from bgremove.batch import make_plan, remove_backgrounds, run_plan
from bgremove.errors import OutputError
from bgremove.formats import read
from bgremove.settings import Settings
from bgremove.url import located


@pytest.mark.parametrize("strategy", ["sequential", "processes"])
@pytest.mark.parametrize("emit", [("cutout",), ("cutout", "mask"), ("mask", "cutout")])
def test_what_appears_where_an_output_was_to_be_is_not_replaced_by_a_later_run(tmp_path, photos, emit, strategy):
    settings, out = Settings(engine="opencv", emit=emit), tmp_path / "out"
    plan = make_plan(photos, out, settings)
    out.mkdir()
    (out / "1.png").write_bytes(b"precious")
    records = list(run_plan(plan, strategy=strategy))
    assert [record.path.name for record in records if record.error] == ["1.png"]
    assert not (out / "1.mask.png").exists()
    with pytest.raises(OutputError, match=r"1 of the outputs exist .*1\.png"):
        make_plan(photos, out, settings, resume=True)
    (out / "1.png").unlink()
    later = remove_backgrounds(photos, out, settings=settings, resume=True)
    assert sorted(record.status for record in later) == ["ok"] + 5 * ["skipped"]


def test_a_folder_that_is_lost_meanwhile_costs_what_would_be_in_it(tmp_path, photos):
    records = run_plan(make_plan(photos, tmp_path / "out", Settings(engine="opencv")), strategy="sequential")
    assert next(records).error is None
    (tmp_path / "out").rename(tmp_path / "elsewhere")
    (tmp_path / "out").touch()
    *_, last = records
    assert "out: the folder for the results was removed or closed during the run" in str(last.error)


@pytest.mark.parametrize("strategy", ["sequential", "processes"])
def test_a_folder_that_is_removed_during_a_run_is_told(tmp_path, photos, strategy):
    plan = make_plan(photos, tmp_path / "out", Settings(engine="opencv"))
    records = run_plan(plan, strategy=strategy, workers=1)
    assert next(records).error is None
    (tmp_path / "out").rename(tmp_path / "elsewhere")
    *_, last = records
    assert f"{tmp_path}/out: the folder for the results was removed or closed during the run" in str(last.error)


@pytest.mark.parametrize("emit", [("cutout",), ("cutout", "mask")])
@pytest.mark.parametrize("place", ["here", "store"])
def test_a_photograph_that_has_changed_is_done_anew_and_the_others_are_kept(photos, tmp_path, place, emit):
    out = tmp_path / "out" if place == "here" else f"memory://{tmp_path.name}{len(emit)}"
    shutil.copytree(photos, tmp_path / "in")
    options = {"engine": "opencv", "emit": emit}
    remove_backgrounds(tmp_path / "in", out, **options)
    before = read(located(out) / "0.png").image
    shutil.copy(photos / "1.png", tmp_path / "in/0.png")
    for changed in (1, 0):
        records = remove_backgrounds(tmp_path / "in", out, resume=True, **options)
        assert sorted(record.status for record in records) == ["ok"] * changed + ["skipped"] * (6 - changed)
    assert not np.array_equal(read(located(out) / "0.png").image, before)
    os.utime(tmp_path / "in/0.png", (0, 0))
    with pytest.raises(OutputError, match="not of an earlier run with these very options"):
        remove_backgrounds(tmp_path / "in", out, resume=True, **options, margin=0.2)


@pytest.mark.parametrize("whose", ["a person's", "another photograph's"])
def test_what_is_not_of_a_photograph_that_has_changed_is_not_replaced(photos, tmp_path, whose):
    shutil.copytree(photos, tmp_path / "in")
    remove_backgrounds(tmp_path / "in", tmp_path / "out", engine="opencv")
    os.utime(tmp_path / "in/0.png", (0, 0))
    theirs = b"theirs" if whose == "a person's" else (tmp_path / "out/1.png").read_bytes()
    (tmp_path / "out/0.png").write_bytes(theirs)
    with pytest.raises(OutputError, match=r"1 of the outputs exist already .*0\.png"):
        remove_backgrounds(tmp_path / "in", tmp_path / "out", engine="opencv", resume=True)
    assert (tmp_path / "out/0.png").read_bytes() == theirs


def test_a_folder_in_the_place_of_an_output_is_no_result(tmp_path, photos):
    out = tmp_path / "out"
    remove_backgrounds(photos, out, engine="opencv")
    (out / "1.png").unlink()
    (out / "1.png").mkdir()
    records = remove_backgrounds(photos, out, engine="opencv", resume=True)
    assert sorted(record.status for record in records) == ["failed"] + 5 * ["skipped"]
    (error,) = (str(record.error) for record in records if record.error)
    assert "1.png: it cannot be written (Is a directory)" in error
