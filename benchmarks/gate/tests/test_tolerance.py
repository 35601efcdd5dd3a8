"""Tolerances that cases have of their own: from a marker of any suite to the verdict."""

import json
from pathlib import Path

import pytest

from benchgate.cli import run
from benchgate.decide.findings import find
from benchgate.decide.rule import Rule
from benchgate.decide.schedule import Schedule
from benchgate.measure.collecting import collect
from gate_fakes import PretendedDriver, normal
from gate_toy import NO_TIME, make_toy, toy_site

pytestmark = pytest.mark.whole_run

MARKED = """
import pytest
from toy import work

@pytest.mark.parametrize("size", [1, pytest.param(2, marks=pytest.mark.tolerance({share}))])
def test_work(benchmark, size):
    benchmark(work)
"""


def test_a_marked_case_may_lose_what_another_may_not() -> None:
    draws = {"marked": normal(0.02, 0.004), "plain": normal(0.02, 0.004), "lost": normal(0.2, 0.004)}
    driver = PretendedDriver(draws)
    schedule = Schedule(driver, list(draws), Rule(), 600.0, {"marked": 0.1, "lost": 0.1}, clock=driver.clock)
    for _ in schedule.pairs():
        pass
    found = {finding.case: (finding.verdict, finding.tolerance) for finding in find(schedule.measured, [])}
    assert found == {"marked": ("unchanged", 0.1), "plain": ("regressed", 0.03), "lost": ("regressed", 0.1)}


def test_the_marker_of_a_case_is_told_by_its_process(tmp_path: Path) -> None:
    toy = make_toy(tmp_path / "toy")
    strict = "[pytest]\npython_files = bench_*.py\nfilterwarnings = error\nxfail_strict = true\n"
    toy.write({"bench/bench_toy.py": MARKED.format(share="0.10"), "pytest.ini": strict})
    (collected,) = collect(toy_site(toy, tmp_path))
    assert len(collected.cases) == 2
    assert collected.tolerances == {"bench/bench_toy.py::test_work[2]": 0.1}


#: What somebody may write where one share is wanted; one case has each.
NO_SHARES = ("10", "'3%'", "", "share=0.1", "0.0", "1.0")


def test_a_tolerance_that_is_no_share_is_never_a_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    toy = make_toy(tmp_path / "toy")
    marked = "\n@pytest.mark.tolerance({})\ndef test_{}(benchmark):\n    benchmark(work)\n"
    cases = [marked.format(share, number) for number, share in enumerate(NO_SHARES)]
    toy.write({"bench/bench_toy.py": MARKED.format(share="0.10") + "".join(cases)})
    monkeypatch.chdir(toy.root)
    assert run([*NO_TIME, "bench", "--output", str(tmp_path / "output")]) == 3
    found = json.loads((tmp_path / "output/gate.json").read_text())["findings"]
    verdicts = {finding["case"].partition("::")[2]: (finding["verdict"], finding["why"]) for finding in found}
    for number, share in enumerate(NO_SHARES):
        verdict, why = verdicts.pop(f"test_{number}")
        assert verdict == "incomparable", share
        assert why.startswith("cannot be collected in head: give the marker tolerance one share, as in tolerance(0.10)")
    assert {case: verdict for case, (verdict, _) in verdicts.items()} == {
        "test_work": "missing", "test_work[1]": "inconclusive", "test_work[2]": "inconclusive",
    }  # fmt: skip


def test_what_concerns_no_case_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    toy = make_toy(tmp_path / "toy")
    configured = '[tool.benchgate]\ntolerances = { "test_renamed*" = 0.1, "test_work*" = 0.1 }\n'
    toy.commit({"bench/bench_toy.py": MARKED.format(share="0.05"), "old/__init__.py": "", "pyproject.toml": configured})
    monkeypatch.chdir(toy.root)
    paths = ["bench", "old", *(f"bench/bench_toy.py::{name}" for name in ("test_work", "test_work[1]", "test_wor"))]
    given = ["--base", "base", *paths, "--budget-s", "0.01"]
    assert run([*given, "--output", str(tmp_path)]) == 3
    report = (tmp_path / "gate.md").read_text()
    for said in (capsys.readouterr().out.partition("is called once")[2], report):
        assert "a tolerance is given for 'test_renamed*', which no selected case matches" in said
        assert "no selected case is in old" in said
        assert "no selected case is in bench/bench_toy.py::test_wor" in said
        assert len({line for line in said.splitlines() if "no selected case is in" in line}) == 2
    assert run([*given, "--tolerance-of", "test_typo=0.1"]) == 3
    assert "a tolerance is given for 'test_typo', which" in capsys.readouterr().out


def test_a_head_that_forgives_more_than_base_is_noted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    toy = make_toy(tmp_path / "toy")
    toy.commit({"bench/bench_toy.py": MARKED.format(share="0.05")})
    toy.git("tag", "--force", "base")
    toy.commit({"bench/bench_toy.py": MARKED.format(share="0.5")})
    monkeypatch.chdir(toy.root)
    assert run(["--base", "base", "bench", "--budget-s", "0.01"]) == 3
    assert "test_work[2]: head tolerates 50%, base 5%" in capsys.readouterr().out
