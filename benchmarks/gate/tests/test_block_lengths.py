"""For how long the turns of a case go on in a pair."""

from dataclasses import replace

from benchgate.decide.schedule import FEWEST_PAIRS, LONGEST_BLOCK_S
from benchgate.measure.records import Block
from gate_fakes import PretendedDriver, normal, run_gate


class GrownDriver(PretendedDriver):
    """In which head takes a tenth more memory."""

    def _block(self, case: str) -> Block:
        return replace(super()._block(case), base_peak_bytes=100, head_peak_bytes=110)


def test_memory_alone_is_measured_in_short_turns() -> None:
    driver = GrownDriver({"case": normal(0, 0.001)}, within={"case": 0.01})
    measured, findings = run_gate(driver)
    assert [(metric.metric, metric.verdict) for metric in findings[0].metrics] == [
        ("wall", "unchanged"),
        ("memory", "regressed"),
    ]
    assert len({block_s["case"] for block_s in driver.asked}) == 1
    assert measured.evidence.clean("case") >= FEWEST_PAIRS


def test_turns_are_shorter_where_several_cases_share_the_start_of_a_pair() -> None:
    def longest(cases: int, seed: int) -> float:
        names = [f"case{index}" for index in range(cases)]
        driver = PretendedDriver(dict.fromkeys(names, normal(0, 0.05)), seed, within=dict.fromkeys(names, 0.04))
        run_gate(driver)
        return max(block_s["case0"] for block_s in driver.asked if "case0" in block_s)

    assert sum(longest(6, seed) for seed in range(5)) < 0.8 * sum(longest(1, seed) for seed in range(5))


def test_calls_that_vary_more_than_processes_are_measured_in_longer_turns() -> None:
    driver = PretendedDriver({"calls": normal(0, 0.001), "processes": normal(0, 0.05)}, within={"calls": 0.3})
    run_gate(driver)
    first, later = driver.asked[:FEWEST_PAIRS], driver.asked[FEWEST_PAIRS:]
    assert len({seconds for block_s in first for seconds in block_s.values()}) == 1
    assert {block_s["processes"] for block_s in later if "processes" in block_s} == {first[0]["processes"]}
    calls_s = max(block_s["calls"] for block_s in later if "calls" in block_s)
    assert 2 * first[0]["calls"] < calls_s <= LONGEST_BLOCK_S


def test_a_large_loss_is_measured_in_short_turns_though_calls_vary() -> None:
    def seconds(loss: float, seed: int) -> float:
        driver = PretendedDriver({"case": normal(loss, 0.001)}, seed, within={"case": 0.2})
        _, findings = run_gate(driver)
        assert findings[0].verdict == "regressed"
        return max(block_s["case"] for block_s in driver.asked)

    small, large = (sum(seconds(loss, seed) for seed in range(10)) for loss in (0.05, 0.4))
    assert 2 * large < small
