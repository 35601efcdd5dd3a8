"""That a file of cases which cannot be imported, in head, in base or in both, costs itself only."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from benchgate.cli import run
from gate_toy import CASES, NO_TIME, SOURCE, Toy, make_toy

pytestmark = pytest.mark.whole_run

Said = Callable[[], str]

NEEDS_HEAD = "from toy import added\n\ndef test_{}(benchmark):\n    benchmark(added)\n"
TWICE = """
import pytest

def pytest_pycollect_makeitem(collector, name, obj):
    if name == "test_twice":
        return [pytest.Function.from_parent(collector, name=name) for _ in range(2)]
"""
#: Files of head; each name says what is wrong with it.
FILES = {
    "bench/bench_sound.py": CASES,
    "bench/bench_syntax.py": "def test_work(benchmark:\n",
    "bench/bench_broken_in_both.py": "import nowhere_to_be_found\n\ndef test_work(benchmark):\n    pass\n",
    "bench/bench_generated.py": CASES.replace("work", "_made"),
    "bench/bench_needs_head.py": NEEDS_HEAD.format("work"),
    "bench/bench_of_new_module.py": CASES.replace("toy", "fresh"),
    "fresh.py": SOURCE,
    "bench/bench_new.py": NEEDS_HEAD.format("added"),
    "bench/bench_skipped.py": "import pytest\n\npytest.importorskip('nowhere')\n\ndef test_a(benchmark):\n    pass\n",
    "bench/bench_skipped_tests.py": "import pytest\n\npytest.skip('no', allow_module_level=True)\n",
    "bench/bench_exits.py": "import sys\n\nsys.exit(0)\n",
    "bench/bench_ends_pytest.py": "import pytest\n\npytest.exit('enough')\n",
    "bench/bench_ends_the_process.py": "import os\n\nos._exit(4)\n",
    "bench/bench_crashes.py": "import ctypes\n\nctypes.string_at(0)\n",
    "bench/bench_ends_base.py": f"import os\nimport toy\n\nhasattr(toy, 'added') or os._exit(5)\n{CASES}",
    "bench/ending/conftest.py": "import os\n\nos._exit(6)\n",
    "bench/ending/bench_ending.py": CASES,
    "bench/bench_data.py": "from pathlib import Path\n\nDATA = Path('no/such/file.csv').read_text()\n",
    "bench/bench_uninstalled.py": f"import importlib.metadata\n\nimportlib.metadata.version('no-such-toy')\n{CASES}",
    "bench/bench_tolerance.py": f"import pytest\n{CASES}\n".replace(
        "def test", "@pytest.mark.tolerance('much')\ndef test"
    ),
    "bench/bench_twice.py": CASES.replace("test_work", "test_twice"),
    "bench/conftest.py": TWICE,
    "bench/sub/conftest.py": "raise RuntimeError('of a folder')\n",
    "bench/sub/bench_sub.py": CASES,
    "more/conftest.py": "raise RuntimeError('of a selected folder')\n",
    "more/bench_more.py": CASES,
    "more_of_the_same_name/bench_sound.py": CASES,
}
#: What is said of the file, folder or case.
NOT_COMPARED = {
    "bench/bench_syntax.py": "SyntaxError: '(' was never closed "
    '(File "{worktree}/bench/bench_syntax.py", line 1); base has 1 case there',
    "bench/bench_broken_in_both.py": "No module named 'nowhere_to_be_found'; nor in base; a library must be installed",
    "bench/bench_generated.py": "nor in base; if it is in a file that is generated and ignored by git, name that",
    "bench/bench_needs_head.py::test_work": "base: cannot be collected (bench/bench_needs_head.py: ImportError: "
    "cannot import name 'added' from 'toy' ({worktree}/toy.py)); what one revision lacks is best imported in the cases",
    "bench/bench_of_new_module.py::test_work": "has no fresh); what one revision lacks is best imported in the cases",
    "bench/bench_skipped.py": "skipped as a whole (could not import 'nowhere'",
    "bench/bench_exits.py": "SystemExit: 0",
    "bench/bench_ends_pytest.py": "Exit: enough",
    "bench/bench_ends_the_process.py": "the process ended unasked with status 4 while it was imported; base has 1 case",
    "bench/bench_crashes.py": "the process was killed by signal 11 while it was imported; nor in base",
    "bench/bench_ends_base.py::test_work": "base: cannot be collected (bench/bench_ends_base.py: the process ended "
    "unasked with status 5 while it was imported); head: ready",
    "bench/ending": "the process ended unasked with status 6 while it was imported",
    "bench/bench_data.py": "No such file or directory: 'no/such/file.csv'",
    "bench/bench_uninstalled.py": "PackageNotFoundError: No package metadata was found for no-such-toy, after "
    "StopIteration; base has no case there; what reads its own version from where it is installed must be installed",
    "bench/bench_tolerance.py::test_work": "give the marker tolerance one share",
    "bench/bench_twice.py::test_twice": "two cases have this id",
    "bench/sub": "RuntimeError: of a folder",
    "more": "RuntimeError: of a selected folder",
    "more_of_the_same_name/bench_sound.py": "import file mismatch:; base has no case there; two files of cases",
}


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Toy:
    """One whose head adds a function, and breaks the files of two cases."""
    made = make_toy(tmp_path / "toy")
    monkeypatch.chdir(made.root)
    both: tuple[str, ...] = ("sound.py", "broken_in_both.py", "generated.py", "skipped_tests.py", "crashes.py")
    lost = (
        "bench_syntax.py",
        "bench_needs_head.py",
        "sub/bench_sub.py",
        "bench_ends_the_process.py",
        "bench_ends_base.py",
        "bench_of_new_module.py",
    )
    own = dict.fromkeys((f"bench/{file}" for file in lost), CASES)
    made.commit(
        {"bench/bench_toy.py": None, **own, **{file: FILES[file] for file in (f"bench/bench_{name}" for name in both)}}
    )
    made.git("tag", "--force", "base")
    made.commit({"toy.py": SOURCE + "def added():\n    return 1\n", **FILES})
    return made


def test_files_that_cannot_be_imported_cost_themselves_only(toy: Toy, said: Said, tmp_path: Path) -> None:
    assert run([*NO_TIME, "bench", "more", "more_of_the_same_name", "--output", str(tmp_path / "output")]) == 3
    assert "bench/bench_exits.py cannot be collected in head: SystemExit: 0" in said()
    found = json.loads((tmp_path / "output/gate.json").read_text())["findings"]
    verdicts = {finding["case"]: (finding["verdict"], finding["why"]) for finding in found}
    assert verdicts.pop("bench/bench_sound.py::test_work") == ("inconclusive", "no time was left to measure it")
    assert verdicts.pop("bench/bench_new.py::test_added")[0] == "new"
    assert verdicts.keys() == NOT_COMPARED.keys(), "cases of base in files that head has broken are not missing"
    for case, (verdict, why) in verdicts.items():
        assert verdict == ("skipped" if case == "bench/bench_skipped.py" else "incomparable"), case
        assert NOT_COMPARED[case] in why


def test_a_case_that_is_asked_for_by_name_in_such_a_file_is_not_called_unknown(toy: Toy, said: Said) -> None:
    for file, why in (("bench_exits.py", "SystemExit: 0"), ("bench_needs_head.py", "ImportError: cannot")):
        assert run([*NO_TIME, f"bench/{file}::test_work", "bench/bench_sound.py"]) == 3
        words = said()
        assert f"bench/{file}: {why}" in words or f"bench/{file} cannot be collected in head: {why}" in words
        assert "1 inconclusive" in words
    assert run([*NO_TIME, "bench/bench_exits.py", "bench/bench_sound.py::test_none"]) == 2
    assert "not found: " in said()


def test_where_nothing_can_be_imported_the_run_says_so(toy: Toy, said: Said) -> None:
    assert run([*NO_TIME, "more"]) == 3
    assert "head's benchmarks cannot be collected: more: RuntimeError: of a selected folder" in said()


def test_where_a_conftest_ends_the_process_the_run_says_so(toy: Toy, said: Said) -> None:
    assert run([*NO_TIME, "bench/ending"]) == 3
    assert "ended unasked with status 6 before it came to any file, as by a conftest.py or a plugin" in said()


def test_a_shard_that_is_not_the_first_leaves_such_files_to_the_first(toy: Toy, said: Said) -> None:
    # without the files that end the process, each of which starts both arms anew
    selected = [f"bench/bench_{name}.py" for name in ("broken_in_both", "new", "sound", "syntax")]
    for shard in (1, 2):
        assert run([*NO_TIME, *selected, "--shard", f"{shard}/2"]) == 3
        words = said()
        assert f"this is shard {shard}/2" in words
        for name in ("broken_in_both", "syntax"):
            assert (f"incomparable: bench/bench_{name}.py: " in words) is (shard == 1)
