"""What is said before measuring: how many pairs the budget holds, and which cases come first."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from benchgate.decide.forecast import Forecast
from benchgate.measure import trial
from benchgate.measure.records import Timing


def test_the_forecast_tells_what_the_budget_holds() -> None:
    enough = Forecast.of({"a": 0.01, "b": 0.01}, 1.0, 600.0)
    assert enough.affordable() == ["a", "b"]
    assert enough.lines() == ["one pair of 2 cases takes about 2 s, and the budget of 600 s holds 250 pairs"]
    short = Forecast.of(dict.fromkeys("ab", 1.0), 1.0, 180.0)
    assert short.affordable() == ["a", "b"]
    assert short.lines()[1:] == ["verdicts on all take about 16 pairs: give --budget-s 210"]


def test_the_forecast_chooses_the_cases_that_fit() -> None:
    forecast = Forecast.of({"slow": 30.0, "a": 0.01, "b": 0.01}, 1.0, 120.0)
    assert forecast.affordable() == ["a", "b"]
    said = forecast.lines()
    assert said[0].endswith("holds 0 pairs")
    assert "--budget-s 2920" in said[1]
    assert said[2] == "measured first: the quickest 2 cases, which fit; what else there is stays undecided"
    assert Forecast.of({"slow": 3.0}, 1.0, 10.0).lines()[-1] == "not even the quickest case fits: nothing is measured"
    assert Forecast.of({}, 0.0, 10.0).lines() == []


def test_cases_that_run_what_changed_come_before_quicker_ones() -> None:
    forecast = Forecast({"quick": 1.0, "changed": 3.0, "quicker": 0.5, "long": 300.0}, 1.0, 16 * 4.2)
    assert forecast.affordable() == ["quick", "quicker"]
    told = replace(forecast, changed=frozenset({"changed", "long"}))
    assert told.affordable() == ["changed"]
    assert told.lines()[-2:] == [
        "measured first: 1 case in which changed files run, which fit; what else there is stays undecided",
        "1 case more runs changed files and must wait: --budget-s 4870 does for all that do",
    ]
    both = replace(told, budget_s=16 * 4.7)
    assert both.affordable() == ["changed", "quicker"]
    assert "1 case in which changed files run and the quickest 1 case of the others, which fit" in both.lines()[-2]
    assert replace(told, budget_s=8 * 4.2).affordable() == ["changed"]  # screened, before others are decided


def test_a_forecast_from_a_cold_trial_is_corrected_by_the_first_pair() -> None:
    cold = Forecast.of(dict.fromkeys("ab", 1.0), 20.0, 120.0)
    assert (cold.held, cold.may_overestimate) == (3, True)
    assert "chosen after one pair of all" in cold.lines()[-1], "nothing is chosen yet"
    warm = cold.corrected(cold.pair_s / 6)
    assert warm.pair_s == pytest.approx(cold.pair_s / 6)
    assert warm.budget_s == pytest.approx(120.0 - cold.pair_s / 6)
    assert (warm.may_overestimate, warm.affordable()) == (False, ["a", "b"])
    assert not cold.corrected(cold.pair_s).may_overestimate, "what was measured is no trial"
    late = cold.corrected(200.0)
    assert late.lines()[0].endswith("the budget of 0 s holds 0 pairs more")
    assert late.lines()[-1].endswith("nothing more is measured")
    assert not Forecast.of(dict.fromkeys("ab", 1.0), 70.0, 120.0).may_overestimate


def test_what_fixtures_take_is_part_of_a_pair() -> None:
    setup_s = {"a": 9.0, "b": 1.0}
    forecast = Forecast.of(dict.fromkeys("ab", 0.01), 1.0, 20.0, setup_s)
    assert forecast.pair_s == pytest.approx(Forecast.of(dict.fromkeys("ab", 0.01), 1.0, 20.0).pair_s + 10.0)
    assert (forecast.affordable(), forecast.beside_s) == (["b"], 2.0)
    assert "give --budget-s 190" in forecast.lines()[1]
    assert forecast.corrected(2 * forecast.pair_s).setup_s == {"a": 18.0, "b": 2.0}


def test_what_fixtures_take_is_seen_when_cases_are_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]

    def passing(seconds: float) -> None:
        now[0] += seconds

    class Pretended:
        """The driver and its arms: a case is called twice in each arm, half a second, and its fixtures take one."""

        once, alone = False, frozenset[str]()

        def visit(self, cases: Sequence[str], take: Callable[..., object], *_: object) -> Iterator[object]:
            for case in cases:
                passing(1.0)
                yield take(self, self, case)

        def call(self, *_: object) -> Timing:
            passing(0.5)
            return Timing(0.5, 0.5, 0.0)

        def changed(self) -> list[str]:
            passing(7.0)
            return []

    monkeypatch.setattr(trial, "time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr(trial, "may_share", lambda *_: False)
    pretended: Any = Pretended()
    tried = trial.try_out(pretended, ["a", "b", "c"], pretended)
    assert (tried.start_s, tried.setup_s) == (1.0, {"b": 1.0, "c": 1.0})
