"""What the doctor says of a machine."""

import math
import random
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from benchgate.cli import run
from benchgate.decide.rule import Rule
from benchgate.decide.schedule import MOST_PAIRS
from benchgate.doctor import Machine, of_machine, of_noise, of_troubles
from benchgate.measure.records import Pair, Trouble
from benchgate.settings import Settings
from gate_fakes import PretendedDriver, normal
from gate_toy import make_toy

QUIET = Machine(busy_share=0.0, load=0.1, stolen_share=0.0, governor="performance", throttled=0, control_spread=0.005)


def test_noise_is_told_with_the_loss_that_the_budget_shows() -> None:
    driver = PretendedDriver({"quiet": normal(0, 0.005), "loud": normal(0, 0.1)}, seed=random.Random(3).randrange(99))
    pairs = [driver.measure({"quiet": 1.0, "loud": 1.0}) for _ in range(40)]
    first, *cases = of_noise(pairs, Settings(("bench",), budget_s=600.0))
    assert first == "40 pairs of one revision against itself, 3.2 s each; 600 s hold 187"
    assert [line.split(":")[0].strip() for line in cases] == ["loud", "quiet"], "the noisiest first"
    loud, quiet = (float(line.rpartition("loss of ")[2].partition("%")[0]) / 100 for line in cases)
    assert loud == pytest.approx(2.38 * 0.1 / math.sqrt(MOST_PAIRS), rel=0.3)
    assert quiet == pytest.approx(Rule().alarming, abs=0.001), "smaller losses are no alarm, however sure"
    assert next(iter(of_noise(pairs[:2], Settings(("bench",))))).startswith(
        "too few pairs were measured to tell their noise (2)"
    )


def test_cases_that_were_not_measured_are_named_with_the_reason() -> None:
    driver = PretendedDriver({"sound": normal(0, 0.01)})
    driver.troubles["hangs"] = Trouble("hangs", "incomparable", "the base arm gave no answer")
    pairs = [driver.measure({"sound": 1.0, "hangs": 1.0})] * 2
    said = [*of_troubles([Trouble("fails", "incomparable", "base: failed; head: failed")], pairs)]
    assert said == [
        "not measured: fails: base: failed; head: failed",
        "not measured: hangs: the base arm gave no answer",
    ]
    assert [*of_noise([], Settings(("bench",)))] == ["no case could be measured"]


def test_what_disturbs_is_said_and_what_does_not_is_not() -> None:
    assert list(of_machine(QUIET)) == ["nothing was found that disturbs: no other load, no stolen time, no throttling"]
    loud = Machine(busy_share=0.5, load=3.0, stolen_share=0.2, governor="powersave", throttled=7, control_spread=0.1)
    said = " ".join(of_machine(loud))
    assert all(word in said for word in ("50%", "load 3.0", "20%", "powersave", "7 times", "10.0%"))
    assert "nothing was found" not in said


@pytest.mark.whole_run
def test_the_command_measures_one_revision_against_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    toy = make_toy(tmp_path / "toy")
    monkeypatch.chdir(toy.root)
    monkeypatch.setattr("benchgate.doctor.IDLE_S", 0.1)
    left = tmp_path / "tmp"
    left.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(left))
    assert run(["doctor", "bench", "--seconds", "0.5"]) == 0
    assert "pair" in capsys.readouterr().out
    assert len(toy.git("worktree", "list").splitlines()) == 1
    assert run(["doctor", "nowhere"]) == 2
    assert [*left.iterdir()] == []


def test_a_stop_loses_no_pair(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    @contextmanager
    def prepared(*_: object) -> Iterator[object]:
        yield SimpleNamespace(trial=SimpleNamespace(troubles=[]), missing=[])

    def pairs(*_: object) -> Iterator[Pair]:
        driver = PretendedDriver({"case": normal(0, 0.01)})
        yield from (driver.measure({"case": 1.0}) for _ in range(20))
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr("benchgate.doctor.IDLE_S", 0.0)
    monkeypatch.setattr("benchgate.doctor.prepared", prepared)
    monkeypatch.setattr("benchgate.doctor._pairs", pairs)
    monkeypatch.chdir(make_toy(tmp_path / "toy").root)
    # a project that has to be built is looked at as it would be compared
    assert run(["doctor", "bench", "--prepare", "make {target}", "--carry", "x", "--tolerance", "0.1"]) == 130
    said = capsys.readouterr().out
    assert said.startswith("stopped by SIGINT\n20 pairs of one revision against itself")
    assert "a loss of 3.2% would be seen" in said, "a third of the tolerance is the least"
