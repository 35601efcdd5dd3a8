"""That files of Git LFS are themselves in both worktrees, and no pointers; a filter stands in for git-lfs."""

import sys
from hashlib import sha256
from pathlib import Path

import pytest

from benchgate.errors import GateError
from benchgate.revisions.git import resolve
from benchgate.revisions.worktrees import checkouts
from gate_toy import Toy

pytestmark = pytest.mark.whole_run

#: What git-lfs does: the content is kept beside git's objects, and its place taken by a pointer.
CLEAN = f"""#!{sys.executable}
import sys
from hashlib import sha256
from pathlib import Path

content = sys.stdin.buffer.read()
oid = sha256(content).hexdigest()
kept = Path(sys.argv[1], oid[:2], oid[2:4], oid)
kept.parent.mkdir(parents=True, exist_ok=True)
kept.write_bytes(content)
print("version https://git-lfs.github.com/spec/v1", "oid sha256:" + oid, f"size {{len(content)}}", sep="\\n")
"""


@pytest.fixture
def objects(toy: Toy) -> Path:
    """Where they are kept of a toy whose worktrees have pointers, for nothing puts the content in their place."""
    kept = toy.root / ".git/lfs/objects"
    kept.mkdir(parents=True)
    clean = toy.root / ".git/clean"
    clean.write_text(CLEAN)
    clean.chmod(0o755)
    toy.git("config", "filter.lfs.clean", f"{clean} {kept}")
    toy.commit({".gitattributes": "*.bin filter=lfs\n", "data.bin": "of base", "same.bin": "the same"})
    toy.commit({"data.bin": "of head"})
    assert "git-lfs" in toy.git("show", "HEAD:data.bin")
    return kept


def test_both_worktrees_have_the_files_themselves(toy: Toy, objects: Path) -> None:
    with checkouts(toy.root, resolve(toy.root, "HEAD~1"), resolve(toy.root, "HEAD")) as trees:
        texts = [[(tree / name).read_text() for name in ("data.bin", "same.bin")] for tree in (trees.base, trees.head)]
        trees.lay(("bench",))
        assert trees.changed() == []
    assert texts == [["of base", "the same"], ["of head", "the same"]]


def test_a_pointer_beside_the_file_itself_is_refused(toy: Toy, objects: Path) -> None:
    of_base = sha256(b"of base").hexdigest()
    (objects / of_base[:2] / of_base[2:4] / of_base).unlink()
    with (
        pytest.raises(GateError, match=r"data\.bin is a pointer of Git LFS in base's worktree"),
        checkouts(toy.root, resolve(toy.root, "HEAD~1"), resolve(toy.root, "HEAD")),
    ):
        pass
    assert len(toy.git("worktree", "list").splitlines()) == 1


def test_a_pointer_that_is_one_everywhere_is_let_be(toy: Toy, objects: Path) -> None:
    pointer = toy.git("show", "HEAD:data.bin") + "\n"
    toy.git("config", "--unset", "filter.lfs.clean")  # as in a clone of somebody who has no git-lfs
    (toy.root / "data.bin").write_text(pointer)
    of_head = sha256(b"of head").hexdigest()
    (objects / of_head[:2] / of_head[2:4] / of_head).unlink()
    with checkouts(toy.root, resolve(toy.root, "HEAD"), resolve(toy.root, "HEAD")) as trees:
        assert (trees.base / "data.bin").read_text() == pointer
