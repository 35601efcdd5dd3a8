"""How git is asked: whatever it is set to, whoever asks, and whose the repository is."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from benchgate.errors import WrongUseError
from benchgate.revisions.git import WORKING_TREE, merge_base, resolve, top
from benchgate.revisions.worktrees import checkouts
from gate_toy import Toy, make_toy

pytestmark = pytest.mark.whole_run


@pytest.fixture
def toy(tmp_path: Path) -> Toy:
    return make_toy(tmp_path / "toy")


def test_the_base_is_where_head_left_the_main_branch(toy: Toy) -> None:
    fork = toy.git("rev-parse", "HEAD")
    toy.git("checkout", "--quiet", "-b", "topic")
    toy.commit({"toy.py": "topic = 1\n"})
    toy.git("checkout", "--quiet", "main")
    toy.commit({"toy.py": "main = 1\n"})
    assert merge_base(toy.root, "topic").commit == fork
    assert "main" in str(merge_base(toy.root, "topic"))


def test_a_repository_without_a_commit_is_called_that(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    for name in (WORKING_TREE, "main"):
        with pytest.raises(WrongUseError, match="no commit yet"):
            resolve(tmp_path, name)


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


def test_hooks_of_the_repository_are_not_run(toy: Toy) -> None:
    hook = toy.root / ".git/hooks/post-checkout"
    hook.write_text("#!/bin/sh\ntouch from-hook\n")
    hook.chmod(0o755)
    with checkouts(toy.root, resolve(toy.root, "base"), resolve(toy.root, "base")) as trees:
        assert not (trees.head / "from-hook").exists()


def test_a_repository_of_another_user_is_called_that(toy: Toy, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    # git's own switch for its tests, put behind the environment that is left out
    program = tmp_path / "bin/git"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nGIT_TEST_ASSUME_DIFFERENT_OWNER=1 exec {shutil.which("git")} "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(WrongUseError, match="belongs to another user"):
        top(toy.root)
    # as containers say that it may be trusted
    for name, value in (("COUNT", "1"), ("KEY_0", "safe.directory"), ("VALUE_0", "*")):
        monkeypatch.setenv(f"GIT_CONFIG_{name}", value)
    assert top(toy.root) == toy.root


def test_git_is_asked_in_english(toy: Toy, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "bin/git"
    program.parent.mkdir()
    translated = 'test "$LC_ALL" = C && echo "fatal: dubious ownership" >&2 || echo "fatal: fremder Besitz" >&2'
    program.write_text(f"#!/bin/sh\n{translated}\nexit 128\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    with pytest.raises(WrongUseError, match="belongs to another user"):
        top(toy.root)


def test_a_signature_that_git_is_set_to_show_is_no_part_of_its_answer(toy: Toy, tmp_path: Path) -> None:
    program = tmp_path / "gpg"
    program.write_text("#!/bin/sh\necho '[GNUPG:] GOODSIG ABCD toy'\necho 'gpg: Good signature' >&2\n")
    program.chmod(0o755)
    commit = toy.git("cat-file", "commit", "HEAD")
    signed = commit.replace("\n\n", "\ngpgsig -----BEGIN PGP SIGNATURE-----\n -----END PGP SIGNATURE-----\n\n", 1)
    toy.write({"signed": signed + "\n"})
    toy.git("reset", "--quiet", "--hard", toy.git("hash-object", "-t", "commit", "-w", "signed"))
    for name, value in (("gpg.program", str(program)), ("log.showSignature", "true")):
        toy.git("config", name, value)
    assert "Good signature" in toy.git("show", "--no-patch")
    assert resolve(toy.root, WORKING_TREE).commit != toy.git("rev-parse", "HEAD")
