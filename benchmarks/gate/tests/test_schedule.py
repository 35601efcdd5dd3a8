"""The schedule and the verdicts on pretended measurements: thousands of suites in seconds."""

import math
import random
import re
from collections.abc import Mapping
from dataclasses import replace
from itertools import cycle, pairwise

import pytest
from scipy.stats import beta

from benchgate.decide.findings import CaseFinding, exit_status, find
from benchgate.decide.forecast import Forecast
from benchgate.decide.measured import Measured
from benchgate.decide.rule import Rule
from benchgate.decide.schedule import LONGEST_BLOCK_S, MOST_CONFIRM_PAIRS, SCREEN_PAIRS, Schedule
from benchgate.measure.records import Block, Stage, Trouble
from gate_fakes import Draw, PretendedDriver, heavy, normal, two_modes

QUIET = 0.011
STAGES: tuple[Stage, ...] = ("screen", "confirm")


def run_gate(
    driver: PretendedDriver, rule: Rule | None = None, budget_s: float = 600.0
) -> tuple[Measured, list[CaseFinding]]:
    schedule = Schedule(driver, list(driver.draws), rule or Rule(), budget_s, clock=driver.clock)
    for _ in schedule.pairs():
        pass
    return schedule.measured, find(schedule.measured, [])


def verdicts(draws: Mapping[str, Draw], seed: int = 0, rule: Rule | None = None) -> dict[str, str]:
    _, findings = run_gate(PretendedDriver(draws, seed), rule)
    return {finding.case: finding.verdict for finding in findings}


def clopper_pearson(hits: int, tries: int, miss: float) -> tuple[float, float]:
    lower = beta.ppf(miss, hits, tries - hits + 1) if hits else 0.0
    upper = beta.isf(miss, hits + 1, tries - hits) if hits < tries else 1.0
    return float(lower), float(upper)


NOISE: dict[str, Draw] = {
    "quiet": normal(0, QUIET),
    "loud": normal(0, 0.05),
    "heavy": heavy(QUIET),
    "modes": two_modes(0.05),
}


@pytest.mark.simulated
@pytest.mark.parametrize("noise", NOISE)
def test_false_alarms_of_whole_suites_stay_below_alpha(noise: str) -> None:
    # a large alpha, so that a few hundred suites can show an excess
    alpha, suites = 0.2, 200
    draws = {f"case{index}": NOISE[noise] for index in range(4)}
    alarms = sum("regressed" in verdicts(draws, seed, Rule(alpha=alpha)).values() for seed in range(suites))
    assert clopper_pearson(alarms, suites, 0.001)[0] <= alpha


@pytest.mark.simulated
def test_false_alarms_are_rare_at_the_default() -> None:
    draws = {f"case{index}": noise for index, noise in enumerate([*NOISE.values()] * 3)}
    suites = 200
    alarms = sum("regressed" in verdicts(draws, seed).values() for seed in range(suites))
    assert clopper_pearson(alarms, suites, 0.01)[0] <= 0.01


@pytest.mark.simulated
@pytest.mark.parametrize(("loss", "least"), [(0.02, 0.8), (0.03, 0.95), (0.05, 0.99)])
def test_losses_among_eleven_unchanged_cases_are_found(loss: float, least: float) -> None:
    draws = {f"case{index}": normal(0, QUIET) for index in range(11)} | {"slow": normal(loss, QUIET)}
    suites = 150
    found = sum(verdicts(draws, seed)["slow"] == "regressed" for seed in range(suites))
    assert clopper_pearson(found, suites, 0.001)[1] >= least
    assert found / suites >= least - 0.05


def test_a_uniform_loss_is_found_in_every_case() -> None:
    # a gate that divided by the suite's own median would see nothing here
    assert set(verdicts({f"case{index}": normal(0.05, QUIET) for index in range(12)}).values()) == {"regressed"}


def test_gains_are_confirmed_too_and_pass() -> None:
    _, findings = run_gate(PretendedDriver({"fast": normal(-0.1, QUIET), "same": normal(0, 0.004)}))
    assert [finding.verdict for finding in findings] == ["improved", "unchanged"]
    assert exit_status(findings) == 0


@pytest.mark.simulated
def test_noise_beyond_the_tolerance_is_never_a_pass() -> None:
    for seed in range(100):
        _, findings = run_gate(PretendedDriver({"noisy": normal(0, 0.2)}, seed))
        assert exit_status(findings) != 0


@pytest.mark.simulated
def test_a_loss_hidden_by_noise_is_rarely_called_unchanged() -> None:
    missed = sum(verdicts({"slow": normal(0.03, 0.03)}, seed)["slow"] == "unchanged" for seed in range(200))
    assert missed <= 10


def test_what_a_case_could_see_is_why_it_is_unchanged_or_not() -> None:
    for seed in range(20):
        _, findings = run_gate(PretendedDriver(NOISE, seed), budget_s=100.0)
        for metric in (metric for finding in findings for metric in finding.metrics):
            assert metric.verdict == ("unchanged" if metric.visible < 0.03 else "inconclusive")


def test_only_confirming_pairs_decide() -> None:
    # slow in the screen, equal afterwards: what looked slower was chance
    drawn = iter([0.05] * SCREEN_PAIRS + [0.0, 0.001, -0.001] * 20)
    _, findings = run_gate(PretendedDriver({"case": lambda _: next(drawn)}))
    assert findings[0].verdict == "unchanged"
    assert findings[0].metrics[0].stage == "confirm"


def test_a_loss_that_looked_like_a_gain_by_chance_is_found() -> None:
    swing = [-0.06, 0.05, -0.07, 0.04, -0.05, 0.03, -0.04, 0.02]
    drawn = iter(swing + [0.05] * MOST_CONFIRM_PAIRS)
    _, findings = run_gate(PretendedDriver({"slow": lambda _: next(drawn)}))
    assert findings[0].verdict == "regressed"


def test_cleared_cases_are_not_measured_again() -> None:
    driver = PretendedDriver({"slow": normal(0.05, QUIET), "same": normal(0, 0.001)})
    run_gate(driver)
    assert {cases for stage, cases in driver.stages if stage == "confirm"} == {("slow",)}
    assert all(before == "screen" or after == "confirm" for (before, _), (after, _) in pairwise(driver.stages))


def test_what_looks_slower_is_decided_before_what_is_only_unclear() -> None:
    swing = cycle([0.03, -0.03])  # no loss on average, but too wide to be sure of it
    driver = PretendedDriver({"unclear": lambda _: next(swing), "slow": normal(0.05, QUIET)})
    run_gate(driver)
    confirmed = [cases for stage, cases in driver.stages if stage == "confirm"]
    losses = sum("slow" in cases for cases in confirmed)
    assert confirmed[:losses] == [("slow",)] * losses
    assert confirmed[losses] == ("unclear",)


class GrownDriver(PretendedDriver):
    """In which head takes a tenth more memory."""

    def _block(self, case: str) -> Block:
        return replace(super()._block(case), base_peak_bytes=100, head_peak_bytes=110)


def test_memory_alone_is_confirmed_in_short_turns() -> None:
    driver = GrownDriver({"case": normal(0, 0.001)}, within={"case": 0.01})
    measured, findings = run_gate(driver)
    assert [(metric.metric, metric.verdict) for metric in findings[0].metrics] == [
        ("wall", "unchanged"),
        ("memory", "regressed"),
    ]
    assert len({block_s["case"] for _, block_s in driver.asked}) == 1
    assert measured.evidence.clean("case", "confirm") > 0


def test_turns_are_shorter_where_several_cases_share_the_start_of_a_pair() -> None:
    def longest(cases: int, seed: int) -> float:
        names = [f"case{index}" for index in range(cases)]
        driver = PretendedDriver(dict.fromkeys(names, normal(0, 0.05)), seed, within=dict.fromkeys(names, 0.04))
        run_gate(driver)
        return max(block_s["case0"] for stage, block_s in driver.asked if len(block_s) == cases and stage == "confirm")

    assert sum(longest(6, seed) for seed in range(5)) < 0.8 * sum(longest(1, seed) for seed in range(5))


def test_disturbed_pairs_are_repeated_but_not_for_ever() -> None:
    measured, findings = run_gate(PretendedDriver({"case": normal(0, 0.003)}, disturbed_share=0.3))
    assert findings[0].verdict == "unchanged"
    assert len(measured.evidence.pairs) == SCREEN_PAIRS + findings[0].disturbed > SCREEN_PAIRS
    measured, findings = run_gate(PretendedDriver({"case": normal(0, 0.003)}, disturbed_share=1.0))
    assert (findings[0].verdict, exit_status(findings)) == ("inconclusive", 3)
    assert len(measured.evidence.pairs) <= 2 * SCREEN_PAIRS


def test_the_budget_is_kept_and_too_little_of_it_is_no_pass() -> None:
    driver = PretendedDriver({f"case{index}": normal(0.05, 0.03) for index in range(12)})
    run_gate(driver, budget_s=100.0)
    assert driver.now_s <= 100.0
    _, findings = run_gate(PretendedDriver({"case": normal(0, 0.001)}), budget_s=2.0)
    assert exit_status(findings) == 3


def why_of(draw: Draw, budget_s: float, cases: int = 1) -> str:
    _, findings = run_gate(PretendedDriver({f"case{index}": draw for index in range(cases)}), budget_s=budget_s)
    assert {finding.verdict for finding in findings} == {"inconclusive"}
    assert all(finding.metrics for finding in findings), "whatever was measured is shown"
    return findings[0].why


def test_a_loss_that_lacks_pairs_is_not_called_noise() -> None:
    assert re.fullmatch(
        r"looks slower by [45]\.\d% \([45]\.\d% to [56]\.\d%\), about \d+ more pairs: --budget-s \d+",
        why_of(normal(0.05, 0.004), 20.0),
    )
    assert why_of(normal(0.1, 0.004), 6.0).startswith("looks slower by 1")  # of pairs of the screen alone


def test_what_needs_a_few_more_pairs_says_how_many() -> None:
    assert re.fullmatch(
        r"too few pairs to be sure, about \d+ more pairs: --budget-s \d+", why_of(normal(0, 0.03), 15.0)
    )


def test_only_noise_is_called_noise() -> None:
    assert why_of(normal(0, 0.3), 60.0).startswith("too noisy for a tolerance of 3%: wall of its pairs spreads by ")


class BusyDriver(PretendedDriver):
    """In which CPU time shows a loss of 10% that wall time hides in noise."""

    def _block(self, case: str) -> Block:
        block = super()._block(case)
        cpu_s = 1.1 * math.exp(self.rng.gauss(0, 0.004))
        turns = tuple(
            replace(turn, base=replace(turn.base, cpu_s=1.0), head=replace(turn.head, cpu_s=cpu_s))
            for turn in block.turns
        )
        return replace(block, turns=turns)


def test_a_loss_of_one_metric_is_said_before_the_noise_of_another() -> None:
    _, findings = run_gate(BusyDriver({"case": normal(0, 0.3)}, seed=1), budget_s=14.0)
    assert findings[0].verdict == "inconclusive"
    assert findings[0].why.startswith("looks to take more CPU time by ")


def test_a_budget_as_told_decides() -> None:
    why = why_of(normal(0.1, 0.004), 14.0)
    driver = PretendedDriver({"case0": normal(0.1, 0.004)})
    _, findings = run_gate(driver, budget_s=float(why.rpartition(" ")[2]))
    assert findings[0].verdict == "regressed"


def test_a_grave_loss_is_proven_before_the_others_are_screened() -> None:
    for seed in range(20):
        draws = {f"case{index}": normal(0, QUIET) for index in range(11)} | {"slow": normal(0.27, QUIET)}
        driver = PretendedDriver(draws, seed)
        schedule = Schedule(driver, list(draws), Rule(), 600.0, clock=driver.clock)
        pairs = schedule.pairs()
        for _ in range(15):  # three, and as many as coins fall alike by chance once in a hundred runs
            next(pairs)
        found = {finding.case: finding.verdict for finding in find(schedule.measured, [])}
        assert found.pop("slow") == "regressed"
        assert {*found.values()} == {"inconclusive"}
        assert driver.stages[:4] == [("screen", tuple(draws))] * 3 + [("confirm", ("slow",))]


def test_one_odd_pair_does_not_put_off_a_grave_case() -> None:
    drawn = iter([0.1, 0.11, 0.12, -0.002, *[0.1, 0.11, 0.12] * 60])
    driver = PretendedDriver({"slow": lambda _: next(drawn), "same": normal(0, QUIET)})
    run_gate(driver)
    assert driver.stages[:10] == [("screen", ("slow", "same"))] * 3 + [("confirm", ("slow",))] * 7


def test_what_only_seemed_grave_is_cleared_in_new_pairs() -> None:
    drawn = iter([0.2, 0.25, 0.3] + [0.0, 0.001, -0.001] * 60)
    driver = PretendedDriver({"case": lambda _: next(drawn), "other": normal(0, 0.001)})
    _, findings = run_gate(driver)
    assert [finding.verdict for finding in findings] == ["unchanged", "unchanged"]
    assert findings[0].metrics[0].stage == "confirm"


def test_where_time_is_short_the_gravest_are_finished_first() -> None:
    draws = {f"case{index}": normal(0.04 + 0.02 * index, 0.004) for index in range(6)}
    _, findings = run_gate(PretendedDriver(draws), budget_s=80.0)
    verdicts = [finding.verdict for finding in findings]
    assert verdicts == sorted(verdicts)
    assert {*verdicts} == {"inconclusive", "regressed"}


# --- before measuring


def test_the_forecast_tells_what_the_budget_holds() -> None:
    enough = Forecast.of({"a": 0.01, "b": 0.01}, 1.0, 600.0)
    assert enough.affordable() == ["a", "b"]
    assert enough.lines() == ["one pair of 2 cases takes about 2 s, and the budget of 600 s holds 250 pairs"]
    short = Forecast.of(dict.fromkeys("ab", 1.0), 1.0, 180.0)
    assert short.affordable() == ["a", "b"]
    assert short.lines()[1:] == ["verdicts on all take about 24 pairs: --budget-s 320"]


def test_the_forecast_chooses_the_cases_that_fit() -> None:
    forecast = Forecast.of({"slow": 30.0, "a": 0.01, "b": 0.01}, 1.0, 120.0)
    assert forecast.affordable() == ["a", "b"]
    said = forecast.lines()
    assert said[0].endswith("holds 0 pairs")
    assert "--budget-s 4380" in said[1]
    assert said[2] == "measured first: the quickest 2 cases, which fit; what else there is stays undecided"
    assert Forecast.of({"slow": 3.0}, 1.0, 10.0).lines()[-1] == "not even the quickest case fits: nothing is measured"
    assert Forecast.of({}, 0.0, 10.0).lines() == []


def test_cases_that_run_what_changed_come_before_quicker_ones() -> None:
    forecast = Forecast({"quick": 1.0, "changed": 3.0, "quicker": 0.5, "long": 300.0}, 1.0, 24 * 4.2)
    assert forecast.affordable() == ["quick", "quicker"]
    told = replace(forecast, changed=frozenset({"changed", "long"}))
    assert told.affordable() == ["changed"]
    assert told.lines()[-2:] == [
        "measured first: 1 case in which changed files run, which fit; what else there is stays undecided",
        "1 case more runs changed files and must wait: --budget-s 7300 does for all that do",
    ]
    both = replace(told, budget_s=24 * 4.7)
    assert both.affordable() == ["changed", "quicker"]
    assert "1 case in which changed files run and the quickest 1 case of the others, which fit" in both.lines()[-2]
    assert replace(told, budget_s=8 * 4.2).affordable() == ["changed"]  # screened, before others are decided


def test_a_forecast_from_a_cold_trial_is_corrected_by_the_first_pair() -> None:
    cold = Forecast.of(dict.fromkeys("ab", 1.0), 20.0, 120.0)
    assert (cold.held, cold.may_overestimate) == (3, True)
    warm = cold.corrected(cold.pair_s / 6)
    assert warm.pair_s == pytest.approx(cold.pair_s / 6)
    assert warm.budget_s == pytest.approx(120.0 - cold.pair_s / 6)
    assert (warm.may_overestimate, warm.affordable()) == (False, ["a", "b"])
    assert not Forecast.of(dict.fromkeys("ab", 1.0), 70.0, 120.0).may_overestimate


def test_a_case_that_does_not_fit_is_left_out_and_undecided() -> None:
    driver = PretendedDriver({"quick": normal(0, 0.001), "slow": normal(0, 0.001)})
    schedule = Schedule(driver, ["quick", "slow"], Rule(), 60.0, clock=driver.clock)
    schedule.limit_to(["quick"], {"quick": 0.1, "slow": 99.0}, 1.0)
    assert {block.case for pair in schedule.pairs() for block in pair.blocks} == {"quick"}
    found = find(schedule.measured, [])
    assert [(finding.verdict, finding.why) for finding in found] == [
        ("unchanged", ""),
        ("inconclusive", "no time was left to measure it"),
    ]


def test_calls_that_vary_more_than_processes_are_confirmed_in_longer_turns() -> None:
    driver = PretendedDriver({"calls": normal(0, 0.001), "processes": normal(0, 0.05)}, within={"calls": 0.3})
    run_gate(driver)
    longest = {
        (case, stage): max(block_s.get(case, 0.0) for at, block_s in driver.asked if at == stage)
        for case in driver.draws
        for stage in STAGES
    }
    assert longest["processes", "confirm"] == longest["processes", "screen"] == longest["calls", "screen"]
    assert 2 * longest["calls", "screen"] < longest["calls", "confirm"] <= LONGEST_BLOCK_S


def test_a_large_loss_is_confirmed_in_short_turns_though_calls_vary() -> None:
    def seconds(loss: float, seed: int) -> float:
        driver = PretendedDriver({"case": normal(loss, 0.001)}, seed, within={"case": 0.2})
        _, findings = run_gate(driver)
        assert findings[0].verdict == "regressed"
        asked = [block_s["case"] for stage, block_s in driver.asked if stage == "confirm"]
        return sum(asked) / len(asked)

    small, large = (sum(seconds(loss, seed) for seed in range(10)) for loss in (0.05, 0.4))
    assert 2 * large < small


def test_a_case_in_trouble_is_dropped_and_named() -> None:
    driver = PretendedDriver({"broken": normal(0, 0.001), "same": normal(0, 0.001)})
    driver.troubles["broken"] = Trouble("broken", "incomparable", "the head arm was killed")
    _, findings = run_gate(driver)
    assert (findings[0].verdict, findings[0].why) == ("incomparable", "the head arm was killed")
    assert sum("broken" in cases for _, cases in driver.stages) == 1
    assert exit_status(findings) == 3


def test_missing_cases_and_no_cases_are_no_pass() -> None:
    measured, _ = run_gate(PretendedDriver({"same": normal(0, 0.001)}))
    assert exit_status(find(measured, [Trouble("old", "missing", "renamed")])) == 3
    assert exit_status([]) == 3


def test_confirmation_ends() -> None:
    draws = {"undecided": lambda rng: random.Random(rng.random()).choice([-0.08, 0.1])}
    measured, _ = run_gate(PretendedDriver(draws), budget_s=6000.0)
    assert measured.evidence.clean("undecided", "confirm") <= MOST_CONFIRM_PAIRS
