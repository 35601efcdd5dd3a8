"""What is staked on which metric: fair whatever is laid, and proven only what every set of metrics proves."""

import math
import random
import statistics
from itertools import combinations, product

import pytest

from benchgate.decide.betting import Capital, Key, Player
from benchgate.decide.metrics import Metric

LIMIT = math.log1p(0.03)


def key(case: str, metric: Metric = "wall") -> Key:
    return case, metric


@pytest.mark.parametrize("limit", [1e-4, LIMIT, 10.0], ids=["far too small a scale", "as usual", "far too large"])
def test_over_all_signs_a_player_wins_nothing(limit: float) -> None:
    sizes = [0.02, 0.3, 0.001, 0.05, 0.0, 7.0, 0.02, 0.01]

    def wealth(signs: tuple[int, ...]) -> float:
        player = Player(limit)
        for sign, size in zip(signs, sizes, strict=True):
            player.bet(sign * size)
        return player.wealth

    ends = [wealth(signs) for signs in product((1, -1), repeat=len(sizes))]
    assert statistics.fmean(ends) == pytest.approx(1.0)
    assert min(ends) >= 0


def test_over_all_signs_no_set_of_metrics_wins_though_the_first_sizes_choose() -> None:
    first, second = {"a": 0.3, "b": 0.01, "c": 0.05}, {"a": 0.02, "b": 0.04, "c": 0.01}
    for chosen in ({"a"}, {"b", "c"}, {"a", "b", "c"}):
        ends = []
        for turned in product((1, -1), repeat=2):  # the arms of the whole pair, exchanged or not
            capital = Capital(1, 0.01)
            capital.lay({key(case): turned[0] * first[case] for case in chosen}, [], dict.fromkeys(chosen, LIMIT))
            capital.bet({key(case): turned[0] * first[case] for case in chosen})
            capital.bet({key(case): turned[1] * second[case] for case in chosen})
            weights = {case: max(first[case] / LIMIT, 0.5) for case in chosen}
            ends.append(sum(weights[case] * capital.wealth(key(case)) for case in chosen) / sum(weights.values()))
        assert statistics.fmean(ends) == pytest.approx(1.0)


def test_evidence_is_the_least_capital_of_all_sets_with_the_metric_in() -> None:
    rng = random.Random(0)
    for _ in range(50):
        keys = [key(f"case{number}") for number in range(6)]
        first = {each: rng.gauss(0.02, 0.05) for each in keys}
        capital = Capital(1, 0.01)
        capital.lay(first, [], {case: LIMIT for case, _ in keys})
        for values in (first, *({each: rng.gauss(0.02, 0.05) for each in keys} for _ in range(4))):
            capital.bet(values)
        weights = {each: max(abs(first[each]) / LIMIT, 0.5) for each in keys}
        for each in keys:
            others = [other for other in keys if other != each]
            sets = [(each, *some) for count in range(6) for some in combinations(others, count)]
            shares = [
                sum(weights[k] * capital.wealth(k) for k in some) / sum(weights[k] for k in some) for some in sets
            ]
            assert capital.evidence(each) == pytest.approx(min(shares))


def test_a_large_loss_is_proven_after_as_few_pairs_as_coins_allow() -> None:
    # seven coins fall alike once in 128 times; players that risk less win less, and the other metrics have a share
    capital, rng = Capital(1, 0.01), random.Random(1)
    quiet = [key(f"case{number}") for number in range(11)]
    pairs = 0
    while key("slow") not in capital.proved:
        values = {key("slow"): 0.27 + rng.gauss(0, 0.01), key("slow", "cpu"): 0.27 + rng.gauss(0, 0.01)}
        values |= {each: rng.gauss(0, 0.01) for each in quiet}
        if not pairs:
            capital.lay(values, [], {case: LIMIT for case, _ in values})
        capital.bet(values)
        pairs += 1
    assert 7 <= pairs <= 9


def test_what_was_proven_stays_proven_and_what_nothing_was_laid_on_is_never() -> None:
    capital = Capital(1, 0.01)
    capital.lay({key("slow"): 0.3}, [key("late")], {"slow": LIMIT, "late": LIMIT})
    for _ in range(9):
        capital.bet({key("slow"): 0.3, key("late"): 0.3, key("unknown"): 0.3})
    assert capital.proved == {key("slow"), key("late")}
    assert (capital.wealth(key("unknown")), capital.evidence(key("unknown"))) == (1.0, 1.0)
    for _ in range(9):
        capital.bet({key("slow"): -0.3})
    assert capital.evidence(key("slow")) < 100
    assert key("slow") in capital.proved


def test_a_process_in_a_quick_mode_does_not_hide_what_all_others_show() -> None:
    player = Player(LIMIT)
    for value in [0.03] * 7 + [-0.3] + [0.03] * 15:
        player.bet(value)
    assert player.wealth > 500
    even = Player(LIMIT)
    for value in [0.03, -0.03] * 5:
        even.bet(value)
    assert even.wealth < 2
