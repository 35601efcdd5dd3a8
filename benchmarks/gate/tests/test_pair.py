"""Pairs of real processes."""

import random
from pathlib import Path

import pytest

from benchgate.errors import GateError
from benchgate.measure.pair import PairDriver
from benchgate.measure.site import Site, Suite
from benchgate.revisions.git import resolve
from benchgate.revisions.worktrees import checkouts
from gate_toy import Toy, make_toy

pytestmark = pytest.mark.whole_run


@pytest.fixture
def toy(tmp_path: Path) -> Toy:
    return make_toy(tmp_path / "toy")


def test_both_arms_of_a_pair_share_what_is_random_and_take_mirrored_turns(toy: Toy, tmp_path: Path) -> None:
    case = "bench/bench_toy.py::test_work"
    toy.commit({"bench/bench_toy.py": WITH_STATS})
    with checkouts(toy.root, resolve(toy.root, "HEAD"), resolve(toy.root, "HEAD")) as trees:
        suite = Suite(("bench",), (), ("toy",))
        base, head = (Site(root.name, root, suite, 30.0, tmp_path) for root in (trees.base, trees.head))
        pair = PairDriver(base, head, frozenset([case]), random.Random(1)).measure({case: 0.3}, "screen")
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
        suite = Suite(("bench",), (), ("toy",))
        base, head = (Site(root.name, root, suite, 30.0, tmp_path) for root in (trees.base, trees.head))
        bench = PairDriver(base, head, frozenset(), random.Random(1))
        pairs = [bench.measure({"bench/bench_toy.py::test_work": 0.05}, "screen") for _ in range(2)]
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
    assert benchmark.stats.stats.rounds == 1
"""


def test_an_arm_that_cannot_start_is_an_error_with_its_last_words(toy: Toy, tmp_path: Path) -> None:
    toy.write({"bench/conftest.py": "raise RuntimeError('out of order')\n"})
    with pytest.raises(GateError, match="out of order"):
        Site("head", toy.root, Suite(("bench",), (), ()), 30.0, tmp_path).collect()
