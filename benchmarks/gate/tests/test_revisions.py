"""Revisions by name and on disk, and what of them is case definition."""

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path, PurePosixPath

import pytest

from benchgate.errors import WrongUseError
from benchgate.revisions.definitions import (
    changed_dependencies,
    changed_inside,
    changed_outside,
    definitions,
    may_be_code,
    selected,
)
from benchgate.revisions.git import WORKING_TREE, resolve
from benchgate.revisions.packages import Packages
from benchgate.revisions.worktrees import checkouts, remove_stale
from gate_toy import SOURCE, Toy, make_toy

pytestmark = pytest.mark.whole_run


@pytest.fixture
def toy(tmp_path: Path) -> Toy:
    return make_toy(tmp_path / "toy")


def test_the_working_tree_is_taken_as_it_is_and_left_as_it_was(toy: Toy) -> None:
    toy.write({"toy.py": "changed = 1\n", "new.py": "new = 1\n", ".gitignore": "ignored\n", "ignored": "x"})
    toy.git("add", "new.py")
    before = toy.git("status", "--porcelain")
    with checkouts(toy.root, resolve(toy.root, "base"), resolve(toy.root, "working tree")) as trees:
        assert (trees.base / "toy.py").read_text() == SOURCE
        assert (trees.head / "toy.py").read_text() == "changed = 1\n"
        assert (trees.head / "new.py").exists()
        assert not (trees.head / "ignored").exists()
    assert toy.git("status", "--porcelain") == before
    assert not trees.base.exists()
    assert len(toy.git("worktree", "list").splitlines()) == 1


def test_the_same_files_are_the_same_commit_in_every_job(toy: Toy) -> None:
    assert resolve(toy.root, "working tree").commit == toy.git("rev-parse", "HEAD"), "nothing differs from it"
    toy.write({"toy.py": "changed = 1\n"})
    commit = resolve(toy.root, "working tree").commit
    written = "%ct %cn %ce %P"
    assert toy.git("show", "--no-patch", f"--format={written}", commit) == toy.git(
        "show", "--no-patch", "--format=%ct gate gate %H", "HEAD"
    ), "no time and no name of this job"


def test_environments_and_bytecode_are_no_part_of_the_working_tree(toy: Toy) -> None:
    files = ("env [1]/pyvenv.cfg", "env [1]/lib/site.py", "conda/conda-meta/history", "conda/lib/site.py")
    toy.write(dict.fromkeys((*files, "pkg/__pycache__/toy.pyc", "__pycache__/toy.pyc"), ""))
    assert resolve(toy.root, WORKING_TREE).commit == toy.git("rev-parse", "HEAD")
    toy.commit({"pyvenv.cfg": ""})  # what git keeps, it keeps
    toy.write({"env [1]/new.py": "", "pyvenv.cfg": "changed = 1", "toy.py": "changed = 1\n"})
    changed = toy.git("diff", "--name-only", "base", resolve(toy.root, WORKING_TREE).commit)
    assert "pyvenv.cfg" in changed.split("\n")
    assert "toy.py" in changed.split("\n")


def test_temporary_files_within_the_checkout_are_no_part_of_it(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(toy.root))
    toy.write({"toy.py": "changed = 1\n"})
    commit = resolve(toy.root, WORKING_TREE).commit
    assert "index" not in toy.git("ls-tree", "-r", "--name-only", commit)


def test_base_gets_the_cases_of_head_and_keeps_its_own_code(toy: Toy) -> None:
    toy.commit({"toy.py": "", "bench/bench_toy.py": "# head\n", "bench/helper.py": "h = 1\n"})
    with checkouts(toy.root, resolve(toy.root, "base"), resolve(toy.root, "HEAD")) as trees:
        (trees.base / "bench/bench_stale.py").touch()
        trees.lay(definitions(["bench"], ["bench/bench_toy.py"], trees.head, trees.base))
        assert sorted(path.name for path in (trees.base / "bench").iterdir()) == ["bench_toy.py", "helper.py"]
        assert (trees.base / "bench/bench_toy.py").read_text() == "# head\n"
        assert (trees.base / "toy.py").read_text() == SOURCE


def test_what_is_written_into_a_worktree_is_seen_and_put_back(toy: Toy) -> None:
    toy.write({".gitignore": "ignored\n"})
    with checkouts(toy.root, resolve(toy.root, "base"), resolve(toy.root, "working tree")) as trees:
        trees.lay(("bench",))
        for name in ("ignored", "bench/__pycache__/x.pyc", ".pytest_cache/x"):
            (trees.head / name).parent.mkdir(exist_ok=True)
            (trees.head / name).touch()
        assert trees.changed() == []
        (trees.head / "toy.py").write_text("#")
        (trees.base / "bench/bench_toy.py").unlink()
        (trees.base / "new file").touch()
        assert trees.changed() == ["bench/bench_toy.py", "new file", "toy.py"]
        trees.restore()
        assert trees.changed() == []
        assert (trees.head / "toy.py").read_text() == SOURCE


def test_a_worktree_that_another_gate_is_just_adding_is_waited_for(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    half_added = toy.root / ".git/worktrees/other"
    half_added.mkdir(parents=True)
    for name, content in {
        "gitdir": f"{toy.root.parent}/other/.git\n",
        "HEAD": f"{'0' * 40}\n",
        "commondir": "",
    }.items():
        (half_added / name).write_text(content)
    real = fcntl.flock

    def flock(file: int, operation: int) -> None:  # whoever had the lock is ready when it is had
        shutil.rmtree(half_added, ignore_errors=True)
        real(file, operation)

    monkeypatch.setattr(fcntl, "flock", flock)
    base = resolve(toy.root, "base")
    with checkouts(toy.root, base, base) as trees:
        assert (trees.head / "bench").is_dir()


def test_worktrees_of_a_killed_run_are_removed_and_those_of_a_living_one_are_not(toy: Toy) -> None:
    script = f"""
import os, signal
from pathlib import Path
from benchgate.revisions.git import resolve
from benchgate.revisions.worktrees import checkouts, remove_stale
repository = Path({str(toy.root)!r})
with checkouts(repository, resolve(repository, "base"), resolve(repository, "base")):
    os.kill(os.getpid(), signal.SIGKILL)
"""
    path = os.pathsep.join(sys.path)
    subprocess.run([sys.executable, "-c", script], env=os.environ | {"PYTHONPATH": path}, check=False)
    left = [Path(line.split()[0]) for line in toy.git("worktree", "list").splitlines()[1:]]
    assert len(left) == 2
    with checkouts(toy.root, resolve(toy.root, "base"), resolve(toy.root, "base")) as living:
        assert not any(tree.exists() for tree in left)
        remove_stale(toy.root)
        assert living.base.exists()
    assert len(toy.git("worktree", "list").splitlines()) == 1


def test_a_git_that_knows_no_list_of_worktrees_with_z_will_do(
    toy: Toy, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = tmp_path / "bin/git"  # as before 2.36
    program.parent.mkdir()
    real = shutil.which("git")
    program.write_text(f'#!/bin/sh\ncase "$*" in *"worktree list"*-z*) exit 129;; esac\nexec {real} "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    base = resolve(toy.root, "base")
    with checkouts(toy.root, base, base) as trees:
        remove_stale(toy.root)
        assert trees.base.exists()


def test_worktrees_that_another_user_has_left_are_left_alone(toy: Toy) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    base = resolve(toy.root, "base")
    with checkouts(toy.root, base, base) as trees:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Path, "open", refuse)
            remove_stale(toy.root)
        assert trees.base.exists()


def laid(toy: Toy, paths: list[str], cases: list[str], *files: str) -> tuple[str, ...]:
    toy.write(dict.fromkeys((*files, *cases), ""))
    return definitions(paths, cases, toy.root, toy.root)


@pytest.mark.parametrize(("paths", "cases", "found"), [
    # folders of cases as a whole, with what helps the cases
    (["bench"], ["bench/bench_toy.py"], {"bench"}),
    (["tests/perf"], ["tests/perf/test_x.py"], {"tests/perf", "tests/conftest.py"}),
    (["toy/benchmarks"], ["toy/benchmarks/test_x.py"], {"toy/benchmarks", "toy/conftest.py"}),
    (["."], ["bench/bench_toy.py", "toy/test_x.py"], {"bench", "toy/test_x.py", "toy/conftest.py"}),
    # of a folder that holds the project itself, and of files, the cases alone
    (["toy"], ["toy/test_x.py"], {"toy/test_x.py", "toy/conftest.py"}),
    (["toy/test_x.py::test_y[a/b]"], ["toy/test_x.py"], {"toy/test_x.py", "toy/conftest.py"}),
    (["bench/bench_toy.py"], ["bench/bench_toy.py"], {"bench/bench_toy.py", "bench/conftest.py"}),
])  # fmt: skip
def test_definitions_are_the_cases_and_no_code_of_the_project(
    toy: Toy, paths: list[str], cases: list[str], found: set[str]
) -> None:
    files = (
        "toy/__init__.py",
        "toy/core.py",
        "toy/conftest.py",
        "bench/conftest.py",
        "tests/conftest.py",
        "conftest.py",
    )
    assert set(laid(toy, paths, cases, *files)) == found | {"conftest.py", "pytest.ini"}


def test_a_project_that_is_called_as_cases_are_is_no_definition(toy: Toy) -> None:
    cases = ["perf/benchmarks/bench_x.py"]
    assert "perf" in laid(toy, ["perf"], cases, "perf/__init__.py", "perf/core.py"), "as far as its name tells"
    toy.write({"pyproject.toml": "[project]\nname = 'Perf'\n"})
    assert "perf" not in laid(toy, ["perf"], cases)
    assert "perf/benchmarks" in laid(toy, ["perf"], cases)


@pytest.mark.parametrize(("file", "found"), [
    ("toy/perf/core.py", True), ("toy/testing/core.py", True), ("toy/speed/core.py", True),
    # what helps cases, and cases that were not selected
    ("toy/tests/helper.py", False), ("toy/speed/tests/helper.py", False), ("toy/perf/bench_other.py", False),
    ("tests/perf/helper.py", False), ("bench/helper.py", False),
])  # fmt: skip
def test_what_lies_among_cases_may_be_code_by_its_name(file: str, found: bool) -> None:
    assert may_be_code(PurePosixPath(file), Packages({"toy": (".",), "tests": (".",)}, (".",))) == found


def test_configuration_that_head_has_no_more_is_taken_from_base_too(toy: Toy) -> None:
    base = toy.commit({"conftest.py": "slow = 1\n", "bench/[1].py": ""})
    toy.commit({"conftest.py": None, "bench/[1].py": "# changed\n", "bench/1.py": ""})
    with checkouts(toy.root, resolve(toy.root, base), resolve(toy.root, "HEAD")) as trees:
        found = definitions(["bench/[1].py"], [], trees.head, trees.base)
        trees.lay(found)
        assert not (trees.base / "conftest.py").exists()
        assert changed_inside(toy.root, resolve(toy.root, base), resolve(toy.root, "HEAD"), found) == [
            "bench/[1].py", "conftest.py",
        ]  # fmt: skip


def test_files_that_name_libraries_are_known(toy: Toy) -> None:
    named = (
        "requirements.txt", "dev-requirements.txt", "requirements/base.txt", "requirements.in", "sub/constraints.txt",
        "pylock.toml", "pylock.dev.toml", "uv.lock", "conda-lock.yml", "environment.yml", "pyproject.toml", "setup.cfg",
    )  # fmt: skip
    commit = toy.commit(dict.fromkeys((*named, "docs/requirements.md", "lock.py", "src/constraints.py"), "x"))
    assert sorted(changed_dependencies(toy.root, resolve(toy.root, "base"), resolve(toy.root, commit))) == sorted(named)


def test_what_changed_is_known_whatever_git_is_set_to_leave_out(toy: Toy) -> None:
    commits = (toy.git("rev-parse", "HEAD"), "1" * 40)
    module = '[submodule "sub"]\n\tpath = sub\n\turl = ./sub\n\tignore = all\n'
    toy.commit({".gitmodules": module, "long.py": SOURCE * 3})
    for name, commit in zip(("before", "now"), commits, strict=True):
        toy.git("update-index", "--add", "--cacheinfo", f"160000,{commit},sub")
        toy.git("commit", "--quiet", "-m", name)
        toy.git("tag", name)
    toy.git("mv", "long.py", "renamed.py")
    toy.git("commit", "--quiet", "-m", "renamed")
    revisions = resolve(toy.root, "before"), resolve(toy.root, "HEAD")
    assert changed_outside(toy.root, *revisions, ("bench",)) == frozenset({"sub", "long.py", "renamed.py"})


def test_a_path_that_head_lacks_is_refused(toy: Toy) -> None:
    with pytest.raises(WrongUseError, match="head has no benhc: give files or folders with benchmarks that git keeps"):
        selected(["benhc"], toy.root)
