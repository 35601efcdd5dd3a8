"""Middles, bounds and lengths of blocks: against scipy's signed-rank test, known coverage, and a search by hand."""

import math
import random
import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import wilcoxon

from benchgate.decide.allocation import Variation
from benchgate.decide.estimate import FEWEST_BOUNDED, Estimate, spread
from benchgate.measure.records import Block, Timing, Turn
from gate_fakes import Draw, heavy, normal, two_modes

numbers = st.lists(st.floats(-1, 1, allow_subnormal=False), min_size=8, max_size=30, unique=True)


@given(numbers, st.sampled_from([0.05, 0.025, 0.01]))
def test_bounds_are_what_the_signed_rank_test_does_not_reject(values: list[float], miss: float) -> None:
    upper = Estimate.of(values).upper(miss)
    beyond, within = np.asarray(values) - (upper + 1e-9), np.asarray(values) - (upper - 1e-9)
    assert wilcoxon(beyond, alternative="less", method="exact").pvalue <= miss
    if len({round(a + b, 7) for i, a in enumerate(values) for b in values[i:]}) == len(values) * (len(values) + 1) / 2:
        assert wilcoxon(within, alternative="less", method="exact").pvalue > miss


@given(numbers, st.floats(-1, 1))
def test_estimates_move_and_turn_with_the_values(values: list[float], shift: float) -> None:
    plain, moved = Estimate.of(values), Estimate.of([value + shift for value in values])
    turned = Estimate.of([-value for value in values])
    assert moved.middle == pytest.approx(plain.middle + shift)
    assert turned.middle == pytest.approx(-plain.middle)
    assert turned.lower(0.05) == pytest.approx(-plain.upper(0.05))
    assert plain.lower(0.05) <= plain.middle <= plain.upper(0.05)


@pytest.mark.parametrize("draw", [normal(0, 0.01), heavy(0.01), two_modes(0.2)], ids=["normal", "heavy", "modes"])
@pytest.mark.parametrize("pairs", [8, 30])
def test_bounds_hold_as_often_as_they_say(draw: Draw, pairs: int) -> None:
    rng, tries, miss = random.Random(pairs), 2000, 0.05
    missed = sum(Estimate.of([draw(rng) for _ in range(pairs)]).upper(miss) < 0 for _ in range(tries))
    assert missed <= tries * miss + 4 * math.sqrt(tries * miss)


def test_a_few_processes_far_off_hardly_move_the_middle_or_widen_the_bounds() -> None:
    rng = random.Random(0)
    calm = [rng.gauss(0.03, 0.005) for _ in range(27)]
    estimate, mean = Estimate.of([*calm, 0.2, -0.2, -0.2]), statistics.fmean([*calm, 0.2, -0.2, -0.2])
    assert abs(estimate.middle - 0.03) < 0.003 < abs(mean - 0.03)
    assert estimate.upper(0.01) < 0.04


def test_too_few_pairs_bound_nothing() -> None:
    assert Estimate.of([]).middle == 0.0
    few = [0.1] * (FEWEST_BOUNDED - 1)
    assert Estimate.of(few).upper(0.01) == math.inf
    assert Estimate.of(few).lower(0.01) == -math.inf
    assert Estimate.of([*few, 0.1]).upper(0.01) == 0.1


def _block(rng: random.Random, between: float, within: float, turns: int) -> Block:
    """Turns of half a second of wall time together: head's process differs by `between`, its calls by `within`."""
    process, call_s = rng.gauss(0, between), 0.25 / turns
    calls = [math.exp(process + rng.gauss(0, within)) for _ in range(turns)]
    base = Timing(call_s, call_s, 0.0)
    return Block("c", 1, tuple(Turn(True, 0, base, Timing(call_s * x, 0.0, 0.0)) for x in calls), 1, 1, 0.0, 0.0)


@pytest.mark.parametrize(("between", "within"), [(0.02, 0.1), (0.01, 0.1), (0.03, 0.02)])
def test_the_best_length_shows_most_in_a_given_time(between: float, within: float) -> None:
    rng, turns, start_s = random.Random(0), 24, 2.0

    def cost(seconds: float) -> float:
        return (start_s + seconds) * (between**2 + within**2 / (turns * seconds / 0.5))

    found = Variation.of([_block(rng, between, within, turns) for _ in range(300)]).best_block_s(start_s, 0.001)
    assert cost(found) <= 1.05 * min(cost(seconds / 100) for seconds in range(1, 2000))


def test_no_longer_than_it_takes_for_the_fewest_pairs_to_do() -> None:
    rng, between, within, turns = random.Random(0), 0.01, 0.1, 24
    blocks = [_block(rng, between, within, turns) for _ in range(300)]
    longest = Variation.of(blocks).best_block_s(2.0, 0.01)
    shorter = Variation.of(blocks).best_block_s(2.0, 0.03)
    assert shorter < longest
    # the interquartile mean of normal numbers varies by a fifth more than their mean
    assert between**2 + 1.2 * within**2 / (turns * shorter / 0.5) == pytest.approx((0.75 * 0.03) ** 2, rel=0.1)
    assert Variation.of(blocks).best_block_s(2.0, 0.10) < 0.1 * shorter


def test_lengths_where_there_is_nothing_to_weigh() -> None:
    rng = random.Random(0)
    calls_alone = [_block(rng, 0.0, 0.2, 24) for _ in range(8)]
    assert Variation.of([_block(rng, 0.02, 0.0, 24) for _ in range(8)]).best_block_s(2.0, 0.001) < 1e-6
    assert Variation.of(calls_alone).best_block_s(2.0, 0.001) > 0.5  # what the turns took
    assert Variation.of(calls_alone).best_block_s(0.0, 0.001) == 0.0


def test_the_spread_is_a_standard_deviation() -> None:
    rng = random.Random(0)
    assert spread([rng.gauss(5, 0.3) for _ in range(4000)]) == pytest.approx(0.3, rel=0.05)
