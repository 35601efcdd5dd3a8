"""What the README tells a reader to paste is pasted here."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bgremove.engines._compile import _folder
from tests.samples import save_scene

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


MAIN_JOB, TEST_LINE = blocks("sh")


def test_ci_runs_the_test_line():
    assert TEST_LINE in (ROOT / ".ci/run").read_text()


@pytest.mark.whole_run
@pytest.mark.parametrize("block", blocks("python"))
def test_python_examples_run(block, tmp_path, environment):
    (tmp_path / "fixtures").symlink_to(ROOT / "fixtures")
    subprocess.run([sys.executable, "-c", block], cwd=tmp_path, env=environment, check=True)


@pytest.mark.whole_run
@pytest.mark.parametrize("line", [line[2:] for block in blocks("console") for line in block.splitlines()])
def test_commands_run(line, tmp_path, environment):
    for seed, name in enumerate(("a.jpg", "b.jpg")):
        save_scene(tmp_path / "photos" / name, seed)
    (tmp_path / "rects.csv").write_text("path,x,y,width,height\nphotos/a.jpg,9,9,50,40\nphotos/b.jpg,9,9,50,40\n")
    if line.startswith("bgremove compare"):
        line += " --rounds 3"  # five go no other way
    python = f'"{sys.executable}" -m bgremove'
    subprocess.run(line.replace("bgremove", python, 1), shell=True, cwd=tmp_path, env=environment, check=True)  # noqa: S602


@pytest.mark.whole_run
@pytest.mark.timeout(900)
def test_the_main_job_runs_in_a_fresh_clone_with_an_empty_home(tmp_path):
    subprocess.run(["git", "clone", "--quiet", ROOT, tmp_path / "clone"], check=True)
    (tmp_path / "home").mkdir()
    kept = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_", "PATH"))}
    # Python compiles what is imported; pip would compile all of SciPy and Numba, for half of the time of this test.
    environment = {**kept, "HOME": str(tmp_path / "home"), "PIP_NO_COMPILE": "1"}
    # A minute less: these tests have compiled the kernels by the same path, for a first use on every Python.
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "bgremove").symlink_to(_folder())
    environment["XDG_CACHE_HOME"] = str(tmp_path / "cache")
    result = subprocess.run(
        ["bash", "-ec", MAIN_JOB], cwd=tmp_path / "clone", env=environment, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert "processes" in result.stdout
    left = subprocess.run(["git", "status", "--porcelain"], cwd=tmp_path / "clone", capture_output=True, check=True)
    assert left.stdout == b""
