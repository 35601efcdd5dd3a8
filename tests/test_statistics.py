import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bgremove.comparison.statistics import Costs, break_even, paired_ratio, pays_from
from bgremove.errors import UsageError

pytestmark = pytest.mark.pixels

seconds = st.floats(1e-3, 1e3)


@given(st.lists(st.tuples(seconds, seconds), min_size=2, max_size=8))
def test_an_interval_holds_its_estimate_and_lies_between_the_extreme_pairs(pairs):
    base, other = zip(*pairs, strict=True)
    ratios = np.divide(base, other)
    interval = paired_ratio(base, other, resamples=200)
    assert interval.low <= interval.estimate * (1 + 1e-9)
    assert interval.estimate <= interval.high * (1 + 1e-9)
    assert ratios.min() * (1 - 1e-9) <= interval.low
    assert interval.high <= ratios.max() * (1 + 1e-9)


def test_drift_that_slows_both_of_a_pair_does_not_widen_the_interval():
    drift = np.array([1.0, 3.0, 0.5, 2.0, 7.0])
    interval = paired_ratio(drift * 2, drift)
    assert (interval.estimate, interval.low, interval.high) == pytest.approx((2, 2, 2))


@pytest.mark.parametrize("pairs", [5, 8])
def test_the_interval_covers_the_truth_about_as_often_as_it_says(pairs):
    random = np.random.default_rng(1)
    hits = 0
    for trial in range(400):
        base = np.exp(random.normal(np.log(1.9), 0.05, pairs))
        interval = paired_ratio(base, np.ones(pairs), resamples=600, seed=trial)
        hits += interval.low <= 1.9 <= interval.high
    # 400 draws of 95% lie within 92% to 98% all but once in about a hundred; five pairs fall slightly short.
    assert 0.90 <= hits / 400 <= 0.98


def test_pairs_are_required():
    with pytest.raises(UsageError, match="pairs"):
        paired_ratio([1.0, 2.0], [1.0])
    with pytest.raises(UsageError, match="two at least"):
        paired_ratio([1.0], [1.0])


@given(loop=st.floats(0.01, 10), worker=st.floats(0.01, 20), startup=st.floats(0, 30), workers=st.integers(1, 16))
def test_from_the_number_on_parallel_always_wins_and_just_before_it_does_not(loop, worker, startup, workers):
    def wins(n):
        return startup + -(-n // workers) * worker < n * loop

    first = pays_from(Costs(loop, worker, startup), workers)
    if first is None:
        assert worker / workers >= loop
    elif first < 10_000:
        assert all(wins(n) for n in range(first, first + 200))
        assert first == 1 or not wins(first - 1)


def test_the_number_that_pays_is_hardly_ever_outside_of_its_interval():
    random = np.random.default_rng(1)
    truth = pays_from(Costs(0.1, 0.11, 0.5), 2)
    hits = 0
    for trial in range(200):
        rounds = [Costs(*row) for row in np.multiply((0.1, 0.11, 0.5), np.exp(random.normal(0, 0.05, (8, 3))))]
        found = break_even(rounds, 2, resamples=300, seed=trial)
        hits += found.low <= truth <= found.high
    assert hits / 200 >= 0.90


def test_a_gain_that_rounds_leave_open_may_never_pay():
    found = break_even([Costs(1.0, 1.7, 0.1), Costs(1.0, 2.2, 0.1), Costs(1.0, 1.8, 0.1)], 2)
    assert found.images is not None
    assert found.high is None
    assert str(found).endswith(" to never)")


def test_what_is_slower_in_each_round_never_pays():
    found = break_even([Costs(1.0, 2.1, 0.0), Costs(1.0, 2.3, 0.0)], 2)
    assert (found.images, found.low, found.high, str(found)) == (None, None, None, "never")
