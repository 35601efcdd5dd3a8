"""That of two packages of one name in a repository, the one beside the cases is measured."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from benchgate.cli import run
from benchgate.revisions.packages import Packages
from gate_toy import NO_TIME, SOURCE, Toy

pytestmark = pytest.mark.whole_run

Said = Callable[[], str]

CASES = """
import common

def test_work(benchmark):
    assert common.NAME == {name!r}
    benchmark(common.work)
"""


@pytest.fixture
def monorepo(toy: Toy) -> Toy:
    """Two distributions, each with a package `common`, of which an environment can have only one."""
    files: dict[str, str | None] = {"toy.py": None, "bench/bench_toy.py": None}
    for name in ("a", "b"):
        files |= {
            f"packages/{name}/pyproject.toml": f"[project]\nname = '{name}'\nversion = '1'\n",
            f"packages/{name}/src/common/__init__.py": f"{SOURCE}NAME = {name!r}\n",
            f"packages/{name}/benchmarks/bench_{name}.py": CASES.format(name=name),
        }
    toy.commit(files)
    toy.git("tag", "--force", "base")
    return toy


def test_the_package_beside_the_cases_is_measured(
    monorepo: Toy, said: Said, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run([*NO_TIME, "packages/b", "--output", str(tmp_path / "out")]) == 3
    assert "measured: `common` from base/packages/b/src, head/packages/b/src" in said()
    monkeypatch.chdir(monorepo.root / "packages/b")
    assert run([*NO_TIME, "benchmarks", "--output", str(tmp_path / "out")]) == 3
    (found,) = json.loads((tmp_path / "out/gate.json").read_text())["findings"]
    assert found["verdict"] == "inconclusive", found["why"]


def test_cases_of_both_at_once_are_refused(monorepo: Toy, said: Said) -> None:
    assert run([*NO_TIME, "packages"]) == 3
    assert "error: `common` is in packages/a/src, packages/b/src, beside cases of each" in said()


def test_cases_beside_none_of_them_or_beside_one_take_no_other() -> None:
    packages = Packages({"toy": ("packages/a/src", "packages/b/src")}, ("packages/a/src", "packages/b/src", "."))
    assert packages.nearest_first(["benchmarks/bench_x.py"]) == packages
    assert packages.nearest_first(["packages/b/bench_x.py"]).roots == ("packages/b/src", "packages/a/src", ".")
    assert packages.claimed_by_several("toy", ["benchmarks/bench_x.py", "packages/b/bench_x.py"]) == []
    assert packages.claimed_by_several("toy", ["packages/a/bench_x.py", "packages/b/bench_x.py"]) != []
