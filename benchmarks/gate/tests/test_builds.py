"""That what is compiled, generated or fetched beside a revision is its own, or is refused."""

import _ctypes
import json
import subprocess
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest

from benchgate.cli import run
from benchgate.errors import GateError
from benchgate.measure.collecting import check_collected
from benchgate.measure.messages import Collected
from benchgate.revisions.builds import _OF_BUILDS, built
from benchgate.revisions.compiled import compiled_by, of_another_python
from benchgate.revisions.git import WORKING_TREE, resolve
from benchgate.revisions.worktrees import checkouts
from gate_toy import CASES, NO_TIME, SETTINGS, SOURCE, Toy, make_toy

pytestmark = pytest.mark.whole_run

Said = Callable[[], str]


@pytest.mark.parametrize(("files", "why"), [
    ({"pyproject.toml": "[build-system]\nrequires = ['maturin>=1']\n"}, "is built by maturin"),
    ({"pyproject.toml": "[build-system]\nrequires = ['setuptools', 'Cython>=3']\n"}, "is built by cython"),
    ({"pyproject.toml": "[tool.setuptools]\next-modules = [{name = 'a'}]\n"}, "has extension modules (ext-modules)"),
    ({"setup.py": "setup(ext_modules=[Extension('toy._fast', ['f.c'])])\n"},
     "has extension modules (ext_modules in setup.py)"),
    ({"pyproject.toml": "[build-system]\nrequires = ['hatchling']\n[project]\nkeywords = ['maturin', 'cython']\n"}, ""),
])  # fmt: skip
def test_what_is_compiled_is_known_from_how_it_is_built(files: dict[str, str | None], why: str, tmp_path: Path) -> None:
    Toy(tmp_path).write(files)
    assert compiled_by(tmp_path, is_installed=False) == why
    assert (compiled_by(tmp_path, is_installed=True) != "") == ("maturin" in why), "the others may do without"


def test_a_build_is_kept_for_what_it_was_made_from(toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    command, log = "cp toy.py {target}", tmp_path / "log"
    first = built(command, toy.root, log)
    assert built(command, toy.root, log) == first
    monkeypatch.setenv("CFLAGS", "-O0")
    assert built(command, toy.root, log) != first
    monkeypatch.delenv("CFLAGS")
    toy.write({"_version.py": "carried = 1\n"})
    assert built(command, toy.root, log) != first
    assert built("cp toy.py fast.py", toy.root, log) == toy.root, "without {target} it is built in place"
    assert (toy.root / "fast.py").exists()
    with pytest.raises(GateError, match=r"has put nothing into \{target\}"):
        built("true {target}", toy.root, log)
    monkeypatch.setenv("XDG_CACHE_HOME", str(log))
    with pytest.raises(GateError, match="set XDG_CACHE_HOME"):
        built(command, toy.root, log)


@pytest.mark.parametrize(("name", "counts"), [
    ("CFLAGS", True), ("LDSHARED", True), ("RUSTC", True), ("CPATH", True), ("C_INCLUDE_PATH", True),
    ("PKG_CONFIG_PATH", True), ("MULTIDICT_NO_EXTENSIONS", True), ("DISABLE_SQLALCHEMY_CEXT", True),
    ("CMAKE_ARGS", True), ("PATH", False), ("HOME", False), ("CI", False),
])  # fmt: skip
def test_variables_that_change_a_build_are_known(name: str, counts: bool) -> None:
    assert bool(_OF_BUILDS.fullmatch(name)) is counts


SUFFIX = sysconfig.get_config_var("EXT_SUFFIX")


def test_a_compiled_module_of_the_checkout_that_no_worktree_has_is_refused(toy: Toy, said: Said) -> None:
    toy.moved({"toy/__init__.py": SOURCE, ".gitignore": "*.so\n"})
    (toy.root / f"toy/_fast{SUFFIX}").touch()
    assert run([*NO_TIME, "bench"]) == 3
    words = said()
    assert "no compiled toy._fast, which is known from this checkout" in words
    assert "prepare =" in words


def test_a_compiled_module_of_the_installed_distribution_that_no_worktree_has_is_refused(
    toy: Toy, said: Said, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    toy.moved({"toy/__init__.py": SOURCE})
    info = tmp_path / "site-packages/toy-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: toy\nVersion: 1\n")
    (info / "RECORD").write_text(f"toy/__init__.py,,\ntoy/_fast{SUFFIX},,\n")
    monkeypatch.syspath_prepend(str(info.parent))
    assert run([*NO_TIME, "bench"]) == 3
    assert "no compiled toy._fast, which is known from the installed toy" in said()


@pytest.mark.parametrize(("files", "why"), [
    ({"toy/_fast.pyx": ""}, "its source toy/_fast.pyx"),
    ({"pyproject.toml": "[build-system]\nbuild-backend = 'maturin'\n"}, "built by maturin"),
])  # fmt: skip
def test_a_project_that_has_to_be_built_is_refused(
    files: dict[str, str | None], why: str, toy: Toy, said: Said
) -> None:
    toy.moved({"toy/__init__.py": SOURCE, **files})
    assert run([*NO_TIME, "bench"]) == 3
    assert why in said()


EXTENSION = """
#include <Python.h>
static PyObject *work(PyObject *self, PyObject *none) {{ return PyLong_FromLong({value}); }}
static PyMethodDef methods[] = {{{{"work", work, METH_NOARGS, ""}}, {{NULL}}}};
static struct PyModuleDef module = {{PyModuleDef_HEAD_INIT, "_fast", "", -1, methods}};
PyMODINIT_FUNC PyInit__fast(void) {{ return PyModule_Create(&module); }}
"""
BUILD = """
import subprocess, sys, sysconfig
from pathlib import Path
worktree, target = map(Path, sys.argv[1:])
(target / "toy").mkdir(parents=True)
(target / "toy/__init__.py").write_text((worktree / "toy/__init__.py").read_text())
out = target / ("toy/_fast" + sysconfig.get_config_var("EXT_SUFFIX"))
include = sysconfig.get_paths()["include"]
subprocess.run(["cc", "-shared", "-fPIC", "-I", include, "-o", out, worktree / "toy/fast.c"], check=True)
"""
SEEN = """
import subprocess, sys
from toy import _fast

def test_work(benchmark):
    with open({seen!r}, "a") as seen:
        seen.write(f"{{benchmark(_fast.work)}} ")
    subprocess.run([sys.executable, "-c", "from toy._fast import work; print(work())"], stdout=open({seen!r}, "a"))
"""


def test_each_revision_is_built_once_and_its_own_build_is_measured(
    toy: Toy, said: Said, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    seen = tmp_path / "seen"
    # the cases lie in the package, and not in what is built of it
    toy.moved({"toy/__init__.py": "", "toy/fast.c": EXTENSION.format(value=1), "build.py": BUILD, "pytest.ini": None,
                "toy/pytest.ini": SETTINGS, "toy/bench/__init__.py": "", "toy/bench/bench_toy.py":
                SEEN.format(seen=str(seen))})  # fmt: skip
    toy.commit({"toy/fast.c": EXTENSION.format(value=2)})
    prepare = ["--prepare", "python {worktree}/build.py {worktree} {target}"]
    assert run([*NO_TIME, "toy/bench", *prepare]) == 3
    assert "measured: `toy` from base's build, head's build" in said()
    assert sorted(seen.read_text().splitlines()) == ["1 1", "2 2"], "here, and in a process below"
    before = {file: file.stat().st_mtime_ns for file in (tmp_path / "cache").rglob("*.so")}
    assert run([*NO_TIME, "toy/bench", *prepare]) == 3
    assert {file: file.stat().st_mtime_ns for file in (tmp_path / "cache").rglob("*.so")} == before
    assert len(before) == 2


OTHER = "cpython-27-nowhere.so"


@pytest.mark.parametrize(("files", "others"), [
    ([f"toy/_fast.{OTHER}"], [f"toy/_fast.{OTHER}"]), ([f"toy/_fast.{OTHER}", f"toy/_fast{SUFFIX}"], []),
    ([f"toy/_fast.{OTHER}", "toy/_fast.abi3.so"], []), (["toy/libx.1.2.so", "toy/a.so", "toy/cpython-.py"], []),
])  # fmt: skip
def test_modules_of_another_python_are_known(files: list[str], others: list[str]) -> None:
    assert of_another_python(files) == others


def test_a_build_for_another_python_is_refused(
    toy: Toy, said: Said, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # as of a pip that is found on the path, for this environment has none
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    toy.moved({"toy/__init__.py": SOURCE, "toy/_fast.c": ""})
    build = (
        f"import shutil, pathlib; shutil.copytree('toy', r'{{target}}/toy'); open(r'{{target}}/toy/_fast.{OTHER}', 'w')"
    )
    assert run([*NO_TIME, "bench", "--prepare", f'python -c "{build}"']) == 3
    words = said()
    assert f"base's build has toy/_fast.{OTHER}, which this Python cannot load: have prepare name it" in words


def test_a_build_where_no_program_may_run_is_called_that() -> None:
    said = "ImportError: {worktree}/_fast.so: failed to map segment from shared object"
    with pytest.raises(GateError, match=r"\(noexec\): set TMPDIR, or XDG_CACHE_HOME for builds"):
        check_collected(Collected([], errors={"bench/bench_toy.py": said}))


@pytest.mark.parametrize(("command", "status", "why"), [
    ("python -c 'raise SystemExit(\"out of order\")'", 3, "out of order"),
    ("no-such-program {target}", 2, "cannot be started"),
    ("python {elsewhere}", 2, "may name {target}, {worktree} and {python}"),
])  # fmt: skip
def test_a_build_that_fails_says_why(
    command: str, status: int, why: str, toy: Toy, said: Said, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert run([*NO_TIME, "bench", "--prepare", command]) == status
    assert why in said()
    assert [*(tmp_path / "cache").rglob("*.*")] == []


#: By the name of a package of the project, what it does with a file that git ignores.
NEEDS = {
    "from_it": "from from_it import _made", "whole": "import whole._made", "beside": "import made",
    "own_path": "open(Path(__file__).parents[1] / 'own_path/_made.py')", "path": "open('path/_made.py')",
}  # fmt: skip


def test_what_git_ignores_is_to_be_carried(toy: Toy, said: Said, tmp_path: Path) -> None:
    code = {f"{name}/__init__.py": f"from pathlib import Path\n{needs}\n{SOURCE}" for name, needs in NEEDS.items()}
    cases = {f"bench/bench_{name}.py": CASES.replace("from toy", f"from {name}") for name in NEEDS}
    toy.commit({".gitignore": "*made.py\n", **code, **cases})
    toy.git("tag", "--force", "base")
    toy.write({"made.py": "", **{f"{name}/_made.py": "" for name in NEEDS}})
    assert run([*NO_TIME, "bench", "--output", str(tmp_path)]) == 3
    found = json.loads((tmp_path / "gate.json").read_text())["findings"]
    whys = {finding["case"]: finding["why"] for finding in found if finding["verdict"] == "incomparable"}
    assert whys.keys() == cases.keys()
    for why in whys.values():
        assert "with carry" in why
        assert "what one revision lacks" not in why
    said()
    assert run([*NO_TIME, *cases]) == 3, "where there is nothing else"
    words = said()
    assert "error: head's benchmarks cannot be collected: " in words
    assert "with carry" in words
    assert run([*NO_TIME, "bench", "--carry", "*/_made.py", "--carry", "made.py"]) == 3
    assert "6 inconclusive" in said()


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
