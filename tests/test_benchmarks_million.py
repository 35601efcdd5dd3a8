"""The benchmark of a million names, with a few."""

import pytest

from benchmarks import million


@pytest.mark.whole_run
def test_names_are_planned_done_once_each_and_resumed(tmp_path):
    million.make_names(tmp_path / "in", 30)
    assert million.planned(tmp_path)["names"] == 30
    taken = million.done(tmp_path)
    assert taken["names"] == 30
    assert 0 < taken["first_s"] <= taken["seconds"]
    names = {path.relative_to(tmp_path / "out") for path in (tmp_path / "out").rglob("*.png")}
    assert names == {path.relative_to(tmp_path / "in") for path in (tmp_path / "in").rglob("*.png")}
    assert million.resumed(tmp_path)["names"] == 30


def test_a_row_says_what_a_name_takes():
    rows = [{"names": 1000, "stage": "planned", "seconds": 0.5, "peak_bytes": 70_000_000}]
    text = million.table({"date": "2026-01-01", "machine": {"processor": "x"}, "rows": rows})
    assert text.splitlines()[-1] == "| 1,000 | planned | 0.5 | 500 | 70 |"
