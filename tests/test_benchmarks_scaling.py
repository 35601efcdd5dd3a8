"""How time grows: rounds beside the ideal, and the law that is fitted to them."""

import json
import os
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from random import Random

import numpy as np
import pytest

from benchmarks.scaling import cells, parts, quiet
from benchmarks.scaling.__main__ import main
from benchmarks.scaling.cells import IDEAL, LOOP, Cell, measure
from benchmarks.scaling.law import Law, fitted, fitted_intervals
from benchmarks.scaling.overhead import task_costs
from benchmarks.scaling.pinned import Pinned
from benchmarks.scaling.tables import _pays_from, tables
from bgremove.comparison.statistics import amdahl


def note(folder, value):
    """Runs in another process."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
    Path(folder, str(value)).write_text(f"{os.getpid()} {cores}")


@pytest.mark.whole_run
def test_pinned_processes_have_equal_shares_and_a_core_each(tmp_path):
    with Pinned(2, nullcontext) as pinned:
        pinned.run(partial(note, tmp_path), range(5))
        notes = [(tmp_path / str(value)).read_text().split() for value in range(5)]
        assert [pid for pid, _ in notes] == [notes[0][0]] * 2 + [notes[4][0]] * 3
        assert notes[0][0] != notes[4][0]
        assert {cores for _, cores in notes} == {"1"}
        with pytest.raises(FileNotFoundError, match="missing"):
            pinned.run(partial(note, tmp_path / "missing"), range(2))


@pytest.mark.whole_run
def test_all_contenders_do_every_round():
    (cell,) = measure((3,), 0.02, (IDEAL, LOOP, "threads"), rounds=2)
    assert {name: len(seconds) for name, seconds in cell.seconds.items()} == {IDEAL: 2, LOOP: 2, "threads": 2}
    assert len(cell.others) == 2
    interval = cell.speedup("threads", LOOP)
    assert interval.low <= interval.estimate <= interval.high


def test_rounds_in_which_others_were_busy_are_run_again(monkeypatch):
    others = iter([0.5, 0.0, 0.4, 0.01])
    monkeypatch.setattr(cells, "timed", lambda work: quiet.Taken(work(), 0.5, next(others)))
    calls = {IDEAL: partial(next, iter([1.0, 2.0, 3.0, 4.0]))}
    assert cells._rounds(calls, 2, Random(0)) == ({IDEAL: [2.0, 4.0]}, {IDEAL: [0.5, 0.5]}, [0.0, 0.01])


def test_what_others_took_is_what_the_machine_was_busy_with_beside_this_process(monkeypatch):
    monkeypatch.setattr(quiet, "_busy_s", iter([10.0, 16.0]).__next__)
    monkeypatch.setattr(quiet, "_own_s", iter([1.0, 3.0]).__next__)
    monkeypatch.setattr(quiet, "perf_counter", iter([0.0, 4.0]).__next__)
    monkeypatch.setattr(quiet.psutil, "cpu_count", lambda: 2)
    assert quiet.timed(lambda: None) == (4.0, 2.0, 0.5)


def test_a_task_costs_something_under_each_strategy():
    rows = list(task_costs(("sequential", "threads"), {0.0: 2, 0.001: 2}))
    assert [(row["strategy"], row["megapixels"]) for row in rows] == [
        ("sequential", 0.0),
        ("threads", 0.0),
        ("sequential", 0.001),
        ("threads", 0.001),
    ]
    assert all(min(row["seconds"]) > 0 for row in rows)


def test_a_part_that_is_measured_again_takes_its_own_place(tmp_path, monkeypatch):
    monkeypatch.setattr(parts, "PARTS", {"one": lambda: iter([{"n": 1}]), "two": lambda: iter([{"n": 2}])})
    for name in ("one", "two", "one"):
        parts.keep(name, tmp_path / "kept.json")
    kept = json.loads((tmp_path / "kept.json").read_text())
    assert {name: part["rows"] for name, part in kept.items()} == {"one": [{"n": 1}], "two": [{"n": 2}]}


def test_a_part_that_there_is_not_is_named_before_anything_is_measured(capsys, monkeypatch):
    monkeypatch.setattr("benchmarks.scaling.__main__.keep", pytest.fail)
    with pytest.raises(SystemExit):
        main(["start", "nothing"])
    assert "there is no part 'nothing'; choose from 0.1 MP," in capsys.readouterr().err


def scattered(law, counts):
    noise = np.random.default_rng(1)
    return {count: [law.speedup(count) * float(noise.normal(1, 0.01)) for _ in range(6)] for count in counts}


def test_parts_of_several_machines_say_which_is_of_which():
    def part(date, processor):
        return {"date": date, "machine": {"processor": processor}, "rows": []}

    kept = {"1 MP": part("2026-01-01", "old"), "12 MP": part("2026-02-01", "new"), "24 MP": part("2026-01-01", "old")}
    assert tables(kept).startswith("12 MP: 2026-02-01. processor: new.  \n1 MP, 24 MP: 2026-01-01. processor: old.\n")
    del kept["12 MP"]
    assert tables(kept).startswith("2026-01-01. processor: old.\n")


@pytest.mark.pixels
def test_the_law_is_recovered_from_speedups_that_follow_it():
    truth = Law(0.95, 0.04, 0.002)
    exact = {count: [truth.speedup(count)] for count in (1, 2, 4, 8, 16)}
    law = fitted(exact)
    assert (law.one, law.contention, law.coherency) == pytest.approx((0.95, 0.04, 0.002), rel=1e-3)
    intervals = fitted_intervals(scattered(truth, (1, 2, 4, 8, 16)))
    for name, interval in intervals.items():
        assert interval.low < getattr(truth, name) < interval.high, name


@pytest.mark.pixels
def test_few_workers_leave_the_law_open():
    truth = Law(1.0, 0.05, 0.0)
    few, many = (fitted_intervals(scattered(truth, counts))["contention"] for counts in ((1, 2, 4), (1, 2, 4, 16, 64)))
    assert few.high - few.low > 2 * (many.high - many.low)


@pytest.mark.parametrize("workers", [1, 2, 64])
def test_without_a_cost_of_pairs_it_is_amdahls_law(workers):
    assert Law(1.0, 0.2, 0.0).speedup(workers) == pytest.approx(amdahl(0.2, workers))


def test_a_start_is_repaid_when_what_it_took_is_gained():
    cell = Cell(64, 0.1, 2, {LOOP: [6.4], "processes": [3.2]}, {}, [0.0])
    assert _pays_from("processes", [cell], {LOOP: 0.1, "processes": 0.95}) == "18"
    slow = Cell(64, 0.1, 2, {LOOP: [6.4], "processes": [6.5]}, {}, [0.0])
    assert _pays_from("processes", [slow], {LOOP: 0.1, "processes": 1.0}) == "never"
