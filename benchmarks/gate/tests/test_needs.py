"""What an undecided case is said to need: pairs, or a wider tolerance."""

import math
import re
from dataclasses import replace

from benchgate.measure.records import Block
from gate_fakes import Draw, PretendedDriver, normal, run_gate


def why_of(draw: Draw, budget_s: float, cases: int = 1) -> str:
    _, findings = run_gate(PretendedDriver({f"case{index}": draw for index in range(cases)}), budget_s=budget_s)
    assert {finding.verdict for finding in findings} == {"inconclusive"}
    assert all(finding.metrics for finding in findings), "whatever was measured is shown"
    return findings[0].why


def test_a_loss_that_lacks_pairs_is_not_called_noise() -> None:
    assert re.fullmatch(
        r"looks slower by [34]\.\d% \([23]\.\d% to [45]\.\d%\); "
        r"about \d+ more pairs would decide it: give --budget-s \d+",
        why_of(normal(0.04, 0.008), 12.0),
    )
    assert why_of(normal(0.1, 0.004), 6.0).startswith("looks slower by 1")  # of a few pairs


def test_what_needs_a_few_more_pairs_says_how_many() -> None:
    assert re.fullmatch(
        r"too few pairs to be sure; about \d+ more pairs would decide it: give --budget-s \d+",
        why_of(normal(0, 0.03), 15.0),
    )


def test_only_noise_is_called_noise() -> None:
    assert re.fullmatch(
        r"too noisy for a tolerance of 3%: wall of its pairs spreads by \d+\.\d%, "
        r"so that only a loss of \d+\.\d% or more would be seen",
        why_of(normal(0, 0.3), 60.0),
    )


def test_a_case_that_was_disturbed_too_says_how_it_looks_and_what_it_needs() -> None:
    driver = PretendedDriver({"case": normal(0.1, 0.004)}, seed=1, disturbed_share=0.3)
    _, findings = run_gate(driver, budget_s=11.0)
    assert re.fullmatch(
        r"looks slower by .*; about \d+ more pairs would decide it: give --budget-s \d+; "
        r"it was disturbed (once|\d+ times, last) because other guests took 90% of the machine",
        findings[0].why,
    )
    _, findings = run_gate(PretendedDriver({"case": normal(0, 0.01)}, disturbed_share=1.0), budget_s=5.0)
    assert findings[0].why.startswith("none of its pairs counts; it was disturbed ")


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
    why = why_of(normal(0.1, 0.004), 12.0)
    driver = PretendedDriver({"case0": normal(0.1, 0.004)})
    _, findings = run_gate(driver, budget_s=float(why.rpartition(" ")[2]))
    assert findings[0].verdict == "regressed"


def test_of_one_pair_nothing_is_concluded() -> None:
    assert (
        why_of(normal(0.1, 0.004), 2.0)
        == "only 1 pair was measured; about 15 more pairs would decide it: give --budget-s 20"
    )
