"""That a copy of the project which nothing declares is not measured twice."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from benchgate.cli import run
from benchgate.measure.places import Places
from benchgate.revisions.copies import is_copy, possible_copies
from benchgate.revisions.packages import Packages
from gate_toy import CASES, NO_TIME, SOURCE, Toy

pytestmark = pytest.mark.whole_run

Said = Callable[[], str]

COMPUTED = "from setuptools import setup\nNAME = 'toy'\nCODE = 'code'\nsetup(name=NAME, package_dir={'': CODE})\n"
INFO = {
    "metadata": "Metadata-Version: 2.1\nName: other-name\nVersion: 1\n",
    "record": "toy/__init__.py,,\n",
}
#: Where the project has its modules, and how copies of them are installed.
COPIES: dict[str, tuple[dict[str, str | None], dict[str, str]]] = {
    "by hand": (
        {"code/toy/__init__.py": SOURCE, "code/toy_file.py": SOURCE, "code/toy_older.py": f"import os\n{SOURCE}"},
        {"toy/__init__.py": SOURCE, "toy_file.py": SOURCE, "toy_older.py": SOURCE},
    ),
    "by a setup.py that cannot be read": (
        {"code/toy/__init__.py": SOURCE, "setup.py": COMPUTED},
        {"toy/__init__.py": SOURCE, "toy-1.dist-info/METADATA": INFO["metadata"].replace("other-name", "toy")},
    ),
    "from the checkout, under another name": (
        {"code/core/__init__.py": SOURCE},
        {"toy/__init__.py": "from toy_core import work\n", "toy_core.py": SOURCE} | {
            f"other_name-1.dist-info/{file}": text
            for file, text in {"METADATA": INFO["metadata"], "RECORD": INFO["record"],
                               "direct_url.json": '{{"url": "file://{checkout}/code"}}'}.items()
        },
    ),
}  # fmt: skip


@pytest.mark.parametrize("how", COPIES)
def test_an_installed_copy_that_nothing_declares_is_refused(
    how: str, toy: Toy, said: Said, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, installed = COPIES[how]
    site = tmp_path / "site-packages"
    for file, text in installed.items():
        (site / file).parent.mkdir(parents=True, exist_ok=True)
        (site / file).write_text(text.replace("{{", "{").replace("}}", "}").replace("{checkout}", str(toy.root)))
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")]))
    others = "".join(f"import {name}\n" for name in ("toy_file", "toy_older") if f"code/{name}.py" in code)
    toy.moved({**code, "helper.py": "", "bench/bench_toy.py": f"import helper\n{others}{CASES}"})
    toy.commit({file: f"{SOURCE}\nSLOWER = True\n" for file in code if file.startswith("code/")})
    assert run([*NO_TIME, "bench"]) == 3
    words = said()
    assert "did not measure its own revision but loaded " in words
    for name in ("toy", *others.split()[1::2]):
        assert f"{name} from {site}" in words
    assert "uninstall that copy, or have each revision built" in words


#: Where it is said under which name a folder is installed.
RENAMES = {
    "setup.py": "NAME, CODE = 'toy', 'code'\nsetup(name=NAME, packages=[NAME], package_dir={NAME: CODE})\n",
    "setup.cfg": "[metadata]\nname = other\n[options]\npackages = toy\npackage_dir =\n    toy = code\n",
    "pyproject.toml": "[tool.setuptools.package-dir]\ntoy = 'code'\n",
}


def test_a_copy_under_another_name_than_its_folder_has_is_refused(
    toy: Toy, said: Said, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # in one of these ways; that each is read is shown below
    where = "pyproject.toml"
    site = tmp_path / "site-packages"
    (site / "toy").mkdir(parents=True)
    (site / "toy/__init__.py").write_text("from toy.core import work\n")
    (site / "toy/core.py").write_text(SOURCE)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")]))
    code = {"code/__init__.py": "from toy.core import work\n", "code/core.py": SOURCE}
    toy.moved({**code, where: RENAMES[where], "helper.py": "", "bench/bench_toy.py": f"import helper\n{CASES}"})
    toy.commit({"code/core.py": f"{SOURCE}\nSLOWER = True\n"})
    assert run([*NO_TIME, "bench"]) == 3
    assert f"did not measure its own revision but loaded toy.core from {site}" in said()


@pytest.mark.parametrize("where", [*RENAMES, ""])
def test_other_modules_in_files_of_such_names_are_no_copies(where: str, tmp_path: Path) -> None:
    lines = "# one licence\n" * 9 + "".join(f"line {number}\n" for number in range(9))
    for file in ("code/__init__.py", "code/core.py"):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text("" if "init" in file else lines)
    (tmp_path / (where or "none")).write_text(RENAMES.get(where, ""))
    copies = possible_copies(
        ["code/__init__.py", "code/core.py"], [tmp_path], Packages({}, (".",)), ["setup.py", where]
    )
    places = Places(tmp_path, copies=copies)
    other = tmp_path / "other"
    other.mkdir()
    for name, text, foreign in (("__init__", "", True), ("core", lines, False), ("core", lines[:150], True)):
        (other / f"{name}.py").write_text(text)
        assert places.is_foreign(f"any.{name}", str(other / f"{name}.py"), tmp_path) is (foreign and bool(where))


def test_another_module_of_the_name_of_a_changed_one_is_no_copy(
    toy: Toy, said: Said, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "site-packages"
    site.mkdir()
    (site / "extra.py").write_text("import os\n\ndef other():\n    pass\n")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")]))
    toy.commit({"examples/extra.py": SOURCE, "bench/bench_toy.py": f"import extra\n{CASES}"})
    assert run([*NO_TIME, "bench"]) == 3
    assert "measured: `toy` from base, head" in said()


def test_the_names_of_a_copy_hold_all_packages_around_it(tmp_path: Path) -> None:
    for folder in ("kept/toy", "kept/toy/inner", "known"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "__init__.py").touch()
    files = ["kept/toy/inner/six.py", "kept/toy/__init__.py", "known/a.py", "conftest.py", "a-b/c.py", "x.txt"]
    names = possible_copies(files, [tmp_path], Packages({"known": (".",)}, (".",)), [])
    assert names == {
        "toy": ("kept/toy/__init__.py",), "kept.toy": ("kept/toy/__init__.py",),
        "toy.inner.six": ("kept/toy/inner/six.py",), "kept.toy.inner.six": ("kept/toy/inner/six.py",),
        "c": ("a-b/c.py",),
    }  # fmt: skip


@pytest.mark.parametrize(("text", "found"), [("", False), ("a\nb\n", True), (" a\n\nc\nd\n", False), ("a\nc\n", True)])
def test_what_has_half_of_the_lines_is_a_copy(text: str, found: bool, tmp_path: Path) -> None:
    (tmp_path / "copy.py").write_text(text)
    (tmp_path / "version.py").write_text("a\nb\ne\nf\n")
    assert is_copy(tmp_path / "copy.py", [tmp_path / "version.py", tmp_path / "none.py"]) is found
