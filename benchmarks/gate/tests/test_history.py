"""What comparisons found over time: kept, put in order, drawn, and the steps at which a case changed."""

import json
import random
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from benchgate.cli import run
from benchgate.errors import GateError
from benchgate.history.record import Folder, Notes, Record
from benchgate.history.series import Step, changes_in, levels
from benchgate.measure.records import Block, Pair, Timing, Turn
from gate_toy import SOURCE, Toy

Said = Callable[[], str]
CASE = "bench/b.py::test_<one>&|`"


def steps_of(*middles: float, error: float = 0.003, seed: int = 0) -> list[Step]:
    rng = random.Random(seed)
    return [Step(str(at), str(at + 1), rng.gauss(middle, error), error) for at, middle in enumerate(middles)]


@pytest.mark.simulated
def test_a_step_and_a_gain_are_found_where_they_are() -> None:
    for seed in range(20):
        found = changes_in(steps_of(*[0.0] * 20, 0.05, *[0.0] * 20, -0.04, *[0.0] * 5, seed=seed))
        assert [(change.first, change.last) for change in found] == [(20, 20), (41, 41)]
        assert [round(change.ratio, 2) for change in found] == [
            pytest.approx(1.05, abs=0.02),
            pytest.approx(0.96, abs=0.02),
        ]


@pytest.mark.simulated
def test_many_small_losses_are_one_change() -> None:
    found = [changes_in(steps_of(*[0.0] * 20, *[0.006] * 12, *[0.0] * 20, seed=seed)) for seed in range(20)]
    assert sum(len(changes) == 1 for changes in found) >= 16
    assert sum(bool(changes) for changes in found) >= 19, "no single step is twice its error"


@pytest.mark.simulated
def test_noise_alone_rarely_changes() -> None:
    assert sum(bool(changes_in(steps_of(*[0.0] * 60, seed=seed))) for seed in range(60)) <= 2
    assert changes_in([]) == ()
    assert len(changes_in(steps_of(0.05))) == 1


def test_levels_go_on_from_the_base_of_each_step() -> None:
    steps = [Step("a", "b", 0.1, 0.01), Step("b", "c", 0.1, 0.01), Step("b", "d", 0.0, 0.01), Step("x", "y", 0.0, 0.01)]
    assert levels(steps) == pytest.approx([1.105, 1.221, 1.105, 1.105], abs=1e-3)


def kept_run(toy: Toy, base: str, head: str, ratio: float, to: Path) -> Path:
    """A gate.json of ten pairs in which the case takes `ratio` times as long in head."""
    turn = Turn(True, 0, Timing(1.0, 1.0, 1.0), Timing(ratio, ratio, 1.0))
    pairs = [Pair(n, 0, 0, 1.0, (Block(CASE, 1, (turn, turn), 5, 5, 0.0, 0.0),), ()) for n in range(10)]
    metric = dict.fromkeys(("ratio", "lower", "upper", "visible", "evidence"), 1.0)
    metric |= {"metric": "wall", "verdict": "unchanged", "pairs": 10}  # type: ignore[dict-item]
    finding = {"case": CASE, "verdict": "unchanged", "why": "", "metrics": [metric]}
    commits = {name: {"name": name, "commit": toy.git("rev-parse", name)} for name in (base, head)}
    stored = {
        "format_version": 4, "base": commits[base], "head": commits[head], "tolerance": 0.03, "alpha": 0.01,
        "budget_s": 600, "shard": [1, 1], "notes": [], "stopped": "", "findings": [finding], "explanations": [],
        "pairs": [pair.as_json() for pair in pairs],
    }  # fmt: skip
    to.write_text(json.dumps(stored))
    return to


@pytest.mark.whole_run
@pytest.mark.parametrize("place", ["notes", "folder"])
def test_what_is_kept_becomes_a_page(place: str, toy: Toy, said: Said, tmp_path: Path) -> None:
    where = ["--folder", str(tmp_path / "kept")] if place == "folder" else []
    for number, ratio in enumerate([1.0, 1.001, 1.1, 0.999]):
        toy.commit({"toy.py": f"n = {number}\n"})
        file = kept_run(toy, "HEAD~1", "HEAD", ratio, tmp_path / "gate.json")
        assert run(["history", "add", str(file), *where]) == 0
        assert run(["history", "add", str(file), *where]) == 0, "in place of the first"
    slow = toy.git("rev-parse", "--short", "HEAD~1")
    toy.git("checkout", "--quiet", "-b", "topic", "HEAD~2")
    toy.commit({"toy.py": "topic = 1\n"})
    file = kept_run(toy, "HEAD~1", "HEAD", 3.0, tmp_path / "gate.json")
    assert run(["history", "add", str(file), *where]) == 0
    toy.git("checkout", "--quiet", "main")
    said()
    page = tmp_path / "history.html"
    assert run(["history", "page", "--output", str(page), *where]) == 0
    words = said()
    assert f"{CASE}: +10.0% with {slow} (change)" in words
    assert "4 comparisons" in words
    assert "1 of commits that are not in the first-parent history of HEAD are left out" in words
    drawing = page.read_text()
    assert 'class="slower"' in drawing
    assert "<one>" not in drawing, "ids are text, whatever is in them"
    picture = drawing[drawing.index("<svg") : drawing.index("</svg>") + 6]
    assert len(ET.fromstring(picture)) == 5  # noqa: S314 (our own text): a line and four points
    assert toy.git("status", "--porcelain") == ""
    assert "fetch-depth" not in words


@pytest.mark.whole_run
def test_a_shallow_clone_lacks_what_is_drawn_and_says_so(
    toy: Toy, said: Said, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heads = [toy.commit({"toy.py": f"n = {number}\n"}) for number in range(2)]
    Notes(toy.root).add(Record("base", heads[0], {CASE: {"wall": [0.0, 0.1, 0.2]}}))
    toy.git("clone", "--quiet", "--depth", "1", f"file://{toy.root}", str(tmp_path / "clone"))
    monkeypatch.chdir(tmp_path / "clone")
    toy.git("-C", str(tmp_path / "clone"), "fetch", "--quiet", "origin", f"{Notes.REF}:{Notes.REF}")
    assert run(["history", "page"]) == 2
    assert "fetch-depth: 0" in said()
    Notes(tmp_path / "clone").add(Record(heads[0], heads[1], {CASE: {"wall": [0.0, 0.1, 0.2]}}))
    assert run(["history", "page"]) == 0
    assert "history of HEAD are left out; this clone is shallow" in said()


@pytest.mark.whole_run
def test_what_is_not_there_or_not_ours_is_said(toy: Toy, said: Said, tmp_path: Path) -> None:
    assert run(["history", "page"]) == 2
    assert "add them with benchgate history add" in said()
    assert run(["history", "add", str(tmp_path / "nothing.json")]) == 2
    toy.write({"toy.py": SOURCE + "# changed\n"})
    assert run(["--base", "base", "bench", "--budget-s", "0.001", "--output", str(tmp_path / "out")]) == 3
    assert run(["history", "add", str(tmp_path / "out/gate.json")]) == 2
    assert "compare with --head HEAD" in said()
    toy.git("notes", "--ref=benchgate", "add", "-m", "a note of somebody")
    assert run(["history", "page"]) == 3
    assert "holds no record of benchgate" in said()
    record = Record("a" * 40, toy.git("rev-parse", "HEAD"), {})
    with pytest.raises(GateError, match="update"):
        Record.parsed(record.as_text().replace('"format_version": 1', '"format_version": 2'), "x")
    for kept in (Notes(toy.root), Folder(tmp_path / "kept")):
        kept.add(record)
        assert kept.all() == [record]
        assert kept.of(record.head) == record
        assert kept.of("b" * 40) is None


@pytest.mark.whole_run
@pytest.mark.parametrize("place", ["notes", "folder"])
def test_shards_and_what_was_confirmed_add_to_what_is_kept(place: str, toy: Toy, said: Said, tmp_path: Path) -> None:
    toy.commit({"toy.py": "n = 1\n"})
    kept = Notes(toy.root) if place == "notes" else Folder(tmp_path / "kept")
    where = ["--folder", str(tmp_path / "kept")] if place == "folder" else []
    file = kept_run(toy, "HEAD~1", "HEAD", 1.1, tmp_path / "gate.json")
    other = kept_run(toy, "HEAD~1", "HEAD", 1.2, tmp_path / "other.json")
    other.write_text(other.read_text().replace("b.py::", "other.py::"))
    assert [run(["history", "add", str(each), *where]) for each in (file, other, file)] == [0, 0, 0]
    (record,) = kept.all()
    assert {case: round(ratios["wall"][0], 2) for case, ratios in record.ratios.items()} == {
        CASE: 0.10, CASE.replace("b.py::", "other.py::"): 0.18,
    }  # fmt: skip


@pytest.mark.parametrize("where", [[], ["--folder", "kept"]])
def test_a_repository_without_commits_is_called_that(
    where: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: Said
) -> None:
    root = tmp_path / "empty"
    root.mkdir()
    Toy(root).git("init", "--quiet")
    monkeypatch.chdir(root)
    assert run(["history", "page", *where]) == 2
    assert said() == "error: there is no commit yet, so that there is nothing to compare with"


def test_comparisons_that_hold_too_few_pairs_are_not_said_to_be_none(toy: Toy, said: Said) -> None:
    Notes(toy.root).add(Record("0" * 40, toy.git("rev-parse", "HEAD"), {CASE: {"wall": [0.0, 0.1]}}))
    assert run(["history", "page"]) == 2
    assert said() == "error: of the comparisons in git notes (refs/notes/benchgate), none has 3 pairs of a case"


def test_a_branch_without_commits_is_called_that(toy: Toy, said: Said) -> None:
    toy.git("checkout", "--quiet", "--orphan", "new")
    for words in (["history", "page"], ["bisect", "base", "HEAD"], ["doctor"], ["--base", "base"]):
        assert run(words) == 2
        assert "error: there is no commit yet, so that there is nothing to compare with" in said()
