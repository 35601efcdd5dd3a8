"""Pairs of real processes."""

import random
from dataclasses import replace
from pathlib import Path

import pytest

from benchgate.decide.metrics import disturbance, log_ratios
from benchgate.errors import GateError
from benchgate.measure.collecting import collect
from benchgate.measure.pair import PairDriver
from benchgate.measure.records import Pair
from benchgate.measure.target import padding
from benchgate.revisions.git import resolve
from benchgate.revisions.packages import Packages
from benchgate.revisions.worktrees import checkouts
from gate_toy import Toy, make_toy, toy_site, toy_sites

pytestmark = pytest.mark.whole_run


@pytest.fixture
def toy(tmp_path: Path) -> Toy:
    return make_toy(tmp_path / "toy")


def test_both_arms_of_a_pair_share_what_is_random_and_take_mirrored_turns(toy: Toy, tmp_path: Path) -> None:
    case = "bench/bench_toy.py::test_work"
    toy.commit({"bench/bench_toy.py": WITH_STATS})
    with checkouts(toy.root, resolve(toy.root, "HEAD"), resolve(toy.root, "HEAD")) as trees:
        base, head = toy_sites(toy, trees, tmp_path)
        pair = PairDriver(base, head, random.Random(1)).measure({case: 0.3})
    assert pair.troubles == ()
    orders = [turn.base_first for turn in pair.blocks[0].turns]
    assert [first != second for first, second in zip(orders[::2], orders[1::2], strict=True)] == [True] * (
        len(orders) // 2
    )
    assert pair.blocks[0].loops > 1
    assert all(turn.base.wall_s > 0 and turn.head.cpu_s > 0 for turn in pair.blocks[0].turns)


ENVIRONMENT = """
import os
from toy import work

def test_work(benchmark):
    with open({seen!r}, "a") as seen:
        seen.write(os.environ["PYTHONHASHSEED"] + " " + str(len(os.environ["GATE_PADDING"])) + "\\n")
    benchmark(work)
"""


def test_hash_seed_and_environment_size_differ_between_pairs_not_inside_them(toy: Toy, tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    toy.commit({"bench/bench_toy.py": ENVIRONMENT.format(seen=str(seen))})
    with checkouts(toy.root, resolve(toy.root, "HEAD"), resolve(toy.root, "HEAD")) as trees:
        base, head = toy_sites(toy, trees, tmp_path)
        bench = PairDriver(base, head, random.Random(1))
        pairs = [bench.measure({"bench/bench_toy.py::test_work": 0.05}) for _ in range(2)]
    lines = seen.read_text().splitlines()
    assert lines == [f"{pair.hash_seed} {pair.padding_bytes}" for pair in pairs for _ in ("base", "head")]
    assert pairs[0].hash_seed != pairs[1].hash_seed
    assert pairs[0].padding_bytes != pairs[1].padding_bytes


WITH_STATS = """
import pytest
from toy import work

@pytest.fixture
def benchmark(benchmark):
    yield benchmark
    benchmark.extra_info["mean"] = benchmark.stats.stats.mean  # as a suite's own conftest may do

def test_work(benchmark):
    calls = []
    benchmark.pedantic(work, setup=None, rounds=3)
    assert benchmark.stats.stats.rounds > 1, "the calls of this arm"
"""


def test_an_arm_that_cannot_start_is_an_error_with_its_last_words(toy: Toy, tmp_path: Path) -> None:
    toy.write({"bench/conftest.py": "raise SystemExit('out of order')\n"})
    with pytest.raises(GateError, match="out of order"):
        collect(toy_site(toy, tmp_path))


def test_a_project_of_thousands_of_modules_is_started(toy: Toy, tmp_path: Path) -> None:
    site = toy_site(toy, tmp_path)
    many = Packages({f"module_{number:060}": (".",) for number in range(3000)}, (".",))
    (found,) = collect(replace(site, places=replace(site.places, packages=many)))
    assert found.cases == ["bench/bench_toy.py::test_work"]


ONCE = """
from toy import work

called = 0

def test_work(benchmark):
    def single():
        global called
        called += 1
        assert called == 1
        work()
    benchmark.pedantic(single)
"""
ALONE = """
import os, pytest
from toy import work

@pytest.fixture
def lock():
    os.close(os.open({lock!r}, os.O_CREAT | os.O_EXCL))
    yield
    os.unlink({lock!r})

def test_work(benchmark, lock):
    benchmark(work)
"""


def measured_pair(toy: Toy, cases: str, logs: Path, alone: bool = False) -> Pair:
    case = "bench/bench_toy.py::test_work"
    toy.commit({"bench/bench_toy.py": cases})
    with checkouts(toy.root, resolve(toy.root, "HEAD"), resolve(toy.root, "HEAD")) as trees:
        driver = PairDriver(*toy_sites(toy, trees, logs), alone={case} if alone else set())
        return driver.measure({case: 0.2})


def test_a_case_that_asks_for_one_call_is_called_once_a_process(toy: Toy, tmp_path: Path) -> None:
    pair = measured_pair(toy, ONCE, tmp_path)
    assert pair.troubles == ()
    assert len(pair.blocks[0].turns) == 1
    assert disturbance(pair.blocks[0], 0.0) == "" or "guests" in disturbance(pair.blocks[0], 0.0)
    assert set(log_ratios(pair.blocks[0])) <= {"wall", "cpu"}
    alone = measured_pair(toy, ONCE, tmp_path, alone=True)
    assert alone.troubles == ()
    assert len(alone.blocks[0].turns) == 1


def test_a_case_whose_arms_cannot_live_side_by_side_is_measured_in_one_after_the_other(
    toy: Toy, tmp_path: Path
) -> None:
    cases = ALONE.replace("{lock!r}", repr(str(tmp_path / "lock")))
    assert measured_pair(toy, cases, tmp_path).troubles[0].verdict == "incomparable"
    pair = measured_pair(toy, cases, tmp_path, alone=True)
    assert pair.troubles == ()
    turns = pair.blocks[0].turns
    assert len(turns) >= 4
    assert {turn.base_first for turn in turns} == {turns[0].base_first}


TORN_DOWN = """
import os, pytest
from toy import work

@pytest.fixture
def what_both_share():
    yield
    with open({seen!r}, "a") as seen:
        seen.write(os.path.basename(os.getcwd()) + " ")

@pytest.mark.parametrize("number", range(6))
def test_work(benchmark, what_both_share, number):
    benchmark(work)
"""


def test_neither_arm_always_leaves_a_case_and_comes_to_the_next_before_the_other(toy: Toy, tmp_path: Path) -> None:
    cases = [f"bench/bench_toy.py::test_work[{number}]" for number in range(6)]
    toy.commit({"bench/bench_toy.py": TORN_DOWN.format(seen=str(tmp_path / "seen"))})
    with checkouts(toy.root, resolve(toy.root, "HEAD"), resolve(toy.root, "HEAD")) as trees:
        driver = PairDriver(*toy_sites(toy, trees, tmp_path), random.Random(1))
        assert driver.measure(dict.fromkeys(cases, 0.01)).troubles == ()
    order = (tmp_path / "seen").read_text().split()
    assert {frozenset(pair) for pair in zip(order[::2], order[1::2], strict=True)} == {frozenset(("base", "head"))}
    assert set(order[::2]) == {"base", "head"}


DEEP = """
import sys
from concurrent.futures import ThreadPoolExecutor
from toy import work

def recurse(depth):
    return recurse(depth - 1) if depth else work(10)

def locals_of_padding():
    frame = sys._getframe()
    while frame.f_code.co_name != "padded":
        frame = frame.f_back
    return frame.f_code.co_nlocals

def test_work(benchmark):
    benchmark(recurse, 210)
    with ThreadPoolExecutor() as threads:
        assert threads.submit(locals_of_padding).result() > 1
"""


def test_the_padding_of_frames_differs_between_pairs_not_inside_them(toy: Toy, tmp_path: Path) -> None:
    case = "bench/bench_toy.py::test_work"
    toy.commit({"bench/bench_toy.py": DEEP})
    with checkouts(toy.root, resolve(toy.root, "HEAD"), resolve(toy.root, "HEAD")) as trees:
        driver = PairDriver(*toy_sites(toy, trees, tmp_path), random.Random(1))
        pairs = [driver.measure({case: 0.05}) for _ in range(2)]
    assert pairs[0].frame_slots != pairs[1].frame_slots
    assert all(not pair.troubles for pair in pairs)


@pytest.mark.parametrize("slots", [0, 1, 2047])
def test_a_padded_call_is_below_a_frame_of_that_size(slots: int) -> None:
    padded = padding(slots)
    assert padded(lambda: "value") == "value"
    assert padded.__code__.co_nlocals == slots + 1
