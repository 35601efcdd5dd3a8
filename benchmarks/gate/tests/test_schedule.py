"""Which cases are measured when, on pretended measurements."""

import random
from itertools import chain, cycle

from benchgate.decide.findings import exit_status, find
from benchgate.decide.rule import Rule
from benchgate.decide.schedule import FEWEST_PAIRS, MOST_PAIRS, Schedule
from benchgate.measure.records import Trouble
from gate_fakes import QUIET, PretendedDriver, normal, run_gate


def test_cleared_cases_are_not_measured_again() -> None:
    driver = PretendedDriver({"slow": normal(0.02, QUIET), "same": normal(0, 0.001)})
    run_gate(driver)
    assert driver.cases[:FEWEST_PAIRS] == [("slow", "same")] * FEWEST_PAIRS
    assert {*driver.cases[FEWEST_PAIRS:]} == {("slow",)}


def test_what_looks_slower_is_decided_before_what_is_only_unclear() -> None:
    swing = cycle([0.03, -0.03])  # no loss on average, but too wide to be sure of it
    driver = PretendedDriver({"unclear": lambda _: next(swing), "slow": normal(0.05, QUIET)})
    run_gate(driver)
    later = driver.cases[FEWEST_PAIRS:]
    losses = sum("slow" in cases for cases in later)
    assert later[:losses] == [("slow",)] * losses
    assert later[losses] == ("unclear",)


def test_disturbed_pairs_are_repeated_but_not_for_ever() -> None:
    measured, findings = run_gate(PretendedDriver({"case": normal(0, 0.003)}, disturbed_share=0.3))
    assert findings[0].verdict == "unchanged"
    assert len(measured.evidence.pairs) == FEWEST_PAIRS + findings[0].disturbed > FEWEST_PAIRS
    measured, findings = run_gate(PretendedDriver({"case": normal(0, 0.003)}, disturbed_share=1.0))
    assert (findings[0].verdict, exit_status(findings)) == ("inconclusive", 3)
    assert len(measured.evidence.pairs) <= 2 * FEWEST_PAIRS


def test_the_budget_is_kept_and_too_little_of_it_is_no_pass() -> None:
    driver = PretendedDriver({f"case{index}": normal(0.05, 0.03) for index in range(12)})
    run_gate(driver, budget_s=100.0)
    assert driver.now_s <= 100.0
    _, findings = run_gate(PretendedDriver({"case": normal(0, 0.001)}), budget_s=2.0)
    assert exit_status(findings) == 3


def test_a_grave_loss_is_proven_before_the_others_are_measured_on() -> None:
    for seed in range(20):
        draws = {f"case{index}": normal(0, QUIET) for index in range(11)} | {"slow": normal(0.27, QUIET)}
        driver = PretendedDriver(draws, seed)
        schedule = Schedule(driver, list(draws), Rule(), 600.0, clock=driver.clock)
        pairs = schedule.pairs()
        for _ in range(10):  # little more than coins fall alike by chance once in a hundred runs
            next(pairs)
        found = {finding.case: finding.verdict for finding in find(schedule.measured, [])}
        assert found.pop("slow") == "regressed"
        assert {*found.values()} == {"inconclusive"}
        assert driver.cases[:4] == [tuple(draws)] + [("slow",)] * 3


def test_one_odd_pair_does_not_put_off_a_grave_case() -> None:
    drawn = iter([0.1, 0.11, 0.12, -0.02, *[0.1, 0.11, 0.12] * 60])
    driver = PretendedDriver({"slow": lambda _: next(drawn), "same": normal(0, QUIET)})
    run_gate(driver)
    assert driver.cases[:10] == [("slow", "same")] + [("slow",)] * 9


def test_one_odd_pair_does_not_put_off_the_other_cases() -> None:
    drawn = chain([0.2], cycle([-0.005, 0.012, 0.013]))
    driver = PretendedDriver({"odd": lambda _: next(drawn), "same": normal(0, QUIET)})
    run_gate(driver)
    assert driver.cases[:5] == [("odd", "same")] + [("odd",)] * 2 + [("odd", "same")] * 2


def test_what_only_seemed_grave_is_cleared() -> None:
    drawn = iter([0.2, 0.25, 0.3] + [0.0, 0.001, -0.001] * 60)
    driver = PretendedDriver({"case": lambda _: next(drawn), "other": normal(0, 0.001)})
    _, findings = run_gate(driver)
    assert [finding.verdict for finding in findings] == ["unchanged", "unchanged"]


def test_where_time_is_short_the_gravest_are_finished_first() -> None:
    draws = {f"case{index}": normal(0.04 + 0.02 * index, 0.004) for index in range(6)}
    _, findings = run_gate(PretendedDriver(draws), budget_s=20.0)
    verdicts = [finding.verdict for finding in findings]
    assert verdicts == sorted(verdicts)
    assert {*verdicts} == {"inconclusive", "regressed"}


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


def test_a_case_in_trouble_is_dropped_and_named() -> None:
    driver = PretendedDriver({"broken": normal(0, 0.001), "same": normal(0, 0.001)})
    driver.troubles["broken"] = Trouble("broken", "incomparable", "the head arm was killed")
    _, findings = run_gate(driver)
    assert (findings[0].verdict, findings[0].why) == ("incomparable", "the head arm was killed")
    assert sum("broken" in cases for cases in driver.cases) == 1
    assert exit_status(findings) == 3


def test_measuring_ends() -> None:
    draws = {"undecided": lambda rng: random.Random(rng.random()).choice([-0.08, 0.1])}
    measured, _ = run_gate(PretendedDriver(draws), budget_s=6000.0)
    assert measured.evidence.clean("undecided") <= MOST_PAIRS
