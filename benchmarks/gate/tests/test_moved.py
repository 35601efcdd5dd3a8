"""That cases which are moved, or no longer selected, are compared by their new ids, or named."""

from collections.abc import Callable
from pathlib import Path

import pytest

from benchgate.cli import run
from gate_toy import CASES, NO_TIME, SETTINGS, SOURCE, Toy
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


@pytest.mark.parametrize("asked", [[], ["speed/cases"]], ids=["by settings", "by name"])
def test_what_moves_with_its_folder_is_compared_and_what_is_lost_is_named(
    asked: list[str], toy: Toy, said: Said, tmp_path: Path
) -> None:
    toy.commit({"pyproject.toml": PATHS.format("bench"), "bench/bench_toy.py": THERE + REMOVED})
    toy.git("tag", "--force", "base")
    (toy.root / "speed").mkdir()
    toy.git("mv", "bench", "speed/cases")
    toy.commit({"pyproject.toml": PATHS.format("speed/cases"), "speed/cases/bench_toy.py": SKIPPED + NEW,
                "toy.py": f"{SOURCE}\n\ndef added():\n    return 1\n"})  # fmt: skip
    assert run([*NO_TIME, *asked, "--output", str(tmp_path / "out")]) == 3
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


@pytest.mark.parametrize(("before", "now"), [
    (PATHS.format("bench"), PATHS.format("bench/bench_toy.py")),
    (PATHS.format("bench"), PATHS.format("bench") + "keyword = 'not other'\n"),
], ids=["paths", "keyword"])  # fmt: skip
def test_what_is_no_longer_selected_is_named(before: str, now: str, toy: Toy, tmp_path: Path) -> None:
    toy.commit({"pyproject.toml": before, "bench/bench_other.py": CASES})
    toy.git("tag", "--force", "base")
    toy.commit({"pyproject.toml": now})
    assert run([*NO_TIME, "--output", str(tmp_path / "out")]) == 3
    found = verdicts_in(tmp_path / "out")
    assert found.pop("toy.py::test_work")[0] == "inconclusive"
    assert found == {"other.py::test_work": (
        "missing", "base has this case, head has not: removed or renamed, or no longer selected"
    )}  # fmt: skip


def test_what_was_asked_for_by_name_is_all_that_is_asked_for(toy: Toy, tmp_path: Path) -> None:
    toy.commit({"pyproject.toml": PATHS.format("bench"), "bench/bench_other.py": CASES})
    toy.git("tag", "--force", "base")
    toy.commit({"pyproject.toml": PATHS.format("bench/bench_toy.py")})
    assert run([*NO_TIME, "bench/bench_toy.py", "--output", str(tmp_path / "out")]) == 3
    assert [*verdicts_in(tmp_path / "out")] == ["toy.py::test_work"]


def test_cases_whose_ids_count_from_another_folder_now_are_not_missing(toy: Toy, tmp_path: Path) -> None:
    toy.commit({"pytest.ini": None, "bench/pytest.ini": SETTINGS, "bench/bench_new.py": CASES})
    assert run([*NO_TIME, "bench", "--output", str(tmp_path / "out")]) == 3
    found = verdicts_in(tmp_path / "out")
    assert {case: verdict for case, (verdict, _) in found.items()} == dict.fromkeys(
        ["bench_new.py::test_work", "bench_toy.py::test_work"], "inconclusive"
    )
