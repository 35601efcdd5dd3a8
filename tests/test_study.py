"""The study's own parts: what is planted, what the rivals would say, how slots are counted, the replay."""

import json
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from benchgate.cli import run
from benchgate.decide.metrics import log_ratios
from benchgate.measure.records import Block, Pair, Timing, Turn
from benchgate.revisions.git import git
from benchmarks.study import kept, planting, race, replay, rivals, simulation, study, verdicts
from benchmarks.study.load import load
from benchmarks.study.planting import commit_planted, planted, statement
from benchmarks.study.subject import PLACES, make_subject
from benchmarks.study.tally import JUDGES, RACERS, UNDECIDED, Slot, clopper_pearson, tally

pytestmark = pytest.mark.whole_run

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("name", PLACES)
def test_a_change_is_planted_as_code_in_a_commit_and_the_files_are_left_alone(name: str, tmp_path: Path) -> None:
    repository = make_subject(tmp_path / "subject")
    place = PLACES[name]
    commit = commit_planted(repository, place, statement("memory" if name == "memory" else "wall", 1234))
    changed = git(repository, "diff", "--unified=0", "HEAD", commit)
    assert "_planted" in changed
    assert "1234" in changed
    assert git(repository, "status", "--porcelain") == ""
    assert place.case.split("::")[0] in git(repository, "ls-files")


def test_planted_work_is_really_done() -> None:
    space: dict[str, object] = {}
    exec(planted("def f(seen):\n    return len(seen)", "f", "seen.append(1)"), space)  # noqa: S102
    assert space["f"]([]) == 1  # type: ignore[operator]
    with pytest.raises(ValueError, match="no function 'g'"):
        planted("def f(): pass", "g", "pass")


def test_rivals_fail_above_five_percent_of_their_statistic_only() -> None:
    base = {"a": {"mean": 1.0, "min": 1.0}, "b": {"mean": 1.0, "min": 1.0}}
    head = {"a": {"mean": 1.06, "min": 1.04}, "b": {"mean": 0.5, "min": 1.04}, "new": {"mean": 1.0, "min": 1.0}}
    assert rivals.alarms(base, head, "mean") == ["a"]
    assert rivals.alarms(base, head, "min") == []


def test_what_benchmatrix_says_is_read_from_its_report() -> None:
    verdicts = {"compute": "regressed", "order": "unchanged", "match": "improved", "hold": "inconclusive"}
    report = {"comparisons": [{"case_name": name, "regression": verdict} for name, verdict in verdicts.items()]}
    assert race.judged(report, "1%") == {
        "benchmatrix:1%": [PLACES["compute"].case],
        "benchmatrix:1% undecided": ["bench/bench_subject.py::test_simple[hold]"],
    }


def test_a_race_has_its_own_judges_in_the_tally() -> None:
    found: dict[str, list[str]] = {judge: [] for judge in RACERS} | {"gate": ["a"], UNDECIDED: []}
    slot = replace(_slot(0, 0.1, []), found=found, seconds={"gate": 61.2, "benchmatrix": 70.4})
    text = tally([slot])
    assert "they took in the median: benchmatrix 70 s, gate 61 s." in text
    assert "| load, planted | gate | benchmatrix:5% | benchmatrix:1% | gate undecided |" in text
    assert text.count("1 of 1") == 2


def test_load_is_made_and_ended() -> None:
    mine = psutil.Process()
    before = set(mine.children())
    with load("steady"):
        busy = set(mine.children()) - before
        for _ in range(200):
            busy = busy or set(mine.children()) - before
    assert busy
    assert set(mine.children()) == before
    with load("quiet"):
        assert set(mine.children()) == before


def test_load_ends_when_whoever_made_it_is_killed() -> None:
    script = "import time\nfrom benchmarks.study.load import load\nwith load('steady'):\n    time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", script]) as maker:
        while not (busy := psutil.Process(maker.pid).children()):
            assert maker.poll() is None
        maker.kill()
    _, alive = psutil.wait_procs(busy, timeout=100)
    assert [process for process in alive if process.status() != psutil.STATUS_ZOMBIE] == []


def test_clopper_pearson_agrees_with_published_values() -> None:
    # 299 runs without an alarm show 1% at 95% (one-sided); a textbook case: 4 of 10 gives 0.122 to 0.738
    assert clopper_pearson(0, 299, 0.90)[1] == pytest.approx(0.01, abs=1e-4)
    assert clopper_pearson(4, 10) == pytest.approx((0.1216, 0.7376), abs=1e-4)
    assert clopper_pearson(10, 10)[1] == 1.0


def _slot(number: int, share: float, found: list[str], undecided: Sequence[str] = (), load: str = "quiet") -> Slot:
    alarms = {judge: found if judge == "gate" else [] for judge in JUDGES} | {UNDECIDED: list(undecided)}
    return Slot(number, load, "worker", "a", share, 120.0, "2 processors", alarms)


def test_the_tally_separates_false_alarms_from_finds() -> None:
    slots = [_slot(0, 0.0, []), _slot(1, 0.0, ["b"]), _slot(2, 0.1, ["a", "b"]), _slot(3, 0.02, [], ["a"], "steady")]
    rows = [[cell.strip() for cell in row.split("|")[1:3]] for row in tally(slots).splitlines() if row.startswith("|")]
    false, by_load, by_place = rows[2:5], rows[7:9], rows[11:]
    assert false == [["quiet", "2 of 3 (9% to 99%)"], ["steady", "0 of 1 (0% to 98%)"], ["all", "2 of 4 (7% to 93%)"]]
    assert by_load == [["quiet, 10%", "1 of 1 (3% to 100%)"], ["steady, 2%", "0 of 1 (0% to 98%)"]]
    assert [name for name, _ in by_place] == ["worker, 2%", "worker, 10%"]
    assert tally(slots).rstrip().endswith("| 0 |")
    assert "| 1 |" in next(row for row in tally(slots).splitlines() if row.startswith("| steady, 2%"))


def test_the_tally_says_what_was_run_and_what_it_cannot_show() -> None:
    text = tally([_slot(number, 0.0, []) for number in range(299)])
    assert "299 slots (299 quiet), 120 s for each judge in each, on 2 processors." in text
    assert "at most 1.0% of such runs" in text


def _pair(rng: random.Random, loss: float = 0.0) -> Pair:
    """Two cases, the first of them slower by that share."""

    def block(case: str) -> Block:
        head = Timing(rng.lognormvariate(0, 0.005) * (1 + loss if case == "a" else 1), 1.0, 1.0)
        return Block(case, 1, (Turn(True, 0, Timing(1.0, 1.0, 1.0), head),) * 2, 0, 0, 0.0, 0.0)

    return Pair(1, 0, 0, 1.0, (block("a"), block("b")), ())


def test_pairs_survive_being_stored_and_the_replay_finds_what_it_adds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = random.Random(0)
    pairs = [_pair(rng) for _ in range(30)]
    stored = json.loads(json.dumps([pair.as_json() for pair in pairs]))
    assert [Pair.from_json(pair) for pair in stored] == pairs
    (tmp_path / "gate.json").write_text(json.dumps({"format_version": 1, "pairs": stored, "budget_s": 600.0}))
    assert replay.run([str(tmp_path / "gate.json"), "--suites", "10"]) == 0
    rows = [row.split("|")[1:4] for row in capsys.readouterr().out.splitlines() if row.startswith(("| 0%", "| 10%"))]
    assert (rows[0][2].split()[0], rows[-1][1].split()[0]) == ("0", "10")


def test_what_was_run_least_often_comes_next() -> None:
    rng, counts = random.Random(0), Counter("aabc")
    assert {study.least_often(rng, "abc", counts) for _ in range(50)} == {"b", "c"}
    assert study.least_often(rng, "abcd", counts) == "d"


def test_the_replay_draws_blocks_of_about_the_length_that_was_asked_for() -> None:
    block = _pair(random.Random(0)).blocks[0]  # of four seconds, with the controls
    for number, drawn in ((100, {2}), (5, {1, 2})):
        longer = replace(block, loops=2, turns=block.turns * 10)
        driver = replay.ReplayDriver({"a": [block] * 30 + [longer] * number}, "", 0.0, random.Random(0))
        assert {driver.measure({"a": 70.0}).blocks[0].loops for _ in range(50)} == drawn


@pytest.fixture
def _few_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Arms do without what the suite that they run needs not, which takes each of them 0.2 s to import."""
    monkeypatch.setenv(
        "PYTEST_ADDOPTS", "-p no:hypothesispytest -p no:xdist -p no:xdist.looponfail -p no:anyio -p no:timeout"
    )


@pytest.mark.usefixtures("_few_plugins")
def test_a_loss_that_a_command_planted_is_found_and_its_function_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    case = PLACES["compute"].case
    repository = make_subject(tmp_path / "subject")
    monkeypatch.chdir(repository)
    monkeypatch.setattr("benchgate.explain.profiles.PROFILE_S", 1.0)
    monkeypatch.setattr("benchgate.decide.schedule.LONGEST_FIRST_BLOCK_S", 0.2)
    monkeypatch.setattr("benchmarks.study.planting.TRIAL_BLOCK_S", 0.05)
    monkeypatch.setattr("benchmarks.study.planting.TRIAL_PAIRS", 1)
    for module in ("schedule", "findings"):
        monkeypatch.setattr(f"benchgate.decide.{module}.FEWEST_PAIRS", 2)  # three times slower is soon seen
    assert planting.run(["subject.py", "compute", case, "2.0"]) == 0
    commit = capsys.readouterr().out.strip()
    assert git(repository, "status", "--porcelain") == ""
    output = str(tmp_path / "out")
    line = ["--base", "HEAD", "--head", commit, "bench", "-k", "compute", "--alpha", "0.1", "--output", output]
    assert run(line) == 1
    shown = capsys.readouterr().out
    assert f"regressed: {case}: wall +" in shown
    assert f"grew in {case}: compute (subject.py): +" in shown


# --- what is kept


def test_what_was_planted_is_not_replayed_as_unchanged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.study.replay.SUITES", 1)
    pairs = [_pair(random.Random(0)) for _ in range(9)]
    kept.keep(tmp_path, _slot(0, 0.1, []), pairs, {})
    replay.keep(tmp_path)
    assert "9 recorded blocks of 1 cases" in replay.kept_table(tmp_path)


def test_the_replay_is_told_without_noisy_cases_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.study.replay.SUITES", 2)
    rng = random.Random(0)
    pairs = [_pair(rng) for _ in range(9)]
    for number, pair in enumerate(pairs):
        turn = Turn(True, 0, Timing(1.0, 1.0, 1.0), Timing(1.0 + 0.2 * (number % 3), 1.0, 1.0))
        pairs[number] = replace(pair, blocks=(*pair.blocks, Block("noisy", 1, (turn,) * 2, 0, 0, 0.0, 0.0)))
    kept.keep(tmp_path, _slot(0, 0.0, []), pairs, {})
    replay.keep(tmp_path)
    text = replay.kept_table(tmp_path)
    assert "`noisy` by " in text
    assert "27 recorded blocks of 3 cases" in text
    assert "18 recorded blocks of 2 cases" in text


def test_what_is_kept_of_a_slot_is_small_and_enough(tmp_path: Path) -> None:
    rng = random.Random(0)
    pairs, slot = [_pair(rng) for _ in range(30)], _slot(0, 0.0, [])
    kept.keep(tmp_path, slot, pairs, {"stored": {"a": {"mean": 1 / 3}}})
    assert kept.slots(tmp_path) == [slot]
    for stored, pair in zip(kept.pairs(tmp_path, 0), pairs, strict=True):
        assert log_ratios(stored.blocks[0])["wall"] == pytest.approx(log_ratios(pair.blocks[0])["wall"], abs=1e-5)
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) < 3000


def test_a_slot_counts_as_the_present_rule_judges_its_pairs(tmp_path: Path) -> None:
    rng = random.Random(0)
    slower, equal = ([_pair(rng, loss) for _ in range(40)] for loss in (0.2, 0.0))
    kept.keep(tmp_path, _slot(0, 0.1, []), slower, {})
    kept.keep(tmp_path, _slot(1, 0.0, ["a"]), equal, {})
    kept.keep(tmp_path, replace(_slot(2, 0.0, []), found={"gate": [], UNDECIDED: ["no time"]}), [], {})
    found = [slot.found for slot in verdicts.anew(tmp_path)]
    assert [each["gate"] for each in found] == [["a"], [], []]
    assert [each[UNDECIDED] for each in found] == [[], [], ["no time"]]
    assert "mean:5% stored" in found[0], "what rivals said is left as it was"


def test_the_command_replays_and_tells_what_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("benchmarks.study.replay.SUITES", 4)
    kept.keep(tmp_path, _slot(0, 0.0, []), [_pair(random.Random(0)) for _ in range(9)], {})
    command = ["--output", str(tmp_path), "--minutes", "0"]
    assert study.run(command) == study.run(command) == 0
    assert "Replay, in which nothing was measured: 4 pretended runs of 600 s" in study.section(tmp_path)
    assert capsys.readouterr().out == 2 * study.section(tmp_path)


@pytest.mark.usefixtures("_few_plugins")
def test_a_slot_is_judged_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # the real thing, as short as it can be: too short to decide anything
    monkeypatch.setattr("benchmarks.study.planting.TRIAL_BLOCK_S", 0.05)
    monkeypatch.setattr("benchmarks.study.planting.TRIAL_PAIRS", 1)
    monkeypatch.setattr("benchmarks.study.study.PLACES", {"compute": PLACES["compute"]})
    monkeypatch.setattr("benchmarks.study.replay.SUITES", 1)
    monkeypatch.setattr("benchmarks.study.replay.DEFAULT_BUDGET_S", 60.0)
    chosen = ["--loads", "quiet", "--shares", "0.1"]
    assert study.run(["--output", str(tmp_path), "--minutes", "0.001", "--budget-s", "1", *chosen]) == 0
    (slot,) = kept.slots(tmp_path)
    assert (slot.load, slot.share, slot.budget_s, slot.found["gate"]) == ("quiet", 0.1, 1.0, [])
    assert len(slot.found[UNDECIDED]) == len(kept.pairs(tmp_path, 0)[0].blocks) >= 12
    assert set(JUDGES) < set(slot.found)


def test_a_simulated_loss_is_found_after_a_few_pairs_and_equal_code_is_not_accused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    grave = [simulation.simulated("normal", 0.30, seed) for seed in range(3)]
    assert all(run.found and not run.accused for run in grave)
    assert max(run.pairs for run in grave) <= 10
    assert not simulation.simulated("autocorrelated bursts", 0.0, 0).accused
    monkeypatch.setattr(simulation, "CASES", 2)
    assert simulation.run(["--suites", "2", "--noises", "normal", "drift", "--output", str(tmp_path)]) == 0
    text = capsys.readouterr().out
    assert simulation.kept_table(tmp_path) == text
    assert sum(row.startswith(("| normal |", "| drift |")) for row in text.splitlines()) == 4
