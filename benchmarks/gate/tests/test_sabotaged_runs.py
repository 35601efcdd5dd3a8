"""Ways to run the gate, or to break it, so that nothing is measured: none may end with exit status 0."""

import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from benchgate import __main__
from benchgate.cli import run
from gate_toy import CASES, SOURCE, Toy

pytestmark = pytest.mark.whole_run

WHOLE_RUNS: dict[str, tuple[dict[str, str | None], list[str], int]] = {
    "no such base": ({}, ["--base", "nowhere", "bench"], 2),
    "base is the working tree's name of nothing": ({}, ["--base", "", "bench"], 2),
    "base is dirty": ({}, ["--base", "working tree", "bench"], 2),
    "base is a tree, not a commit": ({}, ["--base", "base:bench", "bench"], 2),
    "no such path": ({}, ["--base", "base", "benhc"], 2),
    "path outside": ({}, ["--base", "base", "../elsewhere"], 2),
    "empty selection": ({}, ["--base", "base", "bench", "-k", "nothing_like_it"], 2),
    "bad selection": ({}, ["--base", "base", "bench", "-k", "not ("], 2),
    "no benchmark in the file": (
        {"bench/bench_toy.py": "def test_plain():\n    pass\n"}, ["--base", "base", "bench"], 2,
    ),
    "error in conftest": ({"bench/conftest.py": "raise RuntimeError\n"}, ["--base", "base", "bench"], 3),
    "exit in conftest": ({"bench/conftest.py": "import os\nos._exit(0)\n"}, ["--base", "base", "bench"], 3),
    "pytest.exit in conftest": (
        {"bench/conftest.py": "import pytest\npytest.exit('done', returncode=0)\n"}, ["--base", "base", "bench"], 3,
    ),
    "another benchmark fixture": (
        {"bench/conftest.py": "import pytest\n@pytest.fixture\ndef benchmark():\n    return lambda work: work()\n"},
        ["--base", "base", "bench"],
        3,
    ),
    "a case writes into the worktree": (
        {"bench/bench_toy.py": CASES + "    import toy, pathlib\n    pathlib.Path(toy.__file__).write_text('#')\n"},
        ["--base", "base", "bench", "--budget-s", "1"],
        3,
    ),
    "both arms import another copy": (
        {"bench/conftest.py": "import sys\nsys.path.insert(0, {elsewhere!r})\n"},
        ["--base", "base", "bench", "--budget-s", "1"],
        3,
    ),
    "no time": ({}, ["--base", "base", "bench", "--budget-s", "0.001"], 3),
    "wrong option": ({}, ["--base", "base", "--tolerance", "3%", "bench"], 2),
}  # fmt: skip


@pytest.mark.parametrize("name", WHOLE_RUNS)
def test_a_sabotaged_run_is_never_a_pass(name: str, toy: Toy, tmp_path: Path) -> None:
    files, arguments, status = WHOLE_RUNS[name]
    output = tmp_path / "output"
    output.mkdir()
    (output / "gate.xml").write_text("<testsuite failures='0' errors='0'/>")  # of an earlier run that passed
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "toy.py").write_text(SOURCE)
    toy.commit({file: text and text.replace("{elsewhere!r}", repr(str(elsewhere))) for file, text in files.items()})
    try:
        ended = run(["--budget-s", "6", "--output", str(output), *arguments])
        assert ET.parse(output / "gate.xml").getroot().get("errors") == "1"  # noqa: S314 (our own file)
    except SystemExit as error:  # argparse
        ended = int(error.code or 0)
    assert ended == status


@pytest.mark.parametrize("module", ["benchgate.cli", "benchgate.decide.estimate", "numpy"])
def test_a_gate_that_cannot_start_is_no_verdict(module: str, toy: Toy) -> None:
    # status 1 means that something regressed; Python ends with 1 after an exception
    script = f"import sys; sys.modules[{module!r}] = None; from benchgate.__main__ import main; sys.exit(main())"
    path = {"PYTHONPATH": os.pathsep.join(sys.path)}
    assert subprocess.run([sys.executable, "-c", script], env=os.environ | path, check=False).returncode == 3


def test_a_crash_of_the_gate_itself_is_no_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    def crash() -> int:
        raise RuntimeError

    monkeypatch.setattr("benchgate.cli.run", crash)
    assert __main__.main() == 3
