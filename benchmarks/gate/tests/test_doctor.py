"""What the doctor says of a machine."""

import math
import random
from pathlib import Path

import pytest

from benchgate.cli import run
from benchgate.doctor import Machine, of_machine, of_noise
from benchgate.settings import Settings
from gate_fakes import PretendedDriver, normal
from gate_toy import make_toy

QUIET = Machine(busy_share=0.0, load=0.1, stolen_share=0.0, governor="performance", throttled=0, control_spread=0.005)


def test_noise_is_told_with_the_loss_that_the_budget_shows() -> None:
    driver = PretendedDriver({"quiet": normal(0, 0.005), "loud": normal(0, 0.05)}, seed=random.Random(3).randrange(99))
    pairs = [driver.measure({"quiet": 1.0, "loud": 1.0}) for _ in range(40)]
    first, *cases = of_noise(pairs, Settings(("bench",), budget_s=600.0))
    assert first == "40 pairs of one revision against itself, 3.2 s each; 600 s hold 187"
    assert [line.split(":")[0].strip() for line in cases] == ["loud", "quiet"], "the noisiest first"
    seen = float(cases[1].rpartition("loss of ")[2].partition("%")[0]) / 100
    assert seen == pytest.approx(2.38 * 0.005 / math.sqrt(179), rel=0.5)
    assert next(iter(of_noise(pairs[:2], Settings(("bench",))))).startswith("2 pairs were measured, too few")


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
