"""A small pytest-benchmark project in a temporary repository, for the tests of the gate."""

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchgate.measure.places import Places
from benchgate.measure.site import Site
from benchgate.measure.suite import Suite
from benchgate.revisions.packages import Packages
from benchgate.revisions.worktrees import Checkouts

SOURCE = """
def work(rounds=6000):
    total = 0
    for number in range(rounds):
        total += number * number
    return total
"""
#: Plugins of the environment that a toy does not need are left out, each takes longer to start than the toy's run; and
#: of pytest's own those that take long to start or to end.
FOREIGN = "-p no:hypothesispytest -p no:xdist -p no:xdist.looponfail -p no:anyio -p no:timeout"
OF_PYTEST = " ".join(
    f"-p no:{name}"
    for name in ("unraisableexception", "threadexception", "doctest", "junitxml", "unittest", "debugging", "logging",
                 "legacypath", "pastebin", "stepwise")
)  # fmt: skip
SETTINGS = f"""
[pytest]
python_files = bench_*.py
addopts = {FOREIGN} {OF_PYTEST}
"""
CASES = """
from toy import work

def test_work(benchmark):
    assert benchmark(work) > 0
"""
#: Comparisons that end before they measure: after everything has been collected and tried out.
NO_TIME = ["--base", "base", "--budget-s", "0.001"]


@dataclass(frozen=True)
class Toy:
    """The repository; `commit` writes files (None deletes one) and returns the new commit."""

    root: Path

    def git(self, *arguments: str) -> str:
        who = ["-c", "user.name=toy", "-c", "user.email=toy@example.org"]
        command = ["git", *who, *arguments]
        done = subprocess.run(command, cwd=self.root, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def write(self, files: dict[str, str | None]) -> None:
        for name, text in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if text is None:
                path.unlink()
            else:
                path.write_text(text)

    def commit(self, files: dict[str, str | None]) -> str:
        self.write(files)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "-m", "change")
        return self.git("rev-parse", "HEAD")

    def moved(self, layout: dict[str, str | None]) -> None:
        """Commits its one module elsewhere, in base and head alike."""
        self.commit({"toy.py": None, **layout})
        self.git("tag", "--force", "base")


def make_toy(root: Path) -> Toy:
    """A repository with one module `toy` and one case, committed and tagged `base`."""
    root.mkdir(parents=True)
    toy = Toy(root)
    toy.git("init", "--quiet", "-b", "main")
    toy.commit({"toy.py": SOURCE, "bench/bench_toy.py": CASES, "pytest.ini": SETTINGS})
    toy.git("tag", "base")
    return toy


def toy_sites(toy: Toy, trees: Checkouts, logs: Path, paths: Sequence[str] = ("bench",)) -> tuple[Site, Site]:
    """Base and head of a toy, whose one module is at its root."""
    places = Places(toy.root, Packages({"toy": (".",)}, (".",)))
    base, head = (Site(root.name, root, Suite(tuple(paths)), 30.0, logs, places) for root in (trees.base, trees.head))
    return base, head


def toy_site(toy: Toy, logs: Path) -> Site:
    """The files of a toy as they are."""
    return Site("head", toy.root, Suite(("bench",)), 30.0, logs, Places(toy.root, Packages({"toy": (".",)}, (".",))))
