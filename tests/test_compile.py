"""Kernels are kept on disk where that is possible, and work where it is not."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import bgremove
from bgremove.engines import _compile

SCRIPT = """
import sys
sys.path.insert(0, {folder!r})
import numpy as np
from bgremove.engines._compile import announce
from bgremove.engines._maxflow import make_grid, solve
grid = make_grid(3, 4)
grid.excess[7], grid.excess[8] = 5, -9
grid.residual[7, 1] = 3
announce(solve)
solve(grid)
print(grid.excess[8], sum(solve.compiled.stats.cache_hits.values()), sum(solve.compiled.stats.cache_misses.values()))
"""


def run(folder: Path, home: Path) -> tuple[str, str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("NUMBA_", "XDG_"))}
    environment |= {"HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(folder=str(folder))],
        env=environment, capture_output=True, text=True, check=True, timeout=100,
    )  # fmt: skip
    return done.stdout.strip(), done.stderr


@pytest.fixture
def installation(tmp_path: Path) -> Path:
    folder = tmp_path / "site"
    shutil.copytree(Path(bgremove.__file__).parent, folder / "bgremove", ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def test_second_process_loads_what_the_first_compiled(installation: Path, tmp_path: Path) -> None:
    output, message = run(installation, tmp_path / "home")
    assert output == "-6 0 1"
    assert "compiling" in message
    output, message = run(installation, tmp_path / "home")
    assert output == "-6 1 0"
    assert message == ""


POOL = """
from bgremove.strategies import make_strategy
from bgremove.preparation import Preparation
with make_strategy("processes", workers=3, worker_context=Preparation("multiscale")) as strategy:
    strategy.warm_up()
"""


def test_of_the_workers_of_a_pool_one_compiles(installation: Path, tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("NUMBA_", "XDG_"))}
    environment |= {"HOME": str(tmp_path), "PYTHONPATH": str(installation)}
    for messages in (2, 0):  # one for the kernels of the exact engine, which is part of the other, and one for the rest
        line = [sys.executable, "-c", POOL]
        done = subprocess.run(
            line, env=environment, cwd=tmp_path, capture_output=True, text=True, check=True, timeout=200
        )
        assert done.stderr.count("compiling") == messages


def test_installation_that_cannot_be_written_to(installation: Path, tmp_path: Path) -> None:
    # A file where Numba wants its folder denies it even to root, whom permissions do not stop.
    (installation / "bgremove" / "engines" / "__pycache__").write_text("")
    home = tmp_path / "home"
    home.mkdir()
    assert run(installation, home)[0] == "-6 0 1"
    assert run(installation, home)[0] == "-6 1 0"


def test_no_folder_can_be_written_to(installation: Path, tmp_path: Path) -> None:
    (installation / "bgremove" / "engines" / "__pycache__").write_text("")
    home = tmp_path / "home"
    home.write_text("")
    for _ in range(2):
        output, message = run(installation, home)
        assert output == "-6 0 1"
        assert "compiling" in message


def test_announces_nothing_once_compiled(capsys: pytest.CaptureFixture[str]) -> None:
    @_compile.kernel
    def double(values: np.ndarray) -> None:
        for i in range(len(values)):
            values[i] *= 2

    values = np.arange(3)
    double(values)
    _compile.announce(double)
    assert capsys.readouterr().err == ""
    assert values.tolist() == [0, 2, 4]


def test_other_threads_run_while_a_kernel_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # What was kept of an earlier run would be loaded however the kernel is made today.
    monkeypatch.setattr("numba.config.CACHE_DIR", str(tmp_path))

    @_compile.kernel
    def stir(values: np.ndarray) -> None:
        for _ in range(400):
            for i in range(len(values)):
                values[i] = values[i] * 3 + values[i - 1]

    values = np.arange(1_000_000)
    stir(values[:10])
    begun, events = threading.Event(), []

    def run() -> None:
        begun.set()
        stir(values)
        events.append("kernel")

    # Nobody is asked to let others run: the test goes on before the kernel ends only if that lets it.
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1000)
    try:
        thread = threading.Thread(target=run)
        thread.start()
        begun.wait()
        events.append("test")
        thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert events == ["test", "kernel"]


def test_all_kernels_are_made_by_the_one_function_that_lets_threads_run() -> None:
    engines = Path(_compile.__file__).parent
    assert [file.name for file in engines.glob("*.py") if "numba" in file.read_text()] == ["_compile.py"]


CALLER = """
from bgremove.engines._compile import kernel
from bgremove.engines._factor import FACTOR, scale

@kernel
def triple(value):
    return scale(value) + FACTOR
"""
CALLED = """
from bgremove.engines._compile import kernel

FACTOR = {factor}

@kernel
def scale(value):
    return FACTOR * value
"""


def test_a_kernel_is_compiled_anew_when_another_file_changes_that_it_calls(installation: Path, tmp_path: Path) -> None:
    engines = installation / "bgremove" / "engines"
    (engines / "_caller.py").write_text(CALLER)
    script = (
        "from bgremove.engines._caller import triple; print(triple(7), sum(triple.compiled.stats.cache_hits.values()))"
    )
    environment = {"HOME": str(tmp_path), "PYTHONPATH": str(installation), "PYTHONDONTWRITEBYTECODE": "1"}
    for factor, printed in ((3, "24 0"), (3, "24 1"), (4, "32 0")):
        (engines / "_factor.py").write_text(CALLED.format(factor=factor))
        line = [sys.executable, "-c", script]
        done = subprocess.run(
            line, env=environment, cwd=tmp_path, capture_output=True, text=True, check=True, timeout=100
        )
        assert done.stdout.strip() == printed
