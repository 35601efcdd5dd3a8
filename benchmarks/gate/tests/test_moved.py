"""That cases which are moved, or no longer selected, are compared by their new ids, or named."""

import argparse
from collections.abc import Callable
from pathlib import Path

import pytest

from benchgate.base_cases import collect_both
from benchgate.cli import run
from benchgate.revisions.definitions import moved
from benchgate.revisions.git import resolve
from benchgate.revisions.worktrees import checkouts
from benchgate.settings import add_comparison, settings
from benchgate.uncompared import missing
from gate_toy import CASES, NO_TIME, SETTINGS, SOURCE, Toy, toy_sites
from test_uncompared import verdicts_in

pytestmark = pytest.mark.whole_run

Said = Callable[[], str]

PATHS = "[tool.benchgate]\npaths = ['{}']\n"
THERE = f"""
import pytest
{CASES}

def test_skipped_since(benchmark):
    benchmark(work)

@pytest.mark.skip(reason="never here")
def test_always_skipped(benchmark):
    benchmark(work)
"""
REMOVED = """
def test_removed(benchmark):
    benchmark(work)
"""
SKIPPED = THERE.replace(
    "\ndef test_skipped_since", "\n@pytest.mark.skip(reason='too slow now')\ndef test_skipped_since"
)
NEW = "\ndef test_new(benchmark):\n    from toy import added\n    benchmark(added)\n"


def moved_folder(toy: Toy) -> None:
    """Moves the cases to another folder, with the settings that select them."""
    toy.commit({"pyproject.toml": PATHS.format("bench"), "bench/bench_toy.py": THERE + REMOVED})
    toy.git("tag", "--force", "base")
    (toy.root / "speed").mkdir()
    toy.git("mv", "bench", "speed/cases")
    toy.commit({"pyproject.toml": PATHS.format("speed/cases"), "speed/cases/bench_toy.py": SKIPPED + NEW,
                "toy.py": f"{SOURCE}\n\ndef added():\n    return 1\n"})  # fmt: skip


def test_what_moves_with_its_folder_is_compared_and_what_is_lost_is_named(toy: Toy, said: Said, tmp_path: Path) -> None:
    moved_folder(toy)
    assert run([*NO_TIME, "--output", str(tmp_path / "out")]) == 3
    file = "speed/cases/bench_toy.py"
    assert "moved, and compared by the ids that cases have in head: bench/bench_toy.py to " + file in said()
    found = {case.removeprefix(file): verdict for case, verdict in verdicts_in(tmp_path / "out").items()}
    assert {case: verdict for case, (verdict, _) in found.items()} == {
        "::test_work": "inconclusive",
        "::test_skipped_since": "incomparable",
        "::test_always_skipped": "skipped",
        "::test_new": "new",
        "::test_removed": "missing",
    }
    assert found["::test_skipped_since"][1].endswith("too slow now); base's own definition does not skip it")


def lost(toy: Toy, tmp_path: Path, *words: str) -> list[str]:
    """The cases that only base has, where the command has these words more."""
    parser = argparse.ArgumentParser()
    add_comparison(parser)
    asked = settings(parser.parse_args(words), toy.root, toy.root)
    base, head = (resolve(toy.root, name) for name in ("base", "HEAD"))
    with checkouts(toy.root, base, head) as trees:
        sites = toy_sites(toy, trees, tmp_path, asked.paths)
        known, now = collect_both(*sites, asked, moved(toy.root, base, head))
    assert now.cases
    return [trouble.case for trouble in missing(known.collected, now)]


def test_where_a_folder_was_is_known_without_settings(toy: Toy, tmp_path: Path) -> None:
    moved_folder(toy)
    assert lost(toy, tmp_path, "speed/cases") == ["speed/cases/bench_toy.py::test_removed"]


ALL, ONE, OTHER = PATHS.format("bench"), PATHS.format("bench/bench_toy.py"), "bench/bench_other.py::test_work"


@pytest.mark.parametrize(("then", "now", "asked", "named"), [
    (ALL, ONE, [], [OTHER]),
    (ALL, ONE, ["bench/bench_toy.py"], []),
    (f"{ALL}keyword = 'work'\n", f"{ONE}keyword = 'not other'\n", [], [OTHER]),
    (f"{ALL}no-such-key = 1\n", ONE, [], []),
], ids=["paths", "asked for by name", "keyword", "settings of another version"])  # fmt: skip
def test_what_settings_no_longer_select_is_named(
    then: str, now: str, asked: list[str], named: list[str], toy: Toy, tmp_path: Path
) -> None:
    toy.commit({"pyproject.toml": then, "bench/bench_other.py": CASES})
    toy.git("tag", "--force", "base")
    toy.commit({"pyproject.toml": now})
    assert lost(toy, tmp_path, *asked) == named


def test_cases_whose_ids_count_from_another_folder_now_are_not_missing(toy: Toy, tmp_path: Path) -> None:
    toy.commit({"pytest.ini": None, "bench/pytest.ini": SETTINGS, "bench/bench_new.py": CASES})
    assert lost(toy, tmp_path, "bench") == []
