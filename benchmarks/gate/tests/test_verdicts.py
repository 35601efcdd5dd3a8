"""Verdicts on pretended measurements: thousands of suites in seconds."""

import pytest
from scipy.stats import beta

from benchgate.decide.findings import exit_status, find
from benchgate.decide.rule import Rule
from benchgate.decide.schedule import MOST_PAIRS
from benchgate.measure.records import Trouble
from gate_fakes import QUIET, Draw, PretendedDriver, heavy, normal, run_gate, two_modes, verdicts


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


def test_gains_are_proven_too_and_pass() -> None:
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


def test_a_loss_that_looked_like_a_gain_by_chance_is_found() -> None:
    swing = [-0.06, 0.05, -0.07, 0.04, -0.05, 0.03, -0.04, 0.02]
    drawn = iter(swing + [0.05] * MOST_PAIRS)
    _, findings = run_gate(PretendedDriver({"slow": lambda _: next(drawn)}))
    assert findings[0].verdict == "regressed"


def test_a_proven_loss_stays_proven_when_the_case_fails_afterwards() -> None:
    measured, _ = run_gate(PretendedDriver({"slow": normal(0.1, QUIET), "same": normal(0, QUIET)}))
    measured.evidence.troubles |= {case: Trouble(case, "incomparable", "head: failed") for case in measured.cases}
    slow, same = find(measured, [])
    assert (slow.verdict, slow.why) == ("regressed", "measured no further: head: failed")
    assert slow.metrics[0].verdict == "regressed"
    assert (same.verdict, same.why) == ("incomparable", "head: failed")


def test_missing_cases_and_no_cases_are_no_pass() -> None:
    measured, _ = run_gate(PretendedDriver({"same": normal(0, 0.001)}))
    assert exit_status(find(measured, [Trouble("old", "missing", "renamed")])) == 3
    assert exit_status([]) == 3
