"""Git, as a command: revisions by name, and a commit of the files as they are."""

import os
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ..errors import GateError, WrongUseError

#: The name by which the state of the files now, committed or not, is asked for.
WORKING_TREE = "working tree"
#: What the main branch may be called, the first that there is.
_MAIN_BRANCHES = (
    "refs/remotes/origin/HEAD",
    "refs/remotes/origin/main",
    "refs/remotes/origin/master",
    "main",
    "master",
)
#: Files by which an environment of Python or of conda is known.
_OF_ENVIRONMENTS = ("pyvenv.cfg", "conda-meta/history")
#: Of git's variables, those that are not about one repository: settings of the whole environment, and of connections.
_KEPT = re.compile(
    r"GIT_(CONFIG_(COUNT|KEY_\d+|VALUE_\d+|GLOBAL|SYSTEM|NOSYSTEM)$|SSH|SSL|HTTP|PROXY|ASKPASS|TERMINAL|LFS)"
)


@dataclass(frozen=True)
class Revision:
    """A commit and the name it was asked for by."""

    name: str
    commit: str

    def __str__(self) -> str:
        return f"{self.name} ({self.commit[:10]})"


def git(directory: Path, *arguments: str, told: str = "", **environment: str) -> str:
    """What git prints, `told` something, without the last newline; raises GateError with its own words when it fails.

    Output is bytes of any encoding: what is no UTF-8 stays as it is, as in names of files.
    """
    done = subprocess.run(  # noqa: S603 (no shell; the words are ours or the caller's revisions)
        _words(directory, *arguments),
        input=os.fsencode(told),
        capture_output=True,
        check=False,
        env=_kept() | environment,
    )
    if done.returncode:
        raise GateError(f"git {' '.join(arguments[:2])} failed: {os.fsdecode(done.stderr).strip()}")
    return os.fsdecode(done.stdout).rstrip("\n")


def started(directory: Path, *arguments: str) -> subprocess.Popen[str]:
    """Git, while it runs: what it prints, errors too, and what it is told go through pipes."""
    return subprocess.Popen(  # noqa: S603 (as above)
        _words(directory, *arguments),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env=_kept(),
    )


def _words(directory: Path, *arguments: str) -> list[str]:
    """A command of whichever git the caller uses.

    A repository's hooks are for its own work, not for our worktrees, which are whole where its checkout is sparse.
    """
    own = (
        "core.hooksPath=/dev/null", "core.safecrlf=false", "log.showSignature=false", "core.sparseCheckout=false",
        "checkout.workers=1",
    )  # fmt: skip
    return ["git", "-C", str(directory), *(word for setting in own for word in ("-c", setting)), *arguments]


def _kept() -> dict[str, str]:
    """The caller's environment. What git says is in English, as what we say, and for it is searched for words."""
    return without_git(os.environ) | {"LC_ALL": "C"}


def without_git(environment: Mapping[str, str]) -> dict[str, str]:
    """An environment without a hook's GIT_INDEX_FILE and its like, which lead to the index of what is committed.

    Configuration stays, as a safe.directory that a container sets so, and how a partial clone fetches what it lacks.

    >>> without_git({"GIT_DIR": ".git", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_SSH": "ssh", "A": "b"})
    {'GIT_CONFIG_KEY_0': 'safe.directory', 'GIT_SSH': 'ssh', 'A': 'b'}
    """
    return {name: value for name, value in environment.items() if not name.startswith("GIT_") or _KEPT.match(name)}


def git_lines(directory: Path, *arguments: str, **environment: str) -> list[str]:
    """What git prints with -z, one entry an element."""
    return [entry for entry in git(directory, *arguments, **environment).split("\0") if entry]


def top(directory: Path) -> Path:
    """The root of the repository around `directory`."""
    try:
        return Path(git(directory, "rev-parse", "--show-toplevel"))
    except GateError as error:
        if "dubious ownership" in str(error):
            raise WrongUseError(
                f"the repository of {directory} belongs to another user, whose files git does not trust: "
                f"git config --global --add safe.directory {directory}"
            ) from error
        raise WrongUseError(f"{directory} is not among the files of a git repository") from error


def resolve(repository: Path, name: str) -> Revision:
    """The commit called `name`; for `WORKING_TREE` a commit made from the files as they are."""
    try:
        commit = git(
            repository, "rev-parse", "--verify", "--quiet", f"{'HEAD' if name == WORKING_TREE else name}^{{commit}}"
        )
    except GateError as error:
        if name in {WORKING_TREE, "HEAD"} or not git(repository, "for-each-ref", "--count=1"):
            raise WrongUseError("there is no commit yet, so that there is nothing to compare with") from error
        raise WrongUseError(
            f"there is no revision {name!r}: give a branch, a tag or a commit{shallow(repository)}"
        ) from error
    return Revision(name, _snapshot(repository) if name == WORKING_TREE else commit)


def merge_base(repository: Path, head: str) -> Revision:
    """The commit at which `head` left the main branch, and the name of that branch."""
    tip = "HEAD" if head == WORKING_TREE else head
    for branch in _MAIN_BRANCHES:
        try:
            commit = git(repository, "merge-base", tip, branch)
        except GateError:
            continue
        name = branch.removeprefix("refs/remotes/")
        return Revision(f"where head left {name}", commit)
    raise WrongUseError(f"no main branch shares a commit with head: give --base{shallow(repository)}")


def shallow(repository: Path) -> str:
    """What to do about a clone that lacks commits, in words; nothing where it has them all."""
    if git(repository, "rev-parse", "--is-shallow-repository") == "true":
        return "; this clone is shallow and lacks older commits: set fetch-depth: 0, or run git fetch --unshallow"
    return ""


def with_files_of(repository: Path, commit: str, other: str, paths: Sequence[str]) -> str:
    """A commit, on no branch, of the files of `commit` but for those `paths`, which are as in `other`."""
    with _index(repository, commit) as (tree, index):
        if paths:
            git(repository, "--literal-pathspecs", "reset", "--quiet", other, "--", *paths, **index)
        return _committed(repository, commit, tree(), f"{commit[:10]} with cases of {other[:10]}")


def own_submodules(root: Path, **environment: str) -> dict[str, str]:
    """The folders of submodules in the index of `root`, each with its commit there."""
    if not (root / ".gitmodules").exists():
        return {}
    entries = (line.partition("\t") for line in git_lines(root, "ls-files", "--stage", "-z", **environment))
    return {name: stage.split()[1] for stage, _, name in entries if stage.startswith("160000")}


def _snapshot(repository: Path) -> str:
    """A commit of everything that is not ignored, on no branch; neither index nor files are touched.

    Submodules are as their files are too, each by a commit of its own.
    """
    with _index(repository, "HEAD") as (tree, index):
        if absent := _left_out(repository):
            git(repository, "update-index", "--skip-worktree", "-z", "--stdin", told=absent, **index)
        git(repository, "add", "--all", ".", *_unlike_sources(repository), **index)
        for folder in own_submodules(repository, **index):
            if (repository / folder / ".git").exists():
                entry = f"160000,{_snapshot(repository / folder)},{folder}"
                git(repository, "update-index", "--cacheinfo", entry, **index)
        return _committed(repository, "HEAD", tree(), "working tree, for benchgate")


def _unlike_sources(repository: Path) -> Iterator[str]:
    """Pathspecs that exclude what is never committed though git was not told to ignore it: environments, bytecode."""
    yield ":(exclude,glob)**/__pycache__/**"
    signs = [f":(glob)**/{sign}" for sign in _OF_ENVIRONMENTS]
    for file in git_lines(repository, "ls-files", "--others", "--exclude-standard", "-z", "--", *signs):
        folder = next(file.removesuffix(sign) for sign in _OF_ENVIRONMENTS if file.endswith(sign))
        if folder:  # the checkout is none itself
            yield f":(exclude,literal){folder}"


def _left_out(repository: Path) -> str:
    """What HEAD has and a sparse checkout leaves out, each with an end; it was not removed."""
    entries = (entry.partition(" ") for entry in git_lines(repository, "ls-files", "-t", "-z"))
    sparse = {name for flag, _, name in entries if flag == "S" and not os.path.lexists(repository / name)}
    kept = sparse.intersection(git_lines(repository, "ls-tree", "-r", "--name-only", "-z", "HEAD") if sparse else ())
    return "".join(f"{name}\0" for name in sorted(kept))


@contextmanager
def _index(repository: Path, commit: str) -> Iterator[tuple[Callable[[], str], dict[str, str]]]:
    """An index of its own that holds a commit: what makes a tree of it, and the environment in which git changes it."""
    own = git(repository, "rev-parse", "--absolute-git-dir")  # the folder of temporary files may lie in the checkout
    with tempfile.TemporaryDirectory(prefix="benchgate-index-", dir=own) as directory:
        index = {"GIT_INDEX_FILE": str(Path(directory) / "index")}
        git(repository, "read-tree", commit, **index)
        yield lambda: git(repository, "write-tree", **index), index


def _committed(repository: Path, parent: str, tree: str, message: str) -> str:
    """A commit of a tree, or `parent` itself where nothing differs from it.

    The same files give the same commit, for several jobs may measure them.
    """
    commit, of_parent, date = git(repository, "show", "--no-patch", "--format=%H %T %ct", parent).split()
    if tree == of_parent:
        return commit
    who = {f"GIT_{role}_{part}": "gate" for role in ("AUTHOR", "COMMITTER") for part in ("NAME", "EMAIL")}
    who |= {f"GIT_{role}_DATE": f"@{date} +0000" for role in ("AUTHOR", "COMMITTER")}
    return git(repository, "commit-tree", tree, "-p", commit, "-m", message, **who)
