"""What lies beside a revision and is not in it: what git ignores, libraries made elsewhere, submodules."""

import _ctypes
import json
import subprocess
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest

from benchgate.cli import run
from benchgate.revisions.git import WORKING_TREE, resolve
from benchgate.revisions.worktrees import checkouts
from gate_toy import CASES, NO_TIME, SOURCE, Toy, make_toy

pytestmark = pytest.mark.whole_run

Said = Callable[[], str]

SUFFIX = sysconfig.get_config_var("EXT_SUFFIX")
NEEDS = {
    "from_it": "from from_it import _made", "whole": "import whole._made", "beside": "import made",
    "own_path": "open(Path(__file__).parents[1] / 'own_path/_made.py')", "path": "open('path/_made.py')",
}  # fmt: skip

RUNNING = """
from pathlib import Path
import toy

def test_data(benchmark):
    (Path(__file__).parents[1] / "path/_made.py").read_text()
    benchmark(toy.work)

def test_module(benchmark):
    import whole._made
    benchmark(toy.work)
"""


def test_what_git_ignores_is_to_be_carried(toy: Toy, said: Said, tmp_path: Path) -> None:
    code = {f"{name}/__init__.py": f"from pathlib import Path\n{needs}\n{SOURCE}" for name, needs in NEEDS.items()}
    cases = {f"bench/bench_{name}.py": CASES.replace("from toy", f"from {name}") for name in NEEDS}
    cases["bench/bench_running.py"] = RUNNING
    toy.commit({".gitignore": "*made.py\n", **code, **cases})
    toy.git("tag", "--force", "base")
    toy.write({"made.py": "", **{f"{name}/_made.py": "" for name in NEEDS}})
    assert run([*NO_TIME, "bench", "--output", str(tmp_path)]) == 3
    found = json.loads((tmp_path / "gate.json").read_text())["findings"]
    whys = {finding["case"]: finding["why"] for finding in found if finding["verdict"] == "incomparable"}
    running = {f"bench/bench_running.py::test_{name}" for name in ("data", "module")}
    assert whys.keys() == (cases.keys() - {"bench/bench_running.py"}) | running
    for why in whys.values():
        assert "with carry" in why
        assert "what one revision lacks" not in why
    said()
    del cases["bench/bench_running.py"]
    assert run([*NO_TIME, *cases]) == 3, "where there is nothing else"
    words = said()
    assert "error: head's benchmarks cannot be collected: " in words
    assert "with carry" in words
    assert run([*NO_TIME, "bench", "--carry", "*/_made.py", "--carry", "made.py"]) == 3
    assert "8 inconclusive" in said()


def test_generated_files_are_carried(toy: Toy, said: Said) -> None:
    toy.commit(
        {".gitignore": "toy/_version.py\n", "toy.py": None, "toy/__init__.py": "from ._version import v\n" + SOURCE}
    )
    toy.git("tag", "--force", "base")
    toy.write({"toy/_version.py": "v = 1\n"})
    assert run([*NO_TIME, "bench"]) == 3
    words = said()
    assert "No module named 'toy._version'" in words
    assert "name them with carry" in words
    assert run([*NO_TIME, "bench", "--carry", "toy/_version.py"]) == 3
    assert "measured: `toy`" in said()
    assert run([*NO_TIME, "bench", "--carry", "nothing.py"]) == 2
    assert "carry" in said()
    assert run([*NO_TIME, "bench", "--carry", "toy/__init__.py"]) == 2, "it would be head's code in both arms"
    assert "git keeps toy/__init__.py" in said()
    toy.write({".gitignore": "toy/_version.py\n*.so\n", f"toy/_fast{SUFFIX}": ""})
    assert run([*NO_TIME, "bench", "--carry", "toy/*"]) == 3
    assert "base has no compiled toy._fast" in said(), "what is carried is the same in both"


def test_a_library_that_is_carried_is_not_measured_where_its_sources_changed(toy: Toy, said: Said) -> None:
    toy.commit({".gitignore": "out/\n", "fast.c": "int a;"})
    toy.git("tag", "--force", "base")
    toy.write({"out/libfast.so": "\x7fELF", "out/made.txt": "MADE"})
    assert run([*NO_TIME, "bench", "--carry", "out/*"]) == 3
    assert "carried from the checkout, the same in both arms: out/libfast.so, out/made.txt" in said()
    toy.commit({"fast.c": "int b;"})
    assert run([*NO_TIME, "bench", "--carry", "out/*"]) == 3
    words = said()
    assert "fast.c changed, and out/libfast.so, which is carried, is compiled: both arms would run one build" in words
    assert run([*NO_TIME, "bench", "--carry", "out/made.txt"]) == 3
    assert "measured: `toy` from base, head" in said()
    assert run([*NO_TIME, "bench", "--carry", "out/*", "--prepare", "true"]) == 3
    assert "measured: `toy` from base, head" in said()


def test_sources_that_changed_and_are_loaded_from_no_revision_are_named(toy: Toy, said: Said) -> None:
    toy.commit({"fast.c": "int b;"})
    told = "fast.c changed, but no case has loaded a library that is a revision's own"
    assert run([*NO_TIME, "bench"]) == 3
    assert told in said()
    compiled = "import ctypes, pathlib\nctypes.CDLL(str(next(pathlib.Path(__file__).parent.glob('_fast*'))))\n"
    (toy.root / f"_fast{SUFFIX}").write_bytes(Path(_ctypes.__file__).read_bytes())
    toy.moved({"toy.py": compiled + SOURCE})
    toy.commit({"fast.c": "int c;"})
    assert run([*NO_TIME, "bench"]) == 3
    words = said()
    assert "`toy` from base, head" in words
    assert told not in words


def test_submodules_are_at_their_own_commits(
    toy: Toy, said: Said, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)  # bytecode is no change of a submodule
    part = make_toy(tmp_path / "part")
    toy.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(part.root), "vendor/part")
    toy.commit({"toy.py": "import sys\nsys.path.insert(0, __file__[:-6] + 'vendor/part')\n"
                "import importlib\nwork = importlib.import_module('part').work\n"})  # fmt: skip
    part.commit({"part.py": SOURCE})
    subprocess.run(["git", "pull", "--quiet"], cwd=toy.root / "vendor/part", check=True)
    toy.commit({})
    toy.git("tag", "--force", "base")
    assert run([*NO_TIME, "bench"]) == 3
    words = said()
    assert "base/vendor/part" in words
    assert "head/vendor/part" in words


def test_what_is_not_committed_in_a_submodule_is_part_of_the_working_tree(toy: Toy, tmp_path: Path) -> None:
    part = make_toy(tmp_path / "part")
    toy.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(part.root), "vendor/part")
    base = toy.commit({})
    assert resolve(toy.root, WORKING_TREE).commit == base, "nothing differs from it"
    toy.write({"vendor/part/toy.py": "changed = 1\n", "vendor/part/new.py": "new = 1\n"})
    before = toy.git("status", "--porcelain")
    with checkouts(toy.root, resolve(toy.root, base), resolve(toy.root, WORKING_TREE)) as trees:
        assert (trees.base / "vendor/part/toy.py").read_text() == SOURCE
        assert (trees.head / "vendor/part/toy.py").read_text() == "changed = 1\n"
        assert (trees.head / "vendor/part/new.py").exists()
    assert toy.git("status", "--porcelain") == before


def test_a_case_that_writes_into_a_submodule_is_named(toy: Toy, said: Said, tmp_path: Path) -> None:
    part = make_toy(tmp_path / "part")
    toy.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(part.root), "vendor/part")
    writes = "\ndef test_writes(benchmark):\n    import pathlib, toy\n    benchmark(work)\n    {file}.write_text('#')\n"
    file = "pathlib.Path(toy.__file__).with_name('vendor').joinpath('part', 'toy.py')"
    toy.commit({"bench/bench_toy.py": CASES + writes.format(file=file)})
    assert run([*NO_TIME, "bench"]) == 3
    words = said()
    assert "base: failed (call: FileNotFoundError" in words, "base has no submodule yet"
    assert "it writes into the files it is made of: vendor/part/toy.py" in words
    assert "measured: `toy` from base, head" in words
