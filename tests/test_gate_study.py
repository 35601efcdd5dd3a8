"""The study's own parts: what is planted, what the rivals would say, how slots are counted, the replay."""

import json
import random
from pathlib import Path

import psutil
import pytest

from benchmarks.gate import replay, rivals
from benchmarks.gate.load import load
from benchmarks.gate.planting import commit_planted, planted, statement
from benchmarks.gate.records import Block, Pair, Sample, Turn
from benchmarks.gate.subject import PLACES, make_subject
from benchmarks.gate.tally import Slot, clopper_pearson, tally
from benchmarks.gate.worktrees import git


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


def test_clopper_pearson_agrees_with_published_values() -> None:
    # 299 runs without an alarm show 1% at 95% (one-sided); a textbook case: 4 of 10 gives 0.122 to 0.738
    assert clopper_pearson(0, 299, 0.90)[1] == pytest.approx(0.01, abs=1e-4)
    assert clopper_pearson(4, 10) == pytest.approx((0.1216, 0.7376), abs=1e-4)
    assert clopper_pearson(10, 10)[1] == 1.0


def test_the_tally_separates_false_alarms_from_finds() -> None:
    slots = [
        Slot(0, "quiet", "worker", "a", 0.0, {"gate": []}),
        Slot(1, "quiet", "worker", "a", 0.0, {"gate": ["b"]}),
        Slot(2, "quiet", "worker", "a", 0.05, {"gate": ["a", "b"]}),
        Slot(3, "quiet", "worker", "a", 0.05, {"gate": []}),
    ]
    rows = [row for row in tally(slots).splitlines() if "gate" in row]
    assert [cell.strip() for cell in rows[0].split("|")[1:8]] == ["quiet", "0%", "gate", "1", "2", "1% to 99%", ""]
    assert [cell.strip() for cell in rows[1].split("|")[4:8]] == ["1", "2", "1% to 99%", "1"]


def _pair(rng: random.Random) -> Pair:
    def block(case: str) -> Block:
        head = Sample(rng.lognormvariate(0, 0.005), 1.0, 1.0)
        return Block(case, 1, (Turn(True, 0, Sample(1.0, 1.0, 1.0), head),) * 2, 0, 0, 0.0, 0.0)

    return Pair(1, "screen", 0, 0, 1.0, (block("a"), block("b")), ())


def test_pairs_survive_being_stored_and_the_replay_finds_what_it_adds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = random.Random(0)
    pairs = [_pair(rng) for _ in range(30)]
    stored = json.loads(json.dumps([pair.as_json() for pair in pairs]))
    assert [Pair.from_json(pair) for pair in stored] == pairs
    (tmp_path / "gate.json").write_text(json.dumps({"pairs": stored}))
    assert replay.run([str(tmp_path / "gate.json"), "--suites", "10"]) == 0
    rows = [row.split("|")[1:5] for row in capsys.readouterr().out.splitlines() if row.startswith(("| 0%", "| 10%"))]
    assert (rows[0][1].strip(), rows[-1][1].strip()) == ("0", "10")
