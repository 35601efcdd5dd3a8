"""What a revision needs beside its worktree: files that git does not keep, submodules, and a build of its own."""

import hashlib
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..errors import GateError, WrongUseError
from .git import git, git_lines

#: Builds that were not used for so long are removed, in seconds.
_KEPT_S = 30 * 86400.0


def carried(checkout: Path, patterns: Sequence[str], worktree: Path) -> None:
    """Copies ignored files of the checkout, such as generated modules, into a worktree."""
    for pattern in patterns:
        files = sorted(checkout.glob(pattern))
        if not files:
            raise WrongUseError(f"carry: {checkout} has no {pattern}")
        for file in files:
            target = worktree / file.relative_to(checkout)
            target.parent.mkdir(parents=True, exist_ok=True)
            if file.is_dir():
                shutil.copytree(file, target, dirs_exist_ok=True, symlinks=True)
            else:
                shutil.copy2(file, target)


def with_submodules(checkout: Path, worktree: Path) -> None:
    """Fills the folders of submodules in a worktree, from the checkout's own; raises GateError where one is empty."""
    for name, commit in _own_submodules(worktree).items():
        source = checkout / name
        if not (source / ".git").exists():
            raise GateError(f"the submodule {name} is empty: git submodule update --init --recursive")
        try:
            git(source, "worktree", "add", "--detach", "--quiet", "--force", str(worktree / name), commit)
        except GateError as error:
            raise GateError(
                f"the submodule {name} lacks {commit[:10]}, which is needed: fetch it there ({error})"
            ) from None
        with_submodules(source, worktree / name)


def without_submodules(checkout: Path) -> None:
    """Lets the submodules of a checkout forget worktrees that are gone."""
    for folder in submodules(checkout):
        git(checkout / folder, "worktree", "prune")


def submodules(root: Path) -> Iterator[str]:
    """Folders of the submodules that are filled, and of theirs, from `root`."""
    for name in _own_submodules(root):
        if (root / name / ".git").exists():
            yield name
            yield from (f"{name}/{inner}" for inner in submodules(root / name))


def _own_submodules(root: Path) -> dict[str, str]:
    """The folders of submodules in the index of `root`, each with its commit there."""
    if not (root / ".gitmodules").exists():
        return {}
    entries = (line.partition("\t") for line in git_lines(root, "ls-files", "--stage", "-z"))
    return {name: stage.split()[1] for stage, _, name in entries if stage.startswith("160000")}


def built(command: str, worktree: Path, log: Path) -> Path:
    """The folder that `command` filled for the worktree's tree, built now or taken from the builds that are kept.

    Raises GateError when the command fails.
    """
    kept = _cache()
    key = "\n".join((command, git(worktree, "rev-parse", "HEAD^{tree}"), sys.version, sys.prefix))
    target = kept / hashlib.sha256(key.encode()).hexdigest()[:24]
    if target.is_dir():
        os.utime(target)
        return target
    unfinished = kept / f"{target.name}.{os.getpid()}"
    unfinished.mkdir(parents=True)
    try:
        _run(command, worktree, unfinished, log)
        unfinished.rename(target)
    except OSError:
        if not target.is_dir():  # another run was quicker
            raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return target


def _run(command: str, worktree: Path, target: Path, log: Path) -> None:
    names = {"target": str(target), "worktree": str(worktree), "python": sys.executable}
    try:
        words = [word.format(**names) for word in shlex.split(command)]
    except (KeyError, IndexError, ValueError) as error:
        raise WrongUseError(
            f"prepare: {command!r} cannot be read ({error}); it may name {{target}}, {{worktree}} and {{python}}"
        ) from None
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    with log.open("wb") as output:
        try:
            done = subprocess.run(  # noqa: S603 (the user's own command, without a shell)
                words, cwd=worktree, env=kept | {"PATH": path}, stdin=subprocess.DEVNULL, stdout=output,
                stderr=subprocess.STDOUT, check=False,
            )  # fmt: skip
        except OSError as error:
            raise WrongUseError(f"prepare: {words[0]} cannot be started: {error.strerror}") from None
    if done.returncode:
        said = [line for line in log.read_text(errors="replace").splitlines() if line.strip()] or ["nothing"]
        raise GateError(f"prepare failed for {worktree.name} with status {done.returncode}: {said[-1]} (see {log})")


def _cache() -> Path:
    """The folder of kept builds, without those that nobody used for a month."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "benchgate" / "builds"
    home.mkdir(parents=True, exist_ok=True)
    for build in home.iterdir():
        if time.time() - build.stat().st_mtime > _KEPT_S:
            shutil.rmtree(build, ignore_errors=True)
    return home
