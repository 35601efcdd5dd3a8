"""That never the same code is measured twice: each trap is a toy project, with what a user expects."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

import benchgate
from benchgate.cli import run
from benchgate.measure.children import sitecustomize
from benchgate.measure.children.sitecustomize import OwnRevisionFinder
from benchgate.measure.origin import Loaded
from benchgate.revisions.packages import packages_of
from gate_toy import CASES, NO_TIME, SOURCE, Toy

pytestmark = pytest.mark.whole_run

Said = Callable[[], str]


SETUP = "[build-system]\nrequires = ['setuptools']\n[project]\nname = '{}'\nversion = '1'\n"
#: By the name of a module, the files of a project that has it, and the folder that it is loaded from.
LAYOUTS: dict[str, tuple[dict[str, str | None], str]] = {
    "src": ({"src/of_src/__init__.py": SOURCE}, "src"),
    "python": ({"bindings/pyproject.toml": SETUP.format("of_python"), "bindings/python/of_python/__init__.py": SOURCE},
               "bindings/python"),
    "monorepo": ({"packages/a/pyproject.toml": SETUP.format("of_monorepo"),
                  "packages/a/src/of_monorepo/__init__.py": SOURCE}, "packages/a/src"),
    "declared": ({"other/pyproject.toml": SETUP.format("of_declared")
                  + "[tool.setuptools.packages.find]\nwhere = ['code']\n",
                  "other/code/of_declared/__init__.py": SOURCE}, "other/code"),
    "flat": ({"client/setup.py": "", "client/of_flat.py": SOURCE}, "client"),
}  # fmt: skip


def test_projects_are_found_wherever_they_lie(toy: Toy, said: Said) -> None:
    # one repository with all of them, each imported by a file of cases of its own
    files = {file: text for own, _ in LAYOUTS.values() for file, text in own.items()}
    cases = {f"bench/bench_{name}.py": CASES.replace("from toy", f"from of_{name}") for name in LAYOUTS}
    toy.moved({**files, **cases, "bench/bench_toy.py": None})
    assert run([*NO_TIME, "bench"]) == 3
    words = said()
    assert "5 inconclusive" in words
    names = ", ".join(f"`of_{name}`" for name in sorted(LAYOUTS))
    places = ", ".join(
        f"{arm}/{place}" for arm in ("base", "head") for place in sorted(of for _, of in LAYOUTS.values())
    )
    assert f"measured: {names} from {places} " in words


def test_a_project_at_the_root_is_found_where_it_is_declared_to_lie(toy: Toy, said: Said) -> None:
    where = "[tool.setuptools.packages.find]\nwhere = ['code']\n"
    toy.moved({"pyproject.toml": SETUP.format("toy") + where, "code/toy/__init__.py": SOURCE})
    assert run([*NO_TIME, "bench"]) == 3
    assert "measured: `toy` from base/code, head/code" in said()


def test_a_namespace_package_is_found_by_its_whole_name(toy: Toy, said: Said) -> None:
    cases = CASES.replace("from toy", "from company.toy")
    toy.moved({"src/company/toy/__init__.py": SOURCE, "bench/bench_toy.py": cases})
    assert run([*NO_TIME, "bench"]) == 3
    assert "measured: `company.toy` from base/src, head/src" in said()


def test_a_package_is_found_by_a_link(toy: Toy, said: Said) -> None:
    (toy.root / "python").mkdir()
    (toy.root / "python/toy").symlink_to("../shared/toy")
    (toy.root / "python/all").symlink_to("..")
    toy.moved({"shared/toy/__init__.py": SOURCE, "pyproject.toml": SETUP})
    assert run([*NO_TIME, "bench"]) == 3
    assert "measured: `toy` from base/shared, head/shared" in said()


def test_an_editable_installation_does_not_come_first(
    toy: Toy, said: Said, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    toy.moved({"src/toy/__init__.py": SOURCE})
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
    toy.write({"told": sitecustomize.written({"toy": [str(toy.root / "build")]})})
    told = {sitecustomize.VARIABLE: str(toy.root / "told")}
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


def test_an_installed_copy_is_refused_though_no_folder_here_has_its_name(
    toy: Toy, said: Said, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "site-packages"
    for file, text in {
        "toy_project-1.dist-info/METADATA": "Metadata-Version: 2.1\nName: toy-project\nVersion: 1\n",
        "toy_project-1.dist-info/RECORD": "toy/__init__.py,,\nspace/toy.py,,\n", "toy/__init__.py": SOURCE,
    }.items():  # fmt: skip
        (place / file).parent.mkdir(parents=True, exist_ok=True)
        (place / file).write_text(text)
    monkeypatch.syspath_prepend(str(place))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(place), os.environ.get("PYTHONPATH", "")]))
    toy.moved({"toy_src/__init__.py": SOURCE, "helper.py": "", "bench/bench_toy.py": "import helper\n" + CASES,
                "pyproject.toml": "[project]\nname = 'toy-project'\n"})  # fmt: skip
    assert run([*NO_TIME, "bench"]) == 3
    assert f"did not measure its own revision but loaded toy from {place / 'toy/__init__.py'}" in said()
    found = packages_of(toy.root, ["pyproject.toml", "toy_src/__init__.py"], ())
    assert found.installed == {"toy"}, "a namespace may be of other distributions too"
    assert packages_of(toy.root, ["toy/__init__.py"], ()).installed == frozenset()


def test_the_finder_of_an_editable_installation_is_no_copy(
    toy: Toy, said: Said, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "site-packages"
    for file, text in {
        "toy_project-1.dist-info/METADATA": "Metadata-Version: 2.1\nName: toy-project\nVersion: 1\n",
        "toy_project-1.dist-info/RECORD": "_toy_loader.py,,\ntoy-editable.pth,,\ngone.pth,,\n",
        "_toy_loader.py": "", "toy-editable.pth": "import _toy_loader\n",
    }.items():  # fmt: skip
        (place / file).parent.mkdir(parents=True, exist_ok=True)
        (place / file).write_text(text)
    monkeypatch.syspath_prepend(str(place))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(place), os.environ.get("PYTHONPATH", "")]))
    toy.moved({"src/toy/__init__.py": SOURCE, "pyproject.toml": "[project]\nname = 'toy-project'\n",
                "bench/conftest.py": "import _toy_loader\n"})  # fmt: skip
    assert run([*NO_TIME, "bench"]) == 3
    assert "measured: `toy` from base/src, head/src" in said()


def test_a_checkout_within_an_environment_is_watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkout, module = tmp_path / "usr/src/app", ModuleType("extra")
    monkeypatch.setattr("sys.prefix", str(tmp_path / "usr"))
    monkeypatch.setattr("sys.base_prefix", str(checkout / "environment"))
    monkeypatch.setitem(sys.modules, "extra", module)
    loaded = Loaded([], [str(checkout)])
    for file, told in (("extra.py", True), ("environment/extra.py", False), ("other/extra.py", True)):
        module.__file__ = str(checkout / file)
        assert loaded.news() == ({"extra": module.__file__} if told else {}), "also where it was loaded again"
        assert loaded.news() == {}


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
    toy.moved({"toy/__init__.py": "", "toy/core.py": SOURCE, "bench/bench_toy.py": None,
                "toy/bench_core.py": CASES.replace("from toy", "from toy.core")})  # fmt: skip
    toy.commit({"toy/core.py": SOURCE.replace("6000", "1")})
    for path in ("toy", "toy/bench_core.py"):
        assert run([*NO_TIME, path]) == 3
        words = said()
        assert "measured: `toy` from base, head" in words
        assert "toy/bench_core.py from head in both arms" in words
        assert "toy/core.py" not in words


def test_code_in_the_folder_of_the_cases_is_refused(toy: Toy, said: Said) -> None:
    toy.moved({"bench/core.py": SOURCE, "bench/bench_toy.py": CASES.replace("from toy", "from core")})
    assert run([*NO_TIME, "bench"]) == 3
    assert "no module of the project outside the case definitions was loaded" in said()
    assert run([*NO_TIME, "bench/bench_toy.py"]) == 3
    assert "measured: `core` from base/bench, head/bench" in said()


def test_code_in_a_folder_that_is_called_as_those_of_cases_are_is_refused(toy: Toy, said: Said) -> None:
    cases = CASES.replace("from toy", "from toy.perf.core")
    toy.moved({"toy/__init__.py": "", "toy/perf/__init__.py": "", "toy/perf/core.py": SOURCE,
                "bench/bench_toy.py": None, "toy/perf/bench_core.py": cases})  # fmt: skip
    assert run([*NO_TIME, "toy/perf"]) == 3
    assert "no module of the project outside the case definitions was loaded" in said()
    toy.commit({"toy/__init__.py": "import os\n", "toy/perf/core.py": SOURCE.replace("6000", "1")})
    assert run([*NO_TIME, "toy/perf"]) == 3
    assert "toy/perf/core.py differs between the revisions, and head's would run in both arms" in said()


def test_paths_count_from_the_current_folder(toy: Toy, said: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    # pyproject.toml is among the case definitions here, and tells where the project lies all the same
    toy.moved({"packages/a/src/toy/__init__.py": SOURCE, "packages/a/pyproject.toml": SETUP.format("toy"),
                "packages/a/bench/bench_toy.py": CASES,
                "packages/a/pytest.ini": "[pytest]\npython_files = bench_*.py\n"})  # fmt: skip
    monkeypatch.chdir(toy.root / "packages/a")
    assert run([*NO_TIME, "bench"]) == 3
    words = said()
    assert "bench/bench_toy.py::test_work" in words
    assert "measured: `toy` from base/packages/a/src, head/packages/a/src" in words
