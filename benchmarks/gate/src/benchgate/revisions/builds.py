"""What a revision needs beside its worktree: files that git does not keep, submodules, and a build of its own."""

import hashlib
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..errors import GateError, WrongUseError
from .git import git, git_lines, own_submodules, without_git

#: Variables that change what a build makes.
_OF_BUILDS = re.compile(
    r"\w*(FLAGS|EXTENSIONS?|CEXT|CYTHON|MYPYC)|CC|CXX|LD|LDSHARED|AR|RUSTC\w*|RUSTUP_\w+|(\w+_)?(INCLUDE|LIBRARY)_PATH|CPATH"
    r"|PKG_CONFIG\w*|(CARGO|CMAKE|MESON|MESONPY|PIP|UV|SETUPTOOLS|SKBUILD|MATURIN|CYTHON|HATCH)_\w+"
)
#: How lines begin that say what was wrong.
_ERROR = re.compile(r"(error|[\w.]*(Error|Exception)): ")
#: Builds that were not used for so long are removed, in seconds.
_KEPT_S = 30 * 86400.0


def carried(checkout: Path, patterns: Sequence[str], worktree: Path) -> None:
    """Copies files of the checkout that git does not keep, such as generated modules, into a worktree."""
    for name in to_carry(checkout, patterns):
        file, target = checkout / name, worktree / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(file, target, follow_symlinks=not file.is_dir())


def to_carry(checkout: Path, patterns: Sequence[str]) -> Iterator[Path]:
    """What the patterns name, from the checkout; raises WrongUseError for nothing, and for what git keeps."""
    kept = set(git_lines(checkout, "ls-files", "-z")) if patterns else set()
    for pattern in patterns:
        found = sorted(file.relative_to(checkout) for match in checkout.glob(pattern) for file in _files_in(match))
        if not found:
            raise WrongUseError(f"carry: {checkout} has no {pattern}")
        others = [name for name in found if name.as_posix() not in kept and ".git" not in name.parts]
        if not others:
            raise WrongUseError(f"carry: git keeps {pattern}, so that each revision has its own")
        yield from others


def _files_in(match: Path) -> Iterator[Path]:
    """The match itself, or all files in a folder; a link to a folder is a file."""
    if match.is_dir() and not match.is_symlink():
        yield from (file for file in match.rglob("*") if file.is_symlink() or file.is_file())
    else:
        yield match


def with_submodules(checkout: Path, worktree: Path) -> None:
    """Fills the folders of submodules in a worktree, from the checkout's own; raises GateError where one is empty."""
    for name, commit in own_submodules(worktree).items():
        source = checkout / name
        if not (source / ".git").exists():
            raise GateError(f"the submodule {name} is empty: run git submodule update --init --recursive")
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
    for name in own_submodules(root):
        if (root / name / ".git").exists():
            yield name
            yield from (f"{name}/{inner}" for inner in submodules(root / name))


def built(command: str, worktree: Path, log: Path) -> Path:
    """The folder that `command` filled for the worktree's tree, built now or taken from the builds that are kept.

    A command that does not name ``{target}`` builds in the worktree, every time, which then is that folder. Raises
    GateError when the command fails.
    """
    if "{target}" not in command:
        _run(command, worktree, worktree, log)
        return worktree
    kept = _cache()
    used = sorted(f"{name}={value}" for name, value in os.environ.items() if _OF_BUILDS.fullmatch(name))
    files = sorted((file, _digest(worktree / file)) for file in git_lines(worktree, "ls-files", "--others", "-z"))
    key = "\n".join(
        (command, git(worktree, "rev-parse", "HEAD^{tree}"), sys.version, sys.prefix, repr(used), repr(files))
    )
    target = kept / hashlib.sha256(key.encode()).hexdigest()[:24]
    if target.is_dir():
        os.utime(target)
        return target
    unfinished = Path(tempfile.mkdtemp(prefix=f"{target.name}.", dir=kept))
    try:
        _run(command, worktree, unfinished, log)
        if not any(unfinished.iterdir()):
            raise GateError(f"prepare has put nothing into {{target}} for {worktree.name} (see {log})")
        unfinished.rename(target)
    except OSError:
        if not target.is_dir():  # another run was quicker
            raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return target


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else ""


def _run(command: str, worktree: Path, target: Path, log: Path) -> None:
    names = {"target": str(target), "worktree": str(worktree), "python": sys.executable}
    try:
        words = [word.format(**names) for word in shlex.split(command)]
    except (KeyError, IndexError, ValueError) as error:
        raise WrongUseError(
            f"prepare: {command!r} cannot be read ({error}); it may name {{target}}, {{worktree}} and {{python}}"
        ) from None
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    kept = without_git(os.environ)
    with log.open("wb") as output:
        try:
            process = subprocess.Popen(  # noqa: S603 (the user's own command, without a shell)
                words, cwd=worktree, env=kept | {"PATH": path}, stdin=subprocess.DEVNULL, stdout=output,
                stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            raise WrongUseError(f"prepare: {words[0]} cannot be started: {error.strerror}") from None
    try:
        status = process.wait()
    except BaseException:  # the run was stopped, and with it its compilers
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise
    if status:
        said = _last_words(log.read_text(errors="replace"))
        raise GateError(f"prepare failed for {worktree.name} with status {status}: {said} (see {log})")


def _last_words(text: str) -> str:
    r"""The last error, or line; of what pip says, of the build itself, below which it only says that it failed.

    >>> _last_words("  error: no gcc\n  See the manual.\n  [end of output]\nerror: failed\nhint: See above.\n")
    'error: no gcc'
    """
    lines = [line.strip() for line in text.partition("[end of output]")[0].splitlines() if line.strip()]
    errors = [line for line in lines if _ERROR.match(line)]
    return (errors or lines or ["it said nothing"])[-1]


def _cache() -> Path:
    """The folder of kept builds, without those that nobody used for a month."""
    try:
        home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").resolve() / "benchgate" / "builds"
        home.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError) as error:
        raise GateError(f"prepare: there is no folder to keep builds in ({error}): set XDG_CACHE_HOME") from None
    for build in home.iterdir():
        if time.time() - build.stat().st_mtime > _KEPT_S:
            shutil.rmtree(build, ignore_errors=True)
    return home
