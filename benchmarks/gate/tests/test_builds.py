"""That what is compiled beside a revision is its own, or is refused."""

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
from gate_toy import NO_TIME, SETTINGS, SOURCE, Toy

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
    ({"fast.pyx": ""}, "no compiled fast, which is known from its source fast.pyx"),
    ({"pyproject.toml": "[build-system]\nbuild-backend = 'maturin'\n"}, "built by maturin"),
])  # fmt: skip
def test_a_project_that_has_to_be_built_is_refused(
    files: dict[str, str | None], why: str, toy: Toy, said: Said
) -> None:
    toy.moved({"toy/__init__.py": SOURCE, **files})
    assert run([*NO_TIME, "bench"]) == 3
    assert why in said()


@pytest.mark.parametrize("file", ["toy/_fast.pyx", "fast.pyx"])
def test_what_pyximport_compiles_is_to_be_compiled_in_its_place(file: str, toy: Toy, said: Said) -> None:
    toy.moved({"toy/__init__.py": f"import pyximport\n{SOURCE}", file: ""})
    assert run([*NO_TIME, "bench"]) == 3
    assert 'Have each revision built: prepare = "cythonize --inplace **/*.pyx"' in said()


def test_what_pyximport_has_compiled_for_both_revisions_is_refused(toy: Toy, said: Said, tmp_path: Path) -> None:
    shared = tmp_path / ".pyxbld/lib/toy.py"
    shared.parent.mkdir(parents=True)
    shared.write_text(SOURCE)
    found = f"spec = util.spec_from_file_location('toy', {str(shared)!r})\n"
    loaded = "sys.modules['toy'] = util.module_from_spec(spec)\nspec.loader.exec_module(sys.modules['toy'])\n"
    toy.commit({"bench/conftest.py": f"import sys\nfrom importlib import util\n{found}{loaded}"})
    assert run([*NO_TIME, "bench"]) == 3
    words = said()
    assert f"loaded toy from {shared}, which both arms would share: have each revision built: " in words
    assert 'prepare = "cythonize --inplace **/*.pyx"' in words


def test_a_compiled_module_beside_the_code_of_the_checkout_is_wanted_too(toy: Toy, said: Said) -> None:
    toy.commit({".gitignore": "*.so\n"})
    (toy.root / "libother.so").touch()  # no module
    (toy.root / f"_toyfast{SUFFIX}").touch()
    assert run([*NO_TIME, "bench"]) == 3
    words = said()
    assert "no compiled _toyfast, which is known from this checkout" in words
    assert "libother" not in words


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
