"""That never the same code is measured twice: each trap is a toy project, with what a user expects."""

import json
import os
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest

import benchgate
from benchgate.cli import run
from benchgate.errors import GateError
from benchgate.measure.children import sitecustomize
from benchgate.measure.children.sitecustomize import OwnRevisionFinder
from benchgate.measure.messages import Collected
from benchgate.measure.origin import Loaded
from benchgate.measure.site import check_collected
from benchgate.revisions.builds import built
from benchgate.revisions.compiled import compiled_by
from benchgate.revisions.packages import packages_of
from gate_toy import CASES, SETTINGS, SOURCE, Toy, make_toy

pytestmark = pytest.mark.whole_run

#: Comparisons that end before they measure: after everything has been collected and tried out.
NO_TIME = ["--base", "base", "--budget-s", "0.001"]

Said = Callable[[], str]


def moved(toy: Toy, layout: dict[str, str | None]) -> None:
    """The toy with its one module elsewhere, in base and head alike."""
    toy.commit({"toy.py": None, **layout})
    toy.git("tag", "--force", "base")


SETUP = "[build-system]\nrequires = ['setuptools']\n[project]\nname = 'toy'\nversion = '1'\n"
LAYOUTS: dict[str, tuple[dict[str, str | None], str]] = {
    "src": ({"src/toy/__init__.py": SOURCE}, "base/src, head/src"),
    "python, below a folder": ({"bindings/pyproject.toml": SETUP, "bindings/python/toy/__init__.py": SOURCE},
                               "base/bindings/python, head/bindings/python"),
    "monorepo": ({"packages/a/pyproject.toml": SETUP, "packages/a/src/toy/__init__.py": SOURCE},
                 "base/packages/a/src, head/packages/a/src"),
    "declared": ({"pyproject.toml": SETUP + "[tool.setuptools.packages.find]\nwhere = ['code']\n",
                  "code/toy/__init__.py": SOURCE}, "base/code, head/code"),
    "flat, below a folder": ({"client/setup.py": "", "client/toy.py": SOURCE}, "base/client, head/client"),
}  # fmt: skip


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_project_is_found_wherever_it_lies(layout: str, toy: Toy, said: Said) -> None:
    files, places = LAYOUTS[layout]
    moved(toy, files)
    assert run([*NO_TIME, "bench"]) == 3
    assert f"measured: `toy` from {places}" in said()


def test_a_namespace_package_is_found_by_its_whole_name(toy: Toy, said: Said) -> None:
    cases = CASES.replace("from toy", "from company.toy")
    moved(toy, {"src/company/toy/__init__.py": SOURCE, "bench/bench_toy.py": cases})
    assert run([*NO_TIME, "bench"]) == 3
    assert "measured: `company.toy` from base/src, head/src" in said()


def test_an_editable_installation_does_not_come_first(
    toy: Toy, said: Said, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved(toy, {"src/toy/__init__.py": SOURCE})
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(toy.root / "src"), os.environ.get("PYTHONPATH", "")]))
    assert run([*NO_TIME, "bench"]) == 3
    assert "measured: `toy` from base/src, head/src" in said()


def test_a_finder_of_an_editable_installation_is_not_asked_for_what_this_revision_has(toy: Toy, tmp_path: Path) -> None:
    toy.write({"base/toy/__init__.py": "", "base/toy/core.py": "", "base/other.py": ""})
    finder = OwnRevisionFinder({"toy": [str(toy.root / "base")]})
    package = finder.find_spec("toy")
    assert package is not None
    core = finder.find_spec("toy.core", package.submodule_search_locations)
    assert core is not None
    assert core.origin == str(toy.root / "base/toy/core.py")
    assert finder.find_spec("toy._built", package.submodule_search_locations) is None, "that is up to other finders"
    assert finder.find_spec("other", [str(toy.root / "base")]) is None
    with pytest.raises(ModuleNotFoundError, match="this revision of the project has no"):
        OwnRevisionFinder({"toy": [str(tmp_path / "nothing")]}).find_spec("toy")


def test_every_process_of_an_arm_finds_its_own_revision_and_the_environments_own_customization(toy: Toy) -> None:
    toy.write({
        "environment/sitecustomize.py": "import sys\nsys.customized = True\n",
        "environment/toy.py": "place = 'installed'", "toy.py": "place = 'checkout'", "build/toy.py": "place = 'build'",
    })  # fmt: skip
    children = Path(sitecustomize.__file__).parent
    told = {sitecustomize.VARIABLE: sitecustomize.written({"toy": [str(toy.root / "build")]})}
    script = "import sys, toy; print(toy.place, sys.customized, sys.argv[1] in sys.path)"
    for path, place in ((f"{children}{os.pathsep}", "build"), ("", "checkout")):
        environment = {"PYTHONPATH": f"{path}{toy.root / 'environment'}", **told}
        words = [sys.executable, "-c", script, str(children)]
        done = subprocess.run(words, cwd=toy.root, env=environment, capture_output=True, text=True, check=False)
        assert done.stdout.split() == [place, "True", "False"], done.stderr


def test_what_the_gate_itself_has_loaded_is_nothing_of_the_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sitecustomize", sitecustomize)
    assert Loaded([], [str(Path(benchgate.__file__).parents[2])]).news().get("sitecustomize") is None


def test_a_package_is_found_by_the_name_that_is_installed(
    toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = tmp_path / "site-packages/toy_project-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-project\nVersion: 1\n")
    (info / "RECORD").write_text("toy/__init__.py,,\ntoy_project-1.dist-info/METADATA,,\n")
    monkeypatch.syspath_prepend(str(info.parent))
    toy.write({"pyproject.toml": "[project]\nname = 'Toy.project'\n"})
    files = ["pyproject.toml", "backend/toy/__init__.py", "backend/toy/core.py"]
    found = packages_of(toy.root, files, ())
    assert found.folders["toy"] == ("backend",)
    assert "backend" in found.roots


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


@pytest.mark.parametrize("how", [
    # a copy that a conftest loads by its file
    "import importlib.util, sys\nspec = importlib.util.spec_from_file_location('toy', {file!r})\n"
    "sys.modules['toy'] = module = importlib.util.module_from_spec(spec)\nspec.loader.exec_module(module)\n",
    # a finder of an editable installation that puts itself first
    "import importlib.util, sys\nclass Finder:\n    def find_spec(name, path=None, target=None):\n"
    "        return importlib.util.spec_from_file_location(name, {file!r}) if name == 'toy' else None\n"
    "sys.meta_path.insert(0, Finder)\n",
], ids=["by its file", "by a finder"])  # fmt: skip
@pytest.mark.parametrize("place", ["checkout", "site"])
def test_code_from_elsewhere_is_refused_before_anything_is_measured(
    how: str, place: str, toy: Toy, said: Said, tmp_path: Path
) -> None:
    copy = tmp_path / "site-packages/toy.py"
    copy.parent.mkdir()
    copy.write_text(SOURCE)
    file = toy.root / "toy.py" if place == "checkout" else copy
    toy.commit({"bench/conftest.py": how.format(file=str(file))})
    assert run([*NO_TIME, "bench"]) == 3
    words = said()
    assert f"did not measure its own revision but loaded toy from {file}" in words
    assert "prepare =" in words
    assert " pair " not in words


def test_a_module_that_is_loaded_by_the_case_only_counts_too(toy: Toy, said: Said) -> None:
    elsewhere = toy.root / "helpers/extra.py"
    lazy = f"\n    import sys\n    sys.path.insert(0, {str(elsewhere.parent)!r})\n    import extra\n"
    toy.commit({"helpers/extra.py": "", "bench/bench_toy.py": CASES + lazy})
    assert run([*NO_TIME, "bench"]) == 3
    assert f"loaded extra from {elsewhere}" in said()


def test_what_the_cases_import_while_they_run_is_measured(toy: Toy, said: Said) -> None:
    toy.commit({"bench/bench_toy.py": "def test_work(benchmark):\n    import toy\n    benchmark(toy.work)\n"})
    assert run([*NO_TIME, "bench"]) == 3
    assert "measured: `toy` from base, head" in said()


def test_cases_that_run_nothing_of_the_project_are_refused(toy: Toy, said: Said) -> None:
    toy.commit({"bench/bench_toy.py": "def test_work(benchmark):\n    benchmark(sum, range(9))\n"})
    assert run([*NO_TIME, "bench"]) == 3
    assert "no module of the project outside the case definitions was loaded" in said()


def test_the_code_beside_a_case_is_each_revisions_own(toy: Toy, said: Said) -> None:
    moved(toy, {"toy/__init__.py": "", "toy/core.py": SOURCE, "bench/bench_toy.py": None,
                "toy/bench_core.py": CASES.replace("from toy", "from toy.core")})  # fmt: skip
    toy.commit({"toy/core.py": SOURCE.replace("6000", "1")})
    for path in ("toy", "toy/bench_core.py"):
        assert run([*NO_TIME, path]) == 3
        words = said()
        assert "measured: `toy` from base, head" in words
        assert "toy/bench_core.py from head in both arms" in words
        assert "toy/core.py" not in words


def test_code_in_the_folder_of_the_cases_is_refused(toy: Toy, said: Said) -> None:
    moved(toy, {"bench/core.py": SOURCE, "bench/bench_toy.py": CASES.replace("from toy", "from core")})
    assert run([*NO_TIME, "bench"]) == 3
    assert "no module of the project outside the case definitions was loaded" in said()
    assert run([*NO_TIME, "bench/bench_toy.py"]) == 3
    assert "measured: `core` from base/bench, head/bench" in said()


SUFFIX = sysconfig.get_config_var("EXT_SUFFIX")


def test_a_compiled_module_of_the_checkout_that_no_worktree_has_is_refused(toy: Toy, said: Said) -> None:
    moved(toy, {"toy/__init__.py": SOURCE, ".gitignore": "*.so\n"})
    (toy.root / f"toy/_fast{SUFFIX}").touch()
    assert run([*NO_TIME, "bench"]) == 3
    words = said()
    assert "no compiled toy._fast, which is known from this checkout" in words
    assert "prepare =" in words


def test_a_compiled_module_of_the_installed_distribution_that_no_worktree_has_is_refused(
    toy: Toy, said: Said, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved(toy, {"toy/__init__.py": SOURCE})
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
    moved(toy, {"toy/__init__.py": SOURCE, **files})
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
    moved(toy, {"toy/__init__.py": "", "toy/fast.c": EXTENSION.format(value=1), "build.py": BUILD, "pytest.ini": None,
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


def test_a_build_where_no_program_may_run_is_called_that() -> None:
    said = "bench/bench_toy.py: ImportError: {worktree}/_fast.so: failed to map segment from shared object"
    with pytest.raises(GateError, match=r"\(noexec\): set TMPDIR, or XDG_CACHE_HOME for builds"):
        check_collected(Collected([], errors=[said]))


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


def test_generated_files_are_carried(toy: Toy, said: Said) -> None:
    toy.commit(
        {".gitignore": "toy/_version.py\n", "toy.py": None, "toy/__init__.py": "from ._version import v\n" + SOURCE}
    )
    toy.git("tag", "--force", "base")
    toy.write({"toy/_version.py": "v = 1\n"})
    assert run([*NO_TIME, "bench"]) == 3
    assert "No module named 'toy._version'" in said()
    assert run([*NO_TIME, "bench", "--carry", "toy/_version.py"]) == 3
    assert "measured: `toy`" in said()
    assert run([*NO_TIME, "bench", "--carry", "nothing.py"]) == 2
    assert "carry" in said()
    assert run([*NO_TIME, "bench", "--carry", "toy/__init__.py"]) == 2, "it would be head's code in both arms"
    assert "git keeps toy/__init__.py" in said()
    toy.write({".gitignore": "toy/_version.py\n*.so\n", f"toy/_fast{SUFFIX}": ""})
    assert run([*NO_TIME, "bench", "--carry", "toy/*"]) == 3
    assert "base has no compiled toy._fast" in said(), "what is carried is the same in both"


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


def test_a_change_of_libraries_is_said(toy: Toy, said: Said) -> None:
    toy.commit({"requirements.txt": "numpy\n"})
    assert run([*NO_TIME, "bench"]) == 3
    assert "requirements.txt changed" in said()


def test_a_projects_own_packages_are_not_shadowed_by_the_gate(toy: Toy, said: Said) -> None:
    names = ("benchgate", "benchmarks", "measure")
    cases = f"import {', '.join(names)}\n{CASES}    assert benchgate.own + benchmarks.own + measure.own == 3\n"
    moved(
        toy, {"toy.py": SOURCE, "bench/bench_toy.py": cases, **{f"{name}/__init__.py": "own = 1\n" for name in names}}
    )
    assert run([*NO_TIME, "bench"]) == 3
    words = said()
    assert "measured: `benchgate`, `measure`, `toy` from base, head" in words  # `benchmarks` has the name of cases
    assert "incomparable" not in words


def test_options_of_the_project_stay_unless_they_spoil_the_measurement(toy: Toy, said: Said) -> None:
    options = "-n 2 --cov=toy -x --benchmark-disable --import-mode=importlib -p helper --own-flag -p no:benchmark"
    settings = f"[pytest]\npython_files = bench_*.py\naddopts = {options}\npythonpath = bench\n"
    helper = (
        "import pytest\ndef pytest_addoption(parser):\n    parser.addoption('--own-flag', action='store_true')\n"
        "    parser.addoption('--randomly-seed', default='default')\n"  # as of pytest-randomly
        "@pytest.hookimpl(wrapper=True)\ndef pytest_collection_modifyitems(items):\n    yield\n    items.reverse()\n"
    )
    cases = CASES.replace("(benchmark)", "(benchmark, pytestconfig)") + (
        "    assert pytestconfig.getoption('--own-flag')\n"
        "    assert pytestconfig.getoption('importmode') == 'importlib'\n"
        "    assert pytestconfig.getoption('verbose') == 2\n"
        "    import os\n"
        "    assert pytestconfig.getoption('randomly_seed') == int(os.environ['PYTHONHASHSEED'])\n"
        "def test_other(benchmark):\n    benchmark(work)\n"
    )
    toy.commit({"pytest.ini": settings, "helper.py": helper, "bench/bench_toy.py": cases})
    toy.git("tag", "--force", "base")
    assert run([*NO_TIME, "bench", "--pytest-arg=-vv"]) == 3
    words = said()
    assert "measured: `helper`, `toy`" in words
    assert "incomparable" not in words


def test_paths_count_from_the_current_folder(toy: Toy, said: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    # pyproject.toml is among the case definitions here, and tells where the project lies all the same
    moved(toy, {"packages/a/src/toy/__init__.py": SOURCE, "packages/a/pyproject.toml": SETUP,
                "packages/a/bench/bench_toy.py": CASES,
                "packages/a/pytest.ini": "[pytest]\npython_files = bench_*.py\n"})  # fmt: skip
    monkeypatch.chdir(toy.root / "packages/a")
    assert run([*NO_TIME, "bench"]) == 3
    words = said()
    assert "bench/bench_toy.py::test_work" in words
    assert "measured: `toy` from base/packages/a/src, head/packages/a/src" in words


def test_the_gate_is_not_on_the_path_of_the_arms(toy: Toy, said: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    own = str(Path(benchgate.__file__).parents[1])
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([own, "/somewhere"]))
    monkeypatch.setenv("COVERAGE_PROCESS_START", "setup.cfg")
    cases = f"{CASES}    import os\n    assert 'COVERAGE_PROCESS_START' not in os.environ\n"
    cases += f"    assert {own!r} not in os.environ['PYTHONPATH'].split(os.pathsep)\n"
    toy.commit({"bench/bench_toy.py": cases + "    assert '/somewhere' in os.environ['PYTHONPATH']\n"})
    assert run([*NO_TIME, "bench"]) == 3
    assert "incomparable" not in said()


CODSPEED = '''
import pytest
import pytest_benchmark.fixture

class BenchmarkFixture:
    """What pytest-codspeed's fixture does where its runner is not: it calls once."""

    @property
    def __class__(self):  # as the real one does where both plugins are installed
        return pytest_benchmark.fixture.BenchmarkFixture

    def __init__(self, request):
        self._request, self._called, self.extra_info = request, False, {}

    def __call__(self, target, *args, **kwargs):
        return self.pedantic(target, args, kwargs)

    def pedantic(self, target, args=(), kwargs={}, setup=None, teardown=None, rounds=1, warmup_rounds=0, iterations=1):
        assert not self._called
        self._called = True
        return target(*args, **kwargs)

@pytest.fixture
def codspeed_benchmark(request):
    return BenchmarkFixture(request)

@pytest.fixture
def benchmark(codspeed_benchmark):
    return codspeed_benchmark
'''
CODSPEED_CASES = """
import pytest
from toy import work

def test_called(benchmark):
    assert benchmark(work) > 0

def test_decorated(benchmark):
    @benchmark
    def _():
        work()

def test_own_name(codspeed_benchmark):
    codspeed_benchmark.pedantic(work, rounds=5)

@pytest.mark.benchmark
def test_marked_as_a_whole():
    work()

def test_plain():
    work()
"""


def test_cases_of_pytest_codspeed_are_measured(toy: Toy, said: Said, tmp_path: Path) -> None:
    plugin: dict[str, str | None] = {f"bench/pytest_codspeed/{name}.py": "" for name in ("__init__", "plugin")}
    plugin["bench/pytest_codspeed/plugin.py"] = CODSPEED
    settings = SETTINGS + "pythonpath = bench\nmarkers = benchmark\n"
    conftest = "from pytest_codspeed.plugin import benchmark, codspeed_benchmark\n"
    toy.commit({**plugin, "bench/conftest.py": conftest, "bench/bench_toy.py": CODSPEED_CASES, "pytest.ini": settings})
    toy.git("tag", "--force", "base")
    assert run([*NO_TIME, "bench", "--output", str(tmp_path)]) == 3
    found = json.loads((tmp_path / "gate.json").read_text())["findings"]
    assert {finding["verdict"] for finding in found} == {"inconclusive"}, "tried out, and only lacking time"
    names = [finding["case"].partition("::")[2] for finding in found]
    assert names == ["test_called", "test_decorated", "test_own_name", "test_marked_as_a_whole"]
