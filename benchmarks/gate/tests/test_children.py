"""That processes which a case starts run their own revision, or are said not to."""

import json
import math
import os
import sys
from pathlib import Path

import pytest

from benchgate.cli import run
from benchgate.measure.children import sitecustomize
from benchgate.measure.spawned import Children, Spawned
from gate_toy import NO_TIME, SOURCE, Toy

pytestmark = pytest.mark.whole_run

LED = {"PYTHONPATH": str(Path(sitecustomize.__file__).parent), sitecustomize.VARIABLE: ""}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with an installed copy, and with a script that needs it."""
    files = {"copy/toy.py": "", "copy/script.py": "import toy", "bin/toy": f"#!{sys.executable} -s\nimport toy"}
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    return tmp_path


@pytest.mark.parametrize(("words", "environment", "found"), [
    ([sys.executable, "-m", "toy"], {}, False),
    ([sys.executable, "-m", "toy"], {"PYTHONPATH": "{place}/copy"}, True),
    ([sys.executable, "-m", "toy"], {"PYTHONPATH": "copy"}, True),
    ([sys.executable, "-W", "error", "copy/script.py", "-I"], {}, True),
    ([sys.executable, "-BI", "copy/script.py"], {"PYTHONPATH": "copy"}, False),
    (["toy", "--version"], {"PATH": "{place}/bin", "PYTHONPATH": "copy"}, True),
    (["/bin/sh", "-c", f"cd / && '{sys.executable}' -m toy"], {"PYTHONPATH": "copy"}, True),
    # led to its own revision
    ([sys.executable, "-m", "toy"], {"PYTHONPATH": f"{LED['PYTHONPATH']}:copy", sitecustomize.VARIABLE: ""}, False),
    # nothing of Python, whatever its environment
    (["git", "--version"], {"PYTHONPATH": "copy", "PATH": os.environ["PATH"]}, False),
    (["cc", "-o", "python"], {"PYTHONPATH": "copy", "PATH": os.environ["PATH"]}, False),
    (["no-such-program"], {"PYTHONPATH": "copy"}, False),
])  # fmt: skip
def test_a_python_that_nothing_leads_is_asked_where_it_finds_the_project(
    words: list[str], environment: dict[str, str], found: bool, place: Path
) -> None:
    variables = tuple((name, value.format(place=place)) for name, value in environment.items())
    answer = Spawned(tuple(words), str(place), variables).asked(["toy"])
    assert answer == ({"toy": str(place / "copy/toy.py")} if found else {})


def test_the_leading_options_of_python_keep_it_from_being_led(place: Path) -> None:
    led = tuple((LED | {"PATH": os.environ["PATH"]}).items())
    assert Spawned((sys.executable, "-c", ""), str(place), led).asked(["pytest"]) == {}
    for option in ("-I", "-Ic", "-E", "-sS"):
        found = Spawned((sys.executable, option, ""), str(place), led).asked(["os"])
        assert set(found) == {"os"}, option


def test_what_the_case_itself_has_installed_is_its_own(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "addaudithook", lambda _: None)  # it could not be taken away again
    of_others = place / "bin"
    for own, began_s, shared in ((place, math.inf, False), (of_others, 0.0, False), (of_others, math.inf, True)):
        children = Children(["toy"], [str(own)])
        children._began_s = began_s
        children._hear("subprocess.Popen", (sys.executable, [sys.executable, b"-m", "toy"], place / "copy", {}))
        assert (str(place / "copy/toy.py") in children.astray()) == shared
        assert children.astray() == ""
    children._hear("subprocess.Popen", (None, None, None, None))
    children._hear("open", ("file", "r", 0))
    assert children.astray() == ""


CASES = """
import os, subprocess, sys
import pytest

WORK = [sys.executable, "-c", "from toy.core import work; work(10)"]

def test_led(benchmark):
    benchmark(subprocess.run, WORK, cwd="/", check=True)

def test_astray(benchmark):
    benchmark(subprocess.run, WORK, cwd="/", env={{"PYTHONPATH": {copy!r}}}, check=True)

def test_astray_in_a_fixture(benchmark, astray):
    benchmark(subprocess.run, WORK, cwd="/", check=True)

@pytest.fixture
def astray():
    subprocess.run(["/bin/sh", "-c", sys.executable + " -c 'import toy'"], env={{"PYTHONPATH": {copy!r}}})

def test_another_program(benchmark):
    benchmark(subprocess.run, ["git", "--version"], cwd="/", env={{"PATH": os.environ["PATH"]}}, check=True)

def test_another_python(benchmark):
    benchmark(subprocess.run, [sys.executable, "-c", ""], cwd="/", env={{}}, check=True)
"""


def test_a_case_that_starts_a_python_with_another_copy_is_incomparable(
    toy: Toy, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "copy"
    for name in ("__init__", "core"):
        (copy / "toy").mkdir(parents=True, exist_ok=True)
        (copy / f"toy/{name}.py").write_text(SOURCE)
    cases = CASES.format(copy=str(copy))
    toy.moved({"src/toy/__init__.py": "", "src/toy/core.py": SOURCE, "bench/bench_toy.py": cases})
    assert run([*NO_TIME, "bench", "--output", str(tmp_path / "output")]) == 3
    assert "measured: `toy` from base/src, head/src" in " ".join(capsys.readouterr().out.split()), "by other processes"
    findings = json.loads((tmp_path / "output/gate.json").read_text())["findings"]
    found = {finding["case"].partition("::")[2]: (finding["verdict"], finding["why"]) for finding in findings}
    for name in ("test_astray", "test_astray_in_a_fixture"):
        verdict, why = found.pop(name)
        assert verdict == "incomparable"
        assert f"it starts a Python that finds toy in {copy}/toy/__init__.py" in why
        assert "pass os.environ on to it" in why
    assert {verdict for verdict, _ in found.values()} == {"inconclusive"}, "there was no time for more"
