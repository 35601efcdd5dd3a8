"""The parts of the gate that stand alone: worktrees, the profile, the outputs, the process tree."""

import ast
import json
import multiprocessing
import random
import re
import time
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from rich.console import Console

from benchmarks.gate import outputs, tree
from benchmarks.gate.control import spin
from benchmarks.gate.errors import GateError, WrongUseError
from benchmarks.gate.estimate import Estimate
from benchmarks.gate.findings import CaseFinding, MetricFinding, exit_status
from benchmarks.gate.gate import Outcome
from benchmarks.gate.metrics import disturbance, log_ratios
from benchmarks.gate.options import Options
from benchmarks.gate.pairs import Bench
from benchmarks.gate.process import Site, Suite
from benchmarks.gate.profiling import Explanation, Growth
from benchmarks.gate.records import Block, Pair, Sample, Turn
from benchmarks.gate.report import annotations, failure, markdown, reason, show
from benchmarks.gate.verdict import Rule
from benchmarks.gate.worktrees import Revision, checkouts, overlay_of, project_names, resolve
from tests.gate_toy import SOURCE, Toy, make_toy

pytestmark = pytest.mark.whole_run

# --- worktrees


@pytest.fixture
def toy(tmp_path: Path) -> Toy:
    return make_toy(tmp_path / "toy")


def test_the_working_tree_is_taken_as_it_is_and_left_as_it_was(toy: Toy) -> None:
    toy.write({"toy.py": "changed = 1\n", "new.py": "new = 1\n", ".gitignore": "ignored\n", "ignored": "x"})
    toy.git("add", "new.py")
    before = toy.git("status", "--porcelain")
    with checkouts(toy.root, resolve(toy.root, "base"), resolve(toy.root, "working tree")) as trees:
        assert (trees.base / "toy.py").read_text() == SOURCE
        assert (trees.head / "toy.py").read_text() == "changed = 1\n"
        assert (trees.head / "new.py").exists()
        assert not (trees.head / "ignored").exists()
    assert toy.git("status", "--porcelain") == before
    assert not trees.base.exists()
    assert len(toy.git("worktree", "list").splitlines()) == 1


def test_base_gets_the_cases_of_head_and_keeps_its_own_code(toy: Toy) -> None:
    toy.commit({"toy.py": "", "bench/bench_toy.py": "# head\n", "bench/helper.py": "h = 1\n"})
    with checkouts(toy.root, resolve(toy.root, "base"), resolve(toy.root, "HEAD")) as trees:
        (trees.base / "bench/bench_stale.py").touch()
        trees.lay_cases(overlay_of(["bench"], trees.head))
        assert sorted(path.name for path in (trees.base / "bench").iterdir()) == ["bench_toy.py", "helper.py"]
        assert (trees.base / "bench/bench_toy.py").read_text() == "# head\n"
        assert (trees.base / "toy.py").read_text() == SOURCE


@pytest.mark.parametrize("path", [".", "bench/..", "/tmp", "../elsewhere"])  # noqa: S108 (a path, nothing is written)
def test_an_overlay_of_everything_or_of_something_else_is_refused(path: str, toy: Toy) -> None:
    with pytest.raises(WrongUseError):
        overlay_of([path], toy.root)


def test_the_overlay_is_the_directory_around_a_file(toy: Toy) -> None:
    assert overlay_of(["bench/bench_toy.py::test_work"], toy.root) == ("bench",)
    assert overlay_of(["toy.py"], toy.root) == ("toy.py",)


def test_project_names_are_the_packages_and_modules_outside_the_cases(toy: Toy) -> None:
    toy.commit({"package/__init__.py": "", "src/other/__init__.py": "", "bench/__init__.py": "", "docs/x.py": ""})
    assert project_names(toy.root, resolve(toy.root, "HEAD"), ["bench"]) == ("other", "package", "toy")


# --- the process tree


def _burn(seconds: float) -> None:
    end = time.process_time() + seconds
    while time.process_time() < end:
        spin(1000)


def test_cpu_time_counts_this_process_and_living_and_ended_children() -> None:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        before = tree.cpu_s(tree.descendants())
        _burn(0.1)
        pool.apply(_burn, (0.2,))
        living = tree.cpu_s(tree.descendants()) - before
        pool.close()
        pool.join()
    ended = tree.cpu_s(tree.descendants()) - before
    assert living >= 0.29
    assert ended >= 0.29


def test_the_peak_of_a_call_is_seen_though_the_memory_is_given_back_at_once() -> None:
    with tree.peak_memory() as small:
        pass
    with tree.peak_memory() as large:
        block = bytearray(64 << 20)
        del block
    assert large.bytes - small.bytes >= 60 << 20


# --- numbers of a block


def _block(base: Sample, head: Sample, turns: int = 8, memory: tuple[int, int] = (100, 103)) -> Block:
    return Block("c", 1, (Turn(True, 0, base, head),) * turns, *memory, stolen_share=0.0, load=0.0)


def test_ratios_are_head_over_base_and_cpu_is_left_out_of_a_waiting_case() -> None:
    busy = log_ratios(_block(Sample(1.0, 1.0, 1.0), Sample(1.1, 1.2, 1.0)))
    assert {name: round(value, 4) for name, value in busy.items()} == {"wall": 0.0953, "cpu": 0.1823, "memory": 0.0296}
    assert "cpu" not in log_ratios(_block(Sample(1.0, 0.001, 1.0), Sample(1.0, 0.002, 1.0)))


def test_a_block_is_disturbed_by_a_lopsided_control_or_stolen_time_only() -> None:
    sound = Sample(1.0, 1.0, 1.0)
    assert disturbance(_block(sound, Sample(9.0, 9.0, 1.0)), 0.09) == ""
    assert "control" in disturbance(_block(sound, Sample(1.0, 1.0, 1.2)), 0.09)
    assert "guests" in disturbance(Block("c", 1, (Turn(True, 0, sound, sound),) * 2, 1, 1, 0.5, 0.0), 0.09)


# --- outputs


def _outcome(*verdicts: str) -> Outcome:
    metric = MetricFinding.of("wall", "regressed", "confirm", Estimate.of([0.05, 0.06, 0.055]), 500.0)
    findings = [
        CaseFinding(f"b.py::test_{v}[a|b]", v, "" if v == "regressed" else "why 5%", (metric,)) for v in verdicts
    ]  # type: ignore[arg-type]
    turn = Turn(True, 0, Sample(1.0, 1.0, 1.0), Sample(1.0, 1.0, 1.0))
    pair = Pair(1, "screen", 1, 2, 3.0, (Block("b.py::x", 1, (turn, turn), 1, 1, 0.0, 0.0),), ())
    return Outcome(Revision("main", "a" * 40), Revision("working tree", "b" * 40), findings, [pair], ["a note"])


OPTIONS = Options("main", "working tree", ("b.py",), (), Rule(), 600.0, 120.0, None)
ALL = ("regressed", "improved", "unchanged", "inconclusive", "new", "missing", "incomparable")


def test_junit_fails_on_a_loss_and_errs_on_what_is_undecided() -> None:
    element = outputs.as_junit(_outcome(*ALL))
    assert (element.get("tests"), element.get("failures"), element.get("errors")) == ("7", "1", "4")
    assert [child.tag for case in element for child in case] == ["failure", "error", "error", "error", "error"]


def test_files_hold_the_verdicts_and_raw_pairs(tmp_path: Path) -> None:
    explanation = Explanation("b.py::test_x", (Growth("f (a.py)", 0.1, 0.2, 0.5, 0.1),), "<svg/>", "py-spy")
    outputs.write(tmp_path, _outcome("regressed"), [explanation], OPTIONS)
    stored = json.loads((tmp_path / "gate.json").read_text())
    assert stored["format_version"] == 1
    assert stored["pairs"][0]["blocks"][0]["turns"][0]["base"]["wall_s"] == 1.0
    assert stored["findings"][0]["verdict"] == "regressed"
    assert "f (a.py)" in (tmp_path / "gate.md").read_text()
    assert outputs.flame_file(tmp_path, "b.py::test_x").read_text() == "<svg/>"
    assert ET.parse(tmp_path / "gate.xml").getroot().get("failures") == "1"  # noqa: S314 (our own file)


def test_each_pair_is_kept_at_once(tmp_path: Path) -> None:
    pair = _outcome().pairs[0]
    outputs.keep(tmp_path, pair)
    outputs.keep(tmp_path, pair)
    lines = outputs.pairs_file(tmp_path).read_text().splitlines()
    assert [Pair.from_json(json.loads(line)) for line in lines] == [pair, pair]


def test_what_too_few_pairs_cannot_bound_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    outcome = _outcome("inconclusive")
    show(outcome, [], Console(width=200))
    text = capsys.readouterr().out + markdown(outcome, [], OPTIONS)
    assert max(map(len, re.findall(r"\d+", text))) <= 12


def test_a_case_for_which_no_time_was_left_shows_no_ratio() -> None:
    metric = MetricFinding.of("wall", "inconclusive", "confirm", Estimate.of([]), 1.0)
    finding = CaseFinding("b.py::test_x", "inconclusive", "no time", (metric,))
    assert reason(finding) == "no time; wall not measured again"
    outcome = replace(_outcome(), findings=[finding])
    row = next(line for line in markdown(outcome, [], OPTIONS).splitlines() if "test_x" in line)
    assert [cell.strip() for cell in row.split("|")[4:7]] == ["", "", ""]


def test_annotations_name_the_file_and_escape_what_github_would_read() -> None:
    lines = list(annotations(_outcome("regressed", "missing", "unchanged")))
    assert [line.split(",")[0] for line in lines] == ["::error file=b.py", "::warning file=b.py"]
    assert "why 5%25" in lines[1]


def test_markdown_keeps_its_columns_when_an_id_has_a_bar() -> None:
    rows = [line for line in markdown(_outcome("regressed"), [], OPTIONS).splitlines() if line.startswith("|")]
    assert {line.replace(r"\|", "").count("|") for line in rows} == {9}


def test_the_table_shows_the_parameters_of_a_case(capsys: pytest.CaptureFixture[str]) -> None:
    # rich takes what is in brackets for a style
    show(_outcome("regressed"), [], Console(width=200))
    assert "test_regressed[a|b] " in capsys.readouterr().out


@pytest.mark.parametrize(("verdicts", "status"), [
    (("unchanged", "improved"), 0), (("unchanged", "regressed", "missing"), 1), (("unchanged", "inconclusive"), 3),
    (("new",), 3), (("missing",), 3), (("incomparable",), 3), ((), 3),
])  # fmt: skip
def test_exit_status(verdicts: tuple[str, ...], status: int) -> None:
    assert exit_status(_outcome(*verdicts).findings) == status


def test_a_run_without_findings_leaves_an_error_and_nothing_of_the_run_before(tmp_path: Path) -> None:
    outputs.write(tmp_path, _outcome("unchanged"), [Explanation("x", (), "<svg/>", "")], OPTIONS)
    outputs.keep(tmp_path, _outcome().pairs[0])
    outputs.clear(tmp_path)
    assert list(tmp_path.iterdir()) == []
    outputs.write_error(tmp_path, GateError("no 5%"))
    assert ET.parse(tmp_path / "gate.xml").getroot().get("errors") == "1"  # noqa: S314 (our own file)
    assert failure(GateError("no 5%")) == "::error title=the gate could not compare::no 5%25"


# --- a pair


def test_both_arms_of_a_pair_share_what_is_random_and_take_mirrored_turns(toy: Toy, tmp_path: Path) -> None:
    case = "bench/bench_toy.py::test_work"
    toy.commit({"bench/bench_toy.py": WITH_STATS})
    with checkouts(toy.root, resolve(toy.root, "HEAD"), resolve(toy.root, "HEAD")) as trees:
        suite = Suite(("bench",), (), ("toy",))
        base, head = (Site(root.name, root, suite, 30.0, tmp_path) for root in (trees.base, trees.head))
        pair = Bench(base, head, frozenset([case]), random.Random(1)).measure({case: 0.3}, "screen")
    assert pair.troubles == ()
    orders = [turn.base_first for turn in pair.blocks[0].turns]
    assert [first != second for first, second in zip(orders[::2], orders[1::2], strict=True)] == [True] * (
        len(orders) // 2
    )
    assert pair.blocks[0].loops > 1
    assert all(turn.base.wall_s > 0 and turn.head.cpu_s > 0 for turn in pair.blocks[0].turns)


ENVIRONMENT = """
import os
from toy import work

def test_work(benchmark):
    with open({seen!r}, "a") as seen:
        seen.write(os.environ["PYTHONHASHSEED"] + " " + str(len(os.environ["GATE_PADDING"])) + "\\n")
    benchmark(work)
"""


def test_hash_seed_and_environment_size_differ_between_pairs_not_inside_them(toy: Toy, tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    toy.commit({"bench/bench_toy.py": ENVIRONMENT.format(seen=str(seen))})
    with checkouts(toy.root, resolve(toy.root, "HEAD"), resolve(toy.root, "HEAD")) as trees:
        suite = Suite(("bench",), (), ("toy",))
        base, head = (Site(root.name, root, suite, 30.0, tmp_path) for root in (trees.base, trees.head))
        bench = Bench(base, head, frozenset(), random.Random(1))
        pairs = [bench.measure({"bench/bench_toy.py::test_work": 0.05}, "screen") for _ in range(2)]
    lines = seen.read_text().splitlines()
    assert lines == [f"{pair.hash_seed} {pair.padding_bytes}" for pair in pairs for _ in ("base", "head")]
    assert pairs[0].hash_seed != pairs[1].hash_seed
    assert pairs[0].padding_bytes != pairs[1].padding_bytes


def test_the_gate_knows_nothing_of_this_project() -> None:
    for file in (Path(__file__).parents[1] / "benchmarks/gate").glob("*.py"):
        names = {name for node in ast.walk(ast.parse(file.read_text())) for name in _imported(node)}
        assert not {name for name in names if name.split(".")[0] in {"bgremove", "benchmarks"}}, file.name


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module or ""] if isinstance(node, ast.ImportFrom) and node.level == 0 else []


WITH_STATS = """
import pytest
from toy import work

@pytest.fixture
def benchmark(benchmark):
    yield benchmark
    benchmark.extra_info["mean"] = benchmark.stats.stats.mean  # as a suite's own conftest may do

def test_work(benchmark):
    calls = []
    benchmark.pedantic(work, setup=None, rounds=3)
    assert benchmark.stats.stats.rounds == 1
"""


def test_an_arm_that_cannot_start_is_an_error_with_its_last_words(toy: Toy, tmp_path: Path) -> None:
    toy.write({"bench/conftest.py": "raise RuntimeError('out of order')\n"})
    with pytest.raises(GateError, match="out of order"):
        Site("head", toy.root, Suite(("bench",), (), ()), 30.0, tmp_path).collect()
