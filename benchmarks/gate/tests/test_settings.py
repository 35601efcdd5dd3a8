"""What is configured and what is given on the command line."""

import argparse
from pathlib import Path

import pytest

from benchgate.errors import WrongUseError
from benchgate.settings import KEYS, Settings, add_comparison, settings


def asked(root: Path, *arguments: str, folder: str = ".") -> Settings:
    parser = argparse.ArgumentParser(exit_on_error=False)
    add_comparison(parser)
    return settings(parser.parse_args(arguments), root / folder, root)


def write(root: Path, text: str, folder: str = ".") -> None:
    (root / folder).mkdir(parents=True, exist_ok=True)
    (root / folder / "pyproject.toml").write_text(text)


ALL = """
[tool.benchgate]
paths = ["perf", "more/test_x.py"]
base = "v1"
head = "topic"
keyword = "fast"
marker = "gate"
tolerance = 0.05
tolerances = { "test_pool*" = 0.1 }
alpha = 0.02
budget-s = 60
timeout-s = 9
prepare = "make {target}"
carry = ["pkg/_version.py"]
pytest-args = ["-p", "helper"]
output = "out"
"""


def test_every_key_is_read_and_every_option_wins_over_it(tmp_path: Path) -> None:
    write(tmp_path, ALL)
    read = asked(tmp_path)
    assert (read.paths, read.base, read.head) == (("perf", "more/test_x.py"), "v1", "topic")
    assert read.selection == ("-k", "fast", "-m", "gate")
    assert (read.rule.tolerance, read.rule.alpha, read.tolerances) == (0.05, 0.02, {"test_pool*": 0.1})
    assert (read.budget_s, read.timeout_s, read.output) == (60.0, 9.0, tmp_path / "out")
    assert (read.prepare, read.carry, read.pytest_args) == ("make {target}", ("pkg/_version.py",), ("-p", "helper"))
    given = asked(
        tmp_path, "other", "--base", "b", "--head", "h", "-k", "k", "-m", "m", "--tolerance", "0.2", "--tolerance-of",
        "a[b=c]=0.3", "--alpha", "0.3", "--budget-s", "1", "--timeout-s", "2", "--output", "o",
        "--prepare", "p", "--carry", "c/*", "--carry", "d", "--pytest-arg=-v",
    )  # fmt: skip
    assert given == Settings(
        paths=("other",), base="b", head="h", selection=("-k", "k", "-m", "m"), rule=type(given.rule)(0.2, 0.3),
        tolerances={"a[b=c]": 0.3}, budget_s=1.0, timeout_s=2.0, output=tmp_path / "o",
        prepare="p", carry=("c/*", "d"), pytest_args=("-v",), told=frozenset(KEYS),
    )  # fmt: skip


def test_without_a_table_everything_is_as_usual(tmp_path: Path) -> None:
    write(tmp_path, "[project]\nname = 'x'\n")
    assert asked(tmp_path) == Settings(paths=("benchmarks",))


def test_paths_count_from_where_they_are_written(tmp_path: Path) -> None:
    write(tmp_path, "[tool.benchgate]\npaths = ['bench']\n", "packages/a")
    assert asked(tmp_path, folder="packages/a/src").paths == ("packages/a/bench",)
    assert asked(tmp_path, folder="packages/a/src").folder == "packages/a"
    assert asked(tmp_path, "x.py::test_y[../z]", folder="packages/a").paths == ("packages/a/x.py::test_y[../z]",)
    with pytest.raises(WrongUseError, match="inside the repository"):
        asked(tmp_path, "../..", folder="packages")
    (tmp_path / "link").symlink_to(tmp_path / "packages")
    assert asked(tmp_path / "packages", str(tmp_path / "link/a/bench")).paths == ("a/bench",)


@pytest.mark.parametrize(("line", "said"), [
    ("budget = 3", "no key budget"), ("tolerance = '3%'", "3%"), ("alpha = true", "share"), ("budget-s = -1", "-1"),
    ("paths = 'bench'", "list"), ("base = 3", "text"), ("tolerances = 0.1", "table"), ("x =", "cannot be read"),
    ("prepare = ''", "prepare = ''"), ("output = ' '", "output = ' '"), ("budget-s = true", "budget-s = True"),
])  # fmt: skip
def test_what_is_wrong_is_refused_with_its_file(line: str, said: str, tmp_path: Path) -> None:
    write(tmp_path, f"[tool.benchgate]\n{line}\n")
    with pytest.raises(WrongUseError, match=said) as refused:
        asked(tmp_path)
    assert "pyproject.toml" in str(refused.value)


@pytest.mark.parametrize("text", ["[tool]\nbenchgate = 3\n", "[[tool.benchgate]]\npaths = ['bench']\n"])
def test_what_is_no_table_is_refused(text: str, tmp_path: Path) -> None:
    write(tmp_path, text)
    with pytest.raises(WrongUseError, match="write a table of keys"):
        asked(tmp_path)
    write(tmp_path, "tool = 3\n")
    assert asked(tmp_path) == Settings(paths=("benchmarks",))


def test_the_page_names_every_key() -> None:
    page = (Path(__file__).parents[1] / "README.md").read_text()
    assert [key for key in KEYS if f"`{key}`" not in page] == []
