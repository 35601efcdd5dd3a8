"""Revisions by name and on disk, and what of them is case definition."""

from pathlib import Path

import pytest

from benchgate.errors import WrongUseError
from benchgate.revisions.definitions import overlay_of, project_names
from benchgate.revisions.git import merge_base, resolve
from benchgate.revisions.worktrees import checkouts
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


def test_base_gets_the_cases_of_head_and_keeps_its_own_code(toy: Toy) -> None:
    toy.commit({"toy.py": "", "bench/bench_toy.py": "# head\n", "bench/helper.py": "h = 1\n"})
    with checkouts(toy.root, resolve(toy.root, "base"), resolve(toy.root, "HEAD")) as trees:
        (trees.base / "bench/bench_stale.py").touch()
        trees.lay_cases(overlay_of(["bench"], trees.head))
        assert sorted(path.name for path in (trees.base / "bench").iterdir()) == ["bench_toy.py", "helper.py"]
        assert (trees.base / "bench/bench_toy.py").read_text() == "# head\n"
        assert (trees.base / "toy.py").read_text() == SOURCE


@pytest.mark.parametrize("path", [".", "bench/..", "/tmp", "../elsewhere"])  # noqa: S108 (a path, nothing is written)
def test_an_overlay_of_everything_or_of_something_else_is_refused(path: str, toy: Toy) -> None:
    with pytest.raises(WrongUseError):
        overlay_of([path], toy.root)


def test_the_overlay_is_the_directory_around_a_file(toy: Toy) -> None:
    assert overlay_of(["bench/bench_toy.py::test_work"], toy.root) == ("bench",)
    assert overlay_of(["toy.py"], toy.root) == ("toy.py",)


def test_project_names_are_the_packages_and_modules_outside_the_cases(toy: Toy) -> None:
    toy.commit({"package/__init__.py": "", "src/other/__init__.py": "", "bench/__init__.py": "", "docs/x.py": ""})
    assert project_names(toy.root, resolve(toy.root, "HEAD"), ["bench"]) == ("other", "package", "toy")


def test_the_base_is_where_head_left_the_main_branch(toy: Toy) -> None:
    fork = toy.git("rev-parse", "HEAD")
    toy.git("checkout", "--quiet", "-b", "topic")
    toy.commit({"toy.py": "topic = 1\n"})
    toy.git("checkout", "--quiet", "main")
    toy.commit({"toy.py": "main = 1\n"})
    assert merge_base(toy.root, "topic").commit == fork
    assert "main" in str(merge_base(toy.root, "topic"))


def test_a_shallow_clone_is_told_how_to_get_the_rest(toy: Toy, tmp_path: Path) -> None:
    toy.commit({"toy.py": "x = 1\n"})
    toy.git("clone", "--quiet", "--depth", "1", f"file://{toy.root}", str(tmp_path / "shallow"))
    with pytest.raises(WrongUseError, match="fetch-depth: 0"):
        resolve(tmp_path / "shallow", "base")


def test_the_environment_of_a_hook_is_left_out(toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index = tmp_path / "index"
    toy.write({"new.py": "new = 1\n"})
    monkeypatch.setenv("GIT_INDEX_FILE", str(index))
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "nowhere"))
    commit = resolve(toy.root, "working tree").commit
    assert not index.exists()
    monkeypatch.undo()
    assert "new.py" in toy.git("ls-tree", "--name-only", commit).splitlines()
