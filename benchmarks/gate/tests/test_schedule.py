"""The schedule and the verdicts on pretended measurements: thousands of suites in seconds."""

import random
from collections.abc import Mapping
from dataclasses import replace
from itertools import cycle, pairwise

import pytest
from scipy.stats import beta

from benchgate.decide.findings import CaseFinding, exit_status, find
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


@pytest.mark.parametrize("noise", NOISE)
def test_false_alarms_of_whole_suites_stay_below_alpha(noise: str) -> None:
    # a large alpha, so that a few hundred suites can show an excess
    alpha, suites = 0.2, 200
    draws = {f"case{index}": NOISE[noise] for index in range(4)}
    alarms = sum("regressed" in verdicts(draws, seed, Rule(alpha=alpha)).values() for seed in range(suites))
    assert clopper_pearson(alarms, suites, 0.001)[0] <= alpha


def test_false_alarms_are_rare_at_the_default() -> None:
    draws = {f"case{index}": noise for index, noise in enumerate([*NOISE.values()] * 3)}
    suites = 200
    alarms = sum("regressed" in verdicts(draws, seed).values() for seed in range(suites))
    assert clopper_pearson(alarms, suites, 0.01)[0] <= 0.01


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


def test_noise_beyond_the_tolerance_is_never_a_pass() -> None:
    for seed in range(100):
        _, findings = run_gate(PretendedDriver({"noisy": normal(0, 0.2)}, seed))
        assert exit_status(findings) != 0


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
    driver = PretendedDriver({"slow": normal(0.1, QUIET), "same": normal(0, 0.001)})
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


def test_what_there_was_no_time_to_confirm_says_so() -> None:
    cases = {f"case{index}": normal(0.05, 0.03) for index in range(12)}
    _, findings = run_gate(PretendedDriver(cases), budget_s=15.0)
    assert {finding.verdict for finding in findings} == {"inconclusive"}
    assert all("no undisturbed pair after it" in finding.why for finding in findings)


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
