"""That variables of the caller's environment change no verdict and no exit status."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gate_toy import NO_TIME, Toy

pytestmark = pytest.mark.whole_run


@pytest.mark.parametrize(
    ("arguments", "status"), [(["--base", "none"], 2), (["--pytest-arg=--none"], 2), (["-k", "work"], 3)]
)
def test_a_python_that_asks_for_more_when_it_ends_keeps_the_exit_status(
    arguments: list[str], status: int, toy: Toy, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "benchgate", *NO_TIME, "bench", "--output", str(tmp_path / "output"), *arguments]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONINSPECT": "1"}
    done = subprocess.run(
        command, cwd=toy.root, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (status, "")
