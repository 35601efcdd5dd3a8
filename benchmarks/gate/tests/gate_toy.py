"""A small pytest-benchmark project in a temporary repository, for the tests of the gate."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

SOURCE = """
def work(rounds=6000):
    total = 0
    for number in range(rounds):
        total += number * number
    return total
"""
CASES = """
from toy import work

def test_work(benchmark):
    assert benchmark(work) > 0
"""


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


def make_toy(root: Path) -> Toy:
    """A repository with one module `toy` and one case, committed and tagged `base`."""
    root.mkdir(parents=True)
    toy = Toy(root)
    toy.git("init", "--quiet", "-b", "main")
    toy.commit({"toy.py": SOURCE, "bench/bench_toy.py": CASES, "pytest.ini": "[pytest]\npython_files = bench_*.py\n"})
    toy.git("tag", "base")
    return toy
