"""What a run found, as files, tables and annotations."""

import json
import math
import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from rich.console import Console

from benchgate.comparison import Result
from benchgate.decide.estimate import Estimate
from benchgate.decide.findings import CaseFinding, MetricFinding, exit_status
from benchgate.errors import GateError
from benchgate.explain.profiles import Explanation, Growth
from benchgate.measure.records import FORMAT_VERSION, Block, Pair, Timing, Turn
from benchgate.report import files
from benchgate.report.progress import show_progress
from benchgate.report.text import annotations, failure, interval, markdown, reason, show
from benchgate.revisions.git import Revision
from benchgate.settings import Settings
from gate_fakes import PretendedDriver, run_gate


def a_result(*verdicts: str) -> Result:
    metric = MetricFinding.of("wall", "regressed", Estimate.of([0.05, 0.06, 0.055]), 500.0)
    findings = [
        CaseFinding(f"b.py::test_{v}[a|b]", v, "" if v == "regressed" else "why 5%", (metric,)) for v in verdicts
    ]  # type: ignore[arg-type]
    turn = Turn(True, 0, Timing(1.0, 1.0, 1.0), Timing(1.0, 1.0, 1.0))
    pair = Pair(1, 1, 2, 3.0, (Block("b.py::x", 1, (turn, turn), 1, 1, 0.0, 0.0),), ())
    return Result(Revision("main", "a" * 40), Revision("working tree", "b" * 40), findings, [pair], ["a note"])


SETTINGS = Settings(("b.py",), base="main")
ALL = ("regressed", "improved", "unchanged", "inconclusive", "new", "skipped", "missing", "incomparable")


def test_junit_fails_on_a_loss_and_errs_on_what_is_undecided() -> None:
    element = files.as_junit(a_result(*ALL))
    counts = [element.get(name) for name in ("tests", "failures", "errors", "skipped")]
    assert counts == ["8", "1", "3", "2"]
    tags = [child.tag for case in element.iter("testcase") for child in case]
    assert tags == ["failure", "error", "skipped", "skipped", "error", "error"]


@pytest.mark.parametrize("result", [a_result("new", "skipped"), replace(a_result("unchanged"), stopped="stopped")])
def test_junit_errs_on_a_run_that_is_no_pass_though_no_case_says_so(result: Result) -> None:
    element = files.as_junit(result)
    assert element.get("errors") == "1"
    assert element.find("testcase/error") is not None


def test_junit_has_what_was_measured_on_which_machine() -> None:
    properties = files.as_junit(replace(a_result("unchanged"), notes=["measured: `toy`", "on \x1b a machine"]))[0]
    assert [each.get("value") for each in properties] == ["measured: `toy`", "on \\x1b a machine"]


def test_files_hold_the_verdicts_and_raw_pairs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_RUN_ID", raising=False)
    explanation = Explanation("b.py::test_x", (Growth("f (a.py)", 0.1, 0.2, 0.5, 0.1),), "<svg/>", "py-spy")
    files.write(tmp_path, a_result("regressed"), [explanation], SETTINGS)
    stored = json.loads((tmp_path / "gate.json").read_text())
    assert stored["format_version"] == FORMAT_VERSION
    assert stored["pairs"][0]["blocks"][0]["turns"][0]["base"]["wall_s"] == 1.0
    assert stored["findings"][0]["verdict"] == "regressed"
    page = (tmp_path / "gate.md").read_text()
    assert "f (a.py)" in page
    name = files.flame_file(tmp_path, "b.py::test_x").name
    assert f"[flame graph]({name}) of `b.py::test_x`" in page
    assert files.flame_file(tmp_path, "b.py::test_x").read_text() == "<svg/>"
    assert ET.parse(tmp_path / "gate.xml").getroot().get("failures") == "1"  # noqa: S314 (our own file)


@pytest.mark.parametrize(("width", "header"), [
    (40, ["verdict", "metric", "head/base", "pairs"]),
    (80, ["verdict", "metric", "head/base", "95%", "interval"]),
])  # fmt: skip
def test_in_a_narrow_terminal_no_word_is_cut(width: int, header: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    show(a_result(*ALL), [], Console(width=width))
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split() == header
    assert lines[2] == "b.py::test_regressed[a|b]", "an id has a line of its own"
    assert lines[3].split()[:3] == ["regressed", "wall", "1.057"]
    assert max(map(len, lines)) <= width


def test_a_comment_of_github_names_the_run_that_has_the_flame_graph(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("SERVER_URL", "https://github.com"), ("REPOSITORY", "me/it"), ("RUN_ID", "7")):
        monkeypatch.setenv(f"GITHUB_{name}", value)
    text = markdown(a_result("regressed"), [Explanation("b.py::test_x", (), "<svg/>", "a note")], SETTINGS)
    assert "](flame-" not in text, "there is nothing beside it"
    assert ".svg in the artifact of [this run](https://github.com/me/it/actions/runs/7)" in text


def test_the_page_takes_ids_for_text_and_shows_the_gravest_first(tmp_path: Path) -> None:
    result = a_result(*reversed(ALL))
    findings = [replace(finding, case=f"<b>\udcff {finding.case}") for finding in result.findings]
    files.write(tmp_path, replace(result, findings=findings), [], SETTINGS)
    page = (tmp_path / "gate.html").read_text()
    assert "<b>" not in page
    shown = re.findall(r'<th scope="row">&lt;b&gt;\\xff b\.py::test_(\w+)', page)
    assert (shown[0], len(shown)) == ("regressed", len(ALL))
    assert re.findall(r"(?:src|href)=\"(?!#|data:)", page) == []


def test_each_pair_is_kept_at_once(tmp_path: Path) -> None:
    pair = a_result().pairs[0]
    files.keep(tmp_path, pair)
    files.keep(tmp_path, pair)
    lines = files.pairs_file(tmp_path).read_text().splitlines()
    assert [Pair.from_json(json.loads(line)) for line in lines] == [pair, pair]


def test_what_too_few_pairs_cannot_bound_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    result = a_result("inconclusive")
    show(result, [], Console(width=250))
    text = capsys.readouterr().out + markdown(result, [], SETTINGS)
    assert max(map(len, re.findall(r"\d+", text))) <= 12
    assert text.count("1.051 to 1.062, the lowest and highest of 3") == 2


@pytest.mark.parametrize(("pairs", "shown"), [
    (0, ""), (1, ""), (5, "+1.0% to +5.1%, the lowest and highest of 5"), (6, "+1.0% to +6.2%"), (7, "+2.0% to +6.2%"),
])  # fmt: skip
def test_an_interval_is_shown_as_soon_as_there_is_one(pairs: int, shown: str) -> None:
    values = [0.01 * number for number in range(1, pairs + 1)]
    assert interval(MetricFinding.of("wall", "inconclusive", Estimate.of(values), 1.0)) == shown


def test_a_case_for_which_no_time_was_left_shows_no_ratio() -> None:
    metric = MetricFinding.of("wall", "inconclusive", Estimate.of([]), 1.0)
    finding = CaseFinding("b.py::test_x", "inconclusive", "no time", (metric,))
    assert reason(finding) == "no time; wall not measured again"
    result = replace(a_result(), findings=[finding])
    row = next(line for line in markdown(result, [], SETTINGS).splitlines() if "test_x" in line)
    assert [cell.strip() for cell in row.split("|")[4:9]] == [""] * 5


def test_annotations_name_the_file_and_escape_what_github_would_read() -> None:
    lines = list(annotations(a_result("regressed", "missing", "new", "unchanged")))
    levels = ["::error file=b.py", "::warning file=b.py", "::notice file=b.py"]
    assert [line.split(",")[0] for line in lines] == levels
    assert "why 5%25" in lines[1]
    (of_a_folder,) = annotations(replace(a_result("regressed"), rootdir="packages/a"))
    assert of_a_folder.startswith("::error file=packages/a/b.py,"), "as from the root of the repository"


def test_markdown_keeps_its_columns_when_an_id_has_a_bar() -> None:
    rows = [line for line in markdown(a_result("regressed"), [], SETTINGS).splitlines() if line.startswith("|")]
    assert {line.replace(r"\|", "").count("|") for line in rows} == {11}


def test_markdown_shows_names_in_angle_brackets() -> None:
    growth = Growth("work.<locals>.<genexpr> (toy.py)", 0.01, 0.02, 1.0, 0.1)
    text = markdown(a_result("regressed"), [Explanation("b.py::test__x__", (growth,), "", "a <note>")], SETTINGS)
    assert "grew in `b.py::test__x__`: `work.<locals>.<genexpr> (toy.py)`: +100.0%" in text
    assert "profile of `b.py::test__x__`: a &lt;note>" in text
    assert "- regressed: `b.py::test_regressed[a|b]`: " in text


def test_the_table_shows_the_parameters_of_a_case(capsys: pytest.CaptureFixture[str]) -> None:
    # rich takes what is in brackets for a style
    show(a_result("regressed"), [], Console(width=200))
    assert "test_regressed[a|b] " in capsys.readouterr().out


@pytest.mark.parametrize("case", ["b.py::test_x[fast]", "b.py::test_x[/tmp/x]", "b.py::test_x[red]y[/red]"])
def test_the_line_after_a_pair_names_the_worst_case_and_its_ratio(
    case: str, capsys: pytest.CaptureFixture[str]
) -> None:
    measured, _ = run_gate(PretendedDriver({case: lambda _: math.log(2.5), "b.py::test_y": lambda _: 0.0}))
    show_progress(measured.evidence.pairs[0], measured, 12.0, Console(width=200))
    assert capsys.readouterr().out == f"pair 1: 2 cases in 3 s; 12 s left; worst so far {case} +150.0%\n"


@pytest.mark.parametrize(("verdicts", "status"), [
    (("unchanged", "improved"), 0), (("unchanged", "regressed", "missing"), 1), (("unchanged", "inconclusive"), 3),
    (("new",), 3), (("missing",), 3), (("incomparable",), 3), ((), 3), (("new", "skipped"), 3),
    (("unchanged", "new", "skipped"), 0), (("improved", "new", "missing"), 3), (("regressed", "new"), 1),
])  # fmt: skip
def test_exit_status(verdicts: tuple[str, ...], status: int) -> None:
    assert exit_status(a_result(*verdicts).findings) == status


def test_a_run_without_findings_leaves_an_error_and_nothing_of_the_run_before(tmp_path: Path) -> None:
    files.write(tmp_path, a_result("unchanged"), [Explanation("x", (), "<svg/>", "")], SETTINGS)
    files.keep(tmp_path, a_result().pairs[0])
    files.clear(tmp_path)
    assert list(tmp_path.iterdir()) == []
    files.write_error(tmp_path, GateError("no 5%"))
    assert ET.parse(tmp_path / "gate.xml").getroot().get("errors") == "1"  # noqa: S314 (our own file)
    assert failure(GateError("no 5%")) == "::error title=the gate could not compare::no 5%25"


@pytest.mark.parametrize("version", [None, "1", 0, 10**6])
def test_pairs_of_a_newer_format_are_refused(version: object) -> None:
    assert files.pairs_of({"format_version": 1, "pairs": []}) == []
    with pytest.raises(GateError, match="format_version"):
        files.pairs_of({"format_version": version, "pairs": []})


def test_lines_that_say_the_same_are_one() -> None:
    finding = CaseFinding("b.py::test", "inconclusive", "no time was left to measure it")
    result = replace(a_result(), findings=[replace(finding, case=f"b.py::test_{index}") for index in range(88)])
    page = markdown(result, [], SETTINGS)
    assert page.count("no time was left") == 1
    assert "`b.py::test_0`, `b.py::test_1`, `b.py::test_2` and 85 more: no time was left to measure it" in page
    assert sum(line.startswith("|") for line in page.splitlines()) == 3
    assert len(list(annotations(result))) == 1
    assert files.as_junit(result).get("errors") == "88"


@pytest.mark.parametrize(("count", "line"), [
    (1, "- 1 measurement was disturbed from outside and does not count"),
    (2, "- 2 measurements were disturbed from outside and do not count"),
])  # fmt: skip
def test_what_was_disturbed_is_counted(count: int, line: str) -> None:
    result = a_result("unchanged")
    disturbed = replace(result, findings=[replace(result.findings[0], disturbed=count)])
    assert line in markdown(disturbed, [], SETTINGS).splitlines()
    assert "disturbed" not in markdown(result, [], SETTINGS)


def test_absolute_times_stand_beside_ratios() -> None:
    wall = MetricFinding.of("wall", "regressed", Estimate.of([0.05] * 9), 500.0, (0.0123, 0.0000456))
    memory = MetricFinding.of("memory", "unchanged", Estimate.of([0.0] * 9), 1.0, (2.5e9, 64e6))
    page = markdown(replace(a_result(), findings=[CaseFinding("c", "regressed", "", (wall, memory))]), [], SETTINGS)
    assert "| wall | 12.3 ms | 45.6 µs | 1.051 |" in page
    assert "| memory | 2.5 GB | 64 MB | 1.000 |" in page


def test_names_of_files_are_bounded_and_differ() -> None:
    names = {files.flame_file(Path(), case).name for case in ("x" * 300, "x" * 301, "a[1]", "a(1)")}
    assert len(names) == 4
    assert max(map(len, names)) < 150


def test_a_run_that_ended_early_is_no_pass() -> None:
    assert a_result("unchanged").exit_status == 0
    assert replace(a_result("unchanged"), stopped="ended early: the head arm was killed").exit_status == 3
    assert replace(a_result("regressed"), stopped="ended early: the head arm was killed").exit_status == 1
    assert "ended early" in markdown(replace(a_result("unchanged"), stopped="ended early: x"), [], SETTINGS)
