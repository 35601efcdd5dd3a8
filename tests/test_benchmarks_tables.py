"""The tables of docs/figures.md are those of the results that are kept, and are made as they say."""

import random

import numpy as np
import PIL.Image
import pytest

from benchmarks import files, limit, speed, tables
from bgremove.engines import make_engine
from bgremove.engines._grid import find_exits
from bgremove.types import Rect
from fixtures.scenes import make_scene


@pytest.mark.pixels
def test_the_page_has_the_tables_of_what_is_kept():
    page = tables.PAGE.read_text(encoding="utf-8")
    assert tables.written(page) == page
    results = tables.FOLDER / "results"
    assert sum(file.stat().st_size for file in results.rglob("*") if file.is_file()) < 5_000_000


def test_a_page_without_a_place_for_a_table_is_an_error():
    with pytest.raises(ValueError, match="no place for this"):
        tables.replaced("no place", "speed", "table")


def test_engines_are_measured_in_turns_and_judged_by_the_truth():
    scene = make_scene(120, 160, seed=1)
    subject = speed.Subject("small", speed.SCENE, speed.ENGINES, lambda: (scene.image, scene.rect, scene.truth))
    result = speed.measure(subject, 2, random.Random(0))
    assert {engine: len(times) for engine, times in result.seconds.items()} == dict.fromkeys(speed.ENGINES, 2)
    assert all(0 <= error < 0.02 for error in result.errors.values())
    assert (result.pixels, result.differing) == (120 * 160, 0)


def test_an_enlarged_fixture_keeps_its_rect_and_truth_together():
    fixture = next(each for each in speed.load() if each.name == "bowl")
    image, rect, truth = speed.enlarged(fixture, 1_000_000)
    assert image.shape[:2] == truth.shape
    assert truth.size == pytest.approx(1_000_000, rel=0.01)
    outside = truth.copy()
    outside[rect.slices] = False
    assert np.count_nonzero(outside) <= np.count_nonzero(fixture.truth()) * 0.01
    assert isinstance(rect, Rect)


def test_a_ratio_is_a_geometric_mean_over_pictures():
    one, other = (
        {"name": str(factor), "group": speed.OWN_SIZE, "pixels": 10, "differing": 0}
        | {"seconds": {"opencv": [factor, factor, 9.0], "exact": [1.0] * 3, "multiscale": [1.0] * 3}}
        | {"errors": dict.fromkeys(speed.ENGINES, 0.5)}
        for factor in (2.0, 8.0)
    )
    row = speed._summary_row("both", "exact", [speed.Result(**one), speed.Result(**other)])
    assert row.startswith("| both | `exact` | 4.0 (")
    assert row.endswith("| 2.0 | 8.0 | 50.00% | 0 of 20 |")


@pytest.mark.parametrize("index", [3, 3 + len(speed.load())], ids=["as it is", "mirrored"])
def test_the_floor_writes_the_file_that_the_whole_writes(tmp_path, index):
    job = files.make_job(index, tmp_path, 0.2)
    target = job.outputs["cutout"]
    floor = files.floor_of(job)
    whole = target.read_bytes()
    target.unlink()
    floor()
    assert target.read_bytes() == whole
    with PIL.Image.open(target) as image:
        assert image.getchannel("A").getbbox() is not None


def test_both_of_two_are_measured_in_every_round():
    done = []
    seconds = files._in_turns(lambda: done.append("one"), lambda: done.append("two"), 4, random.Random(0))
    assert sorted(done) == ["one"] * 4 + ["two"] * 4
    assert [len(rounds) for rounds in seconds] == [4, 4]


def test_the_limit_counts_what_each_kernel_is_given_and_changes_none():
    call = limit.Kernel.__call__
    residual, state = np.ones(8000, np.int32), np.zeros(1000, np.uint32)
    with limit.kernels_counted() as account:
        find_exits(residual, state)
    assert account.bytes == {"find_exits": 36_000}
    assert account.seconds["find_exits"] > 0
    assert (state == 255).all()
    assert limit.Kernel.__call__ is call
    assert limit.measure_bandwidth(1000) > 0


def test_kernels_take_no_more_time_than_the_engine_that_calls_them():
    scene = make_scene(120, 160, seed=1)
    labels = limit.initial_labels(limit.Photo(scene.image), scene.rect)
    engine = make_engine(limit.ENGINE)
    engine.warm_up()
    start = limit.thread_time()
    with limit.kernels_counted() as account:
        engine.segment(scene.image, labels, iterations=5, seed=0)
    assert 0 < sum(account.seconds.values()) <= limit.thread_time() - start


def test_the_limit_of_a_kernel_is_its_bytes_by_the_bandwidth():
    kernels = {"_cut": {"seconds": 0.01, "bytes": 20e6}}
    kept = {"date": "", "machine": {}, "whole_s": 0.04, "bytes_per_s": 10e9, "pictures": 1, "kernels": kernels}
    assert "| `cut` | 10.0 | 25% | 20 | 2.0 | 5.0 |" in limit.table(kept)
