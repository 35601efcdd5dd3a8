"""Cases measured by several jobs, and those that regressed measured again on another machine."""

import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from benchgate.cli import run
from benchgate.errors import WrongUseError
from benchgate.explain.profiles import Explanation, Growth
from benchgate.part import Part, Shard
from benchgate.report import files
from benchgate.report.stored import read
from gate_toy import CASES, Toy, make_toy
from test_reports import SETTINGS, a_result

Said = Callable[[], str]
FOUR = "from toy import work\n" + "".join(f"def test_{index}(benchmark):\n    benchmark(work)\n" for index in range(4))
NO_TIME = ["--base", "base", "--budget-s", "0.001", "bench"]


@pytest.mark.parametrize("count", [1, 2, 5, 12])
def test_every_case_is_in_one_shard(count: int) -> None:
    cases = [f"case{index}" for index in range(11)]
    parts = [Part(Shard(number, count)).of(cases) for number in range(1, count + 1)]
    assert sorted(case for part in parts for case in part) == sorted(cases)
    assert max(map(len, parts)) - min(map(len, parts)) <= 1
    shuffled = random.Random(count).sample(cases, len(cases))
    assert [sorted(Part(Shard(number, count)).of(shuffled)) for number in range(1, count + 1)] == [*map(sorted, parts)]


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two runs that share four cases between them; a fifth is base's alone."""
    directory = tmp_path_factory.mktemp("shards")
    toy = make_toy(directory / "toy")
    toy.commit({"bench/bench_toy.py": FOUR})
    outputs = [directory / "one", directory / "two"]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(toy.root)
        for number, output in enumerate(outputs, start=1):
            assert run([*NO_TIME, "--alpha", "0.02", "--shard", f"{number}/2", "--output", str(output)]) == 3
    return outputs


def edited(shards: list[Path], to: Path, verdicts: dict[str, str]) -> list[Path]:
    """Copies of the runs' reports in which cases have other verdicts; the missing case is gone."""
    copies = [to / "one", to / "two"]
    for source, copy in zip(shards, copies, strict=True):
        copy.mkdir()
        stored = json.loads((source / "gate.json").read_text())
        findings = [finding for finding in stored["findings"] if finding["verdict"] != "missing"]
        for finding in findings:
            finding["verdict"] = verdicts.get(finding["case"][-1], "unchanged")
        (copy / "gate.json").write_text(json.dumps(stored | {"findings": findings}))
    return copies


@pytest.mark.whole_run
def test_shards_share_the_cases_and_the_false_alarms(shards: list[Path], tmp_path: Path, said: Said) -> None:
    each = [json.loads((output / "gate.json").read_text()) for output in shards]
    names = [[finding["case"].partition("::")[2] for finding in stored["findings"]] for stored in each]
    assert names == [["test_0", "test_2", "test_work"], ["test_1", "test_3"]]
    assert [stored["alpha"] for stored in each] == [0.01, 0.01]
    assert run(["merge", *map(str, reversed(shards)), "--output", str(tmp_path)]) == 3
    merged = json.loads((tmp_path / "gate.json").read_text())
    assert len(merged["findings"]) == 5
    assert (merged["alpha"], merged["shard"]) == (0.02, [1, 1])
    words = said()
    assert "this is shard" not in words
    assert "4 inconclusive, 1 missing" in words
    assert "2% of runs raise any false alarm" in (tmp_path / "gate.md").read_text()


@pytest.mark.whole_run
@pytest.mark.parametrize(("verdicts", "status"), [({}, 0), ({"3": "regressed"}, 1), ({"0": "inconclusive"}, 3)])
def test_the_merged_status_is_that_of_all_cases(
    verdicts: dict[str, str], status: int, shards: list[Path], tmp_path: Path
) -> None:
    copies = edited(shards, tmp_path, verdicts)
    assert run(["merge", *map(str, copies), "--output", str(tmp_path / "all")]) == status


@pytest.mark.whole_run
def test_a_shard_to_which_no_case_falls_is_nothing_wrong_and_belongs_to_the_whole(
    toy: Toy, tmp_path: Path, said: Said
) -> None:
    outputs = [tmp_path / f"{number}" for number in (1, 2, 3)]
    statuses = [run([*NO_TIME, "--shard", f"{output.name}/3", "--output", str(output)]) for output in reversed(outputs)]
    assert statuses == [0, 0, 3], "the last is undecided"
    words = said()
    assert "this is shard 3/3, and there are fewer cases than shards, so that it measures none" in words
    assert words.count(" measured: `toy`") == 1, "nothing is said to be measured where nothing is"
    assert "measured: nothing" not in words
    assert run(["merge", *map(str, outputs), "--output", str(tmp_path / "all")]) == 3
    assert "1 inconclusive" in said()
    for output in outputs:  # as if it had been decided
        stored = json.loads((output / "gate.json").read_text())
        findings = [finding | {"verdict": "unchanged"} for finding in stored["findings"]]
        (output / "gate.json").write_text(json.dumps(stored | {"findings": findings}))
    assert run(["merge", *map(str, outputs), "--output", str(tmp_path / "all")]) == 0
    assert run(["merge", *map(str, outputs[1:]), "--output", str(tmp_path / "all")]) == 3
    assert "shard 1 is absent: its cases" in said()
    assert run(["merge", str(outputs[0]), "--output", str(tmp_path / "all")]) == 3
    assert "shards 2, 3 are absent: their cases" in said()


@pytest.mark.whole_run
def test_what_does_not_belong_together_is_no_pass(shards: list[Path], tmp_path: Path, said: Said) -> None:
    one, two = map(str, edited(shards, tmp_path, {}))
    output = ["--output", str(tmp_path / "all")]
    assert run(["merge", one, *output]) == 3
    assert "shard 2 is absent" in said()
    assert run(["merge", one, one, two, *output]) == 2
    assert run(["merge", one, str(tmp_path / "nowhere"), *output]) == 2
    stored = json.loads((tmp_path / "two/gate.json").read_text())
    again = json.loads((tmp_path / "one/gate.json").read_text())["findings"][:1]
    (tmp_path / "two/gate.json").write_text(json.dumps(stored | {"findings": stored["findings"] + again}))
    assert run(["merge", one, two, *output]) == 2
    assert "test_0 was judged in several shards" in said()
    stored["head"]["commit"] = "0" * 40
    (tmp_path / "two/gate.json").write_text(json.dumps(stored))
    assert run(["merge", one, two, *output]) == 2
    assert "different commits" in said()
    stored["format_version"] = 10**6
    (tmp_path / "two/gate.json").write_text(json.dumps(stored))
    assert run(["merge", one, two, *output]) == 3
    assert "update benchgate" in said()


@pytest.mark.whole_run
def test_a_case_that_fell_to_no_shard_is_no_pass(
    toy: Toy, tmp_path: Path, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    some = "import os\nfrom toy import work\n" + "".join(
        f"if {index} != 0 or 'LACKS' not in os.environ:\n    def test_{index}(benchmark):\n        benchmark(work)\n"
        for index in range(3)
    )
    toy.commit({"bench/bench_toy.py": some})
    whole, lacking = tmp_path / "whole", tmp_path / "lacking"
    assert run([*NO_TIME, "--shard", "2/2", "--output", str(whole)]) == 3  # test_1, of three
    monkeypatch.setenv("LACKS", "a library")
    assert run([*NO_TIME, "--shard", "1/2", "--output", str(lacking)]) == 3  # test_1 again, of two
    assert run(["merge", str(whole), str(lacking), "--output", str(tmp_path / "all")]) == 2
    said()
    stored = json.loads((lacking / "gate.json").read_text())
    findings = [{**finding, "case": finding["case"].replace("test_1", "test_2")} for finding in stored["findings"]]
    (lacking / "gate.json").write_text(json.dumps(stored | {"findings": findings}))
    assert run(["merge", str(whole), str(lacking), "--output", str(tmp_path / "all")]) == 3
    words = said()
    assert "bench/bench_toy.py::test_0 was judged in no shard, for they found different cases" in words


@pytest.mark.whole_run
def test_only_what_regressed_is_measured_again(shards: list[Path], toy: Toy, tmp_path: Path, said: Said) -> None:
    toy.commit({"bench/bench_toy.py": FOUR + CASES})
    before = edited(shards, tmp_path, {"2": "regressed"})[0] / "gate.json"
    assert run([*NO_TIME, "--confirm", str(before), "--output", str(tmp_path / "again")]) == 3
    (finding,) = json.loads((tmp_path / "again/gate.json").read_text())["findings"]
    assert finding["case"].endswith("::test_2")
    assert "only what regressed in" in said()
    for wrong in (edited(shards, _made(tmp_path / "more"), {})[0] / "gate.json", tmp_path / "nothing.json"):
        assert run([*NO_TIME, "--confirm", str(wrong)]) == 2
        assert "before measuring" not in said(), "it is said at once"


def test_what_regressed_and_is_not_selected_is_no_pass(tmp_path: Path) -> None:
    findings = [{"case": f"b.py::test_{name}", "verdict": "regressed"} for name in ("here", "elsewhere")]
    (tmp_path / "gate.json").write_text(json.dumps({"findings": findings}))
    part = Part(confirmed=tmp_path / "gate.json")
    with pytest.raises(WrongUseError, match="test_elsewhere regressed in that run and is not selected"):
        part.of(["b.py::test_here", "b.py::test_other"])
    assert part.of(["b.py::test_here", "b.py::test_elsewhere", "b.py::test_other"]) == [
        "b.py::test_here",
        "b.py::test_elsewhere",
    ]


def test_shards_of_a_confirmation_share_what_regressed(tmp_path: Path) -> None:
    cases = [f"case{index}" for index in range(8)]
    findings = [{"case": case, "verdict": "regressed"} for case in cases[::3]]
    (tmp_path / "gate.json").write_text(json.dumps({"findings": findings}))
    parts = [Part(Shard(number, 3), tmp_path / "gate.json").of(cases) for number in (1, 2, 3)]
    assert parts == [["case0"], ["case3"], ["case6"]]


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


@pytest.mark.parametrize("text", ["", "1", "0/2", "3/2", "a/b", "1/2/3", "-1/2"])
def test_a_shard_is_a_number_of_a_number(text: str) -> None:
    with pytest.raises(SystemExit):
        run([*NO_TIME, f"--shard={text}"])


def test_a_report_is_read_as_it_was_written(tmp_path: Path) -> None:
    result, explained = a_result("regressed", "unchanged"), Explanation("c", (Growth("f", 1, 2, 1, 0),), "<svg/>", "x")
    files.write(tmp_path, result, [explained], SETTINGS)
    assert read(tmp_path / "gate.json").explanations == [explained]
    assert read(tmp_path / "gate.json").result == result


@pytest.mark.parametrize("text", ["", "[]", "null", "3", '"text"', "\x00", '{"format_version": 4}', "without budget_s",
                                  "alpha is text"])  # fmt: skip
def test_a_file_that_is_no_report_is_called_that(text: str, tmp_path: Path, said: Said) -> None:
    file = tmp_path / "gate.json"
    files.write(tmp_path, a_result("unchanged"), [], SETTINGS)
    stored = json.loads(file.read_text())
    edited = {"without budget_s": {**stored, "budget_s": None}, "alpha is text": {**stored, "alpha": "x"}}
    file.write_text(json.dumps(edited[text]) if text in edited else text)
    for command in (["merge", str(file), "--output", str(tmp_path / "merged")], ["history", "add", str(file)]):
        assert run(command) == 2
        assert f"error: {file} is no gate.json that can be read" in said()
