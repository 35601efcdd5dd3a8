"""That a repository may be checked out in part, or lie anywhere under any name, on any file system."""

import os
import subprocess
import sys
from collections.abc import Callable

import pytest

from benchgate.cli import run
from benchgate.revisions.git import WORKING_TREE, resolve
from benchgate.revisions.worktrees import checkouts
from gate_toy import CASES, NO_TIME, SOURCE, Toy

pytestmark = pytest.mark.whole_run

Said = Callable[[], str]

#: A folder of a file system, if there is one, that lists what was written last first.
NEW_FIRST = "/dev/shm"  # noqa: S108 (what is made there is private)


@pytest.mark.parametrize("how", [("--no-cone", "/bench/"), ("--cone", "bench"), ("--cone", "--sparse-index", "bench")])
def test_of_a_sparse_checkout_the_worktrees_are_whole(how: tuple[str, ...], toy: Toy, said: Said) -> None:
    toy.moved({"src/toy/__init__.py": SOURCE, "docs/old.md": "of base\n"})
    toy.git("sparse-checkout", "set", *how)
    assert not (toy.root / "src").exists()
    toy.write({"docs/new.md": "not committed\n", "bench/bench_toy.py": f"{CASES}\n"})
    before = toy.git("status", "--porcelain")
    head = resolve(toy.root, WORKING_TREE)
    assert toy.git("diff", "--name-only", "base", head.commit).split() == ["bench/bench_toy.py", "docs/new.md"]
    with checkouts(toy.root, resolve(toy.root, "base"), head) as trees:
        assert all((tree / "docs/old.md").exists() for tree in (trees.base, trees.head))
    assert run([*NO_TIME, "bench"]) == 3
    assert "measured: `toy` from base/src, head/src" in said()
    assert toy.git("status", "--porcelain") == before
    assert not (toy.root / "src").exists()


def test_what_a_sparse_checkout_lacks_is_not_to_be_carried_into_a_profile(toy: Toy, said: Said) -> None:
    toy.moved({"src/toy/__init__.py": SOURCE, "bench/bench_other.py": "def test_it(benchmark):\n    benchmark(int)\n"})
    toy.git("sparse-checkout", "set", "--cone", "bench")
    for selected in ("bench", "bench/bench_toy.py"):
        assert run(["profile", selected]) == 3
        words = said()
        assert "has no toy; what the checkout lacks must be there" in words
        assert "carry" not in words


def test_cases_that_are_found_by_a_link_are_in_what_was_selected(toy: Toy, said: Said) -> None:
    toy.write({"shared/bench_toy.py": CASES, "bench/bench_toy.py": None})
    (toy.root / "bench").mkdir(exist_ok=True)
    (toy.root / "bench/bench_link.py").symlink_to("../shared/bench_toy.py")
    (toy.root / "linked").symlink_to("shared")
    toy.commit({})
    toy.git("tag", "--force", "base")
    for selected in ("bench", "linked"):
        assert run([*NO_TIME, selected]) == 3
        words = said()
        assert "measured: `toy` from base, head" in words
        assert "no selected case is in" not in words


def test_of_revisions_that_do_not_differ_it_is_said(toy: Toy, said: Said) -> None:
    for file, known in (("none", True), ("bench/bench_toy.py", True), ("toy.py", False)):
        toy.commit({file: f"{SOURCE if file == 'toy.py' else CASES}\n"} if file != "none" else {})
        assert run([*NO_TIME, "bench"]) == 3
        assert ("the revisions differ in nothing that is compared" in said()) is known


def test_what_is_removed_from_a_sparse_checkout_is_removed(toy: Toy) -> None:
    toy.commit({"bench/old.py": "", "docs/old.md": ""})
    toy.git("sparse-checkout", "set", "--cone", "bench")
    (toy.root / "bench/old.py").unlink()
    removed = toy.git("diff", "--name-status", "HEAD", resolve(toy.root, WORKING_TREE).commit)
    assert removed.split() == ["D", "bench/old.py"]


@pytest.mark.skipif(not os.access(NEW_FIRST, os.W_OK), reason="no file system here lists what is new first")
@pytest.mark.parametrize("laid", ["bench", "bench/bench_toy.py"])
def test_both_arms_list_what_is_laid_in_the_same_order(laid: str, toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", NEW_FIRST)
    names = [f"{folder}{name}" for folder in ("", "data/", "data/a/", "data/a-b/") for name in "cab"]
    toy.commit({f"bench/{name}.json": "" for name in names})
    toy.git("tag", "--force", "base")
    toy.commit({"bench/bench_toy.py": "# head\n"})
    with checkouts(toy.root, resolve(toy.root, "base"), resolve(toy.root, "HEAD")) as trees:
        trees.lay((laid,))
        base, head = (
            {name.removeprefix(str(root)): files + folders for name, folders, files in os.walk(root / "bench")}
            for root in (trees.base, trees.head)
        )
        assert base == head
        assert (trees.base / "bench/bench_toy.py").read_text() == "# head\n"


def test_bytecode_is_not_laid(toy: Toy) -> None:
    """Up to pytest 9.1 base's functions of cases would say that they are in head's files."""
    with checkouts(toy.root, resolve(toy.root, "base"), resolve(toy.root, "HEAD")) as trees:
        (trees.head / "bench/__pycache__").mkdir()
        trees.lay(("bench",))
        assert os.listdir(trees.base / "bench") == ["bench_toy.py"]


@pytest.mark.parametrize("beside", [False, True], ids=["within", "beside"])
def test_base_does_not_run_bytecode_of_its_own_definitions(toy: Toy, beside: bool) -> None:
    """Python knows it by the size of the file and the second of its change, which are often the same in both."""
    for number in (1, 2):
        toy.commit({"bench/helper.py": f"N = {number}\n"})
    with checkouts(toy.root, resolve(toy.root, "HEAD~1"), resolve(toy.root, "HEAD")) as trees:

        def number() -> str:
            cache = {"PYTHONPYCACHEPREFIX": str(trees.base.with_name("bytecode"))} if beside else {}
            words = [sys.executable, "-c", "import sys; sys.path[0] = 'bench'; import helper; print(helper.N)"]
            environment = {"PATH": os.environ["PATH"], **cache}
            done = subprocess.run(words, cwd=trees.base, env=environment, capture_output=True, text=True, check=True)
            return done.stdout.strip()

        def same_second() -> None:
            for tree in (trees.base, trees.head):
                os.utime(tree / "bench/helper.py", (10**9, 10**9))

        definitions = ["bench/bench_toy.py", "bench/helper.py"]
        same_second()
        assert number() == "1"
        trees.lay(definitions)
        assert number() == "2"
        with trees.own_definitions(definitions):
            same_second()
            assert number() == "1"
        assert number() == "2"
