"""Kernels are kept on disk where that is possible, and work where it is not."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
from importlib.util import spec_from_file_location
from pathlib import Path

import pytest

import bgremove
from bgremove.engines import WITHOUT_MODEL, _compile, make_engine, warm_up_log_odds, warm_up_overlap
from bgremove.errors import EngineError

DOUBLED = """
from __future__ import annotations

from contextlib import contextmanager

from bgremove.engines._compile import compiled_once, kernel

@kernel
def double(value: int) -> int:
    return 2 * value

@contextmanager
def doubling():
    with compiled_once(double):
        double(1)
    yield
"""
SCRIPT = """
import sys
sys.path.insert(0, {folder!r})
from bgremove.engines._doubled import double
print(double(21), "numba" in sys.modules)
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
    (folder / "bgremove/engines/_doubled.py").write_text(DOUBLED)
    return folder


def test_second_process_loads_what_the_first_compiled(installation: Path, tmp_path: Path) -> None:
    output, message = run(installation, tmp_path / "home")
    assert output == "42 True"
    assert "compiling" in message
    output, message = run(installation, tmp_path / "home")
    assert output == "42 False"
    assert message == ""


POOL = """
from bgremove.engines._doubled import doubling
from bgremove.strategies import make_strategy
with make_strategy("processes", workers=3, start_method="spawn", worker_context=doubling) as strategy:
    strategy.warm_up()
"""


@pytest.mark.whole_run
def test_of_the_workers_of_a_pool_one_compiles(installation: Path, tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("NUMBA_", "XDG_"))}
    environment |= {"HOME": str(tmp_path), "PYTHONPATH": str(installation)}
    for messages in (1, 0):
        line = [sys.executable, "-c", POOL]
        done = subprocess.run(
            line, env=environment, cwd=tmp_path, capture_output=True, text=True, check=True, timeout=200
        )
        assert done.stderr.count("compiling") == messages


def test_nobody_waits_for_kernels_that_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    def wait(path: object) -> None:
        raise AssertionError(path)

    engines = [make_engine(engine) for engine in WITHOUT_MODEL]
    for engine in engines:
        engine.warm_up()
    monkeypatch.setattr(_compile.Kernel, "signatures", [])  # as in a process that has loaded none
    monkeypatch.setattr("filelock.FileLock", wait)
    for warm_up in (*(engine.warm_up for engine in engines), warm_up_overlap, warm_up_log_odds):
        getattr(warm_up, "__wrapped__", warm_up)()


def test_who_has_loaded_the_kernels_looks_for_them_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    for engine in WITHOUT_MODEL:
        make_engine(engine).warm_up()

    def look() -> None:
        raise AssertionError

    monkeypatch.setattr(_compile, "_folder", look)
    monkeypatch.setattr(_compile, "_folders", look)
    for engine in WITHOUT_MODEL:
        make_engine(engine).warm_up()


def test_kernels_outlive_another_installation_of_the_same_compiler(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def installed(version: str) -> str:
        shutil.rmtree(tmp_path / "numba", ignore_errors=True)
        (tmp_path / "numba").mkdir()
        (tmp_path / "numba/__init__.py").touch()
        (tmp_path / "numba/_version.py").write_text(version)
        return _compile._digest.__wrapped__()

    specification = spec_from_file_location("numba", tmp_path / "numba/__init__.py")
    monkeypatch.setattr(_compile, "find_spec", lambda name: specification if name == "numba" else None)
    first = installed("0.68.1")
    assert installed("0.68.1") == first
    assert installed("0.68.2") != first


def test_where_no_lock_can_be_kept_each_compiles_for_itself(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(_compile, "_folder", lambda: tmp_path)
    monkeypatch.setattr(_compile, "_folders", lambda: iter([tmp_path]))

    @_compile.kernel
    def double(value: int) -> int:
        return 2 * value

    (tmp_path / f"{double.name}.lock").mkdir()  # type: ignore[attr-defined]
    with _compile.compiled_once(double):
        assert double(21) == 42


def test_a_file_system_without_locks_is_one_where_none_can_be_kept(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def lock(path: object) -> None:
        raise NotImplementedError("FileSystem does not appear to support flock")  # as before filelock 4

    monkeypatch.setattr("filelock.FileLock", lock)
    monkeypatch.setattr(_compile, "_folder", lambda: tmp_path)
    monkeypatch.setattr(_compile, "_folders", lambda: iter([tmp_path]))

    @_compile.kernel
    def triple(value: int) -> int:
        return 3 * value

    with _compile.compiled_once(triple):
        assert triple(14) == 42


def test_a_folder_on_a_full_disk_is_none_that_can_be_written_to(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(_compile, "_folders", lambda: iter([tmp_path]))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    try:
        assert _compile._folder.__wrapped__() is None
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.iterdir()) == []


def test_who_has_no_memory_for_llvm_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise OSError("Could not find/load shared object file 'libllvmlite.so'")

    monkeypatch.setattr("llvmlite.binding.initialize_native_target", fail)
    with pytest.raises(EngineError, match="too little memory"):
        _compile._llvm.__wrapped__()


@pytest.mark.whole_run
def test_installation_that_cannot_be_written_to(installation: Path, tmp_path: Path) -> None:
    # A file where Numba wants its folder denies it even to root, whom permissions do not stop.
    (installation / "bgremove" / "engines" / "__pycache__").write_text("")
    home = tmp_path / "home"
    home.mkdir()
    assert run(installation, home)[0] == "42 True"
    assert run(installation, home)[0] == "42 False"


@pytest.mark.whole_run
def test_no_folder_can_be_written_to(installation: Path, tmp_path: Path) -> None:
    (installation / "bgremove" / "engines" / "__pycache__").write_text("")
    home = tmp_path / "home"
    home.write_text("")
    for _ in range(2):
        output, message = run(installation, home)
        assert output == "42 True"
        assert "compiling" in message


def test_a_disk_without_room_keeps_nothing_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_compile, "_folder", lambda: tmp_path)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    try:
        _compile._keep("kernel.o", "symbol", bytes(10_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.whole_run
def test_a_kept_file_that_is_damaged_is_compiled_anew(installation: Path, tmp_path: Path) -> None:
    run(installation, tmp_path / "home")
    (kept,) = (installation / "bgremove" / "engines" / "__pycache__").glob("_doubled.*.o")
    content = bytearray(kept.read_bytes())
    content[-100] ^= 1
    kept.write_bytes(content)
    assert run(installation, tmp_path / "home")[0] == "42 True"
    assert run(installation, tmp_path / "home")[0] == "42 False"


CALLER = """
from __future__ import annotations

from bgremove.engines._compile import kernel
from bgremove.engines._factor import FACTOR, scale

@kernel
def triple(value: int) -> int:
    return scale(value) + FACTOR
"""
CALLED = """
from bgremove.engines._compile import kernel

FACTOR = {factor}

@kernel
def scale(value):
    return FACTOR * value
"""


@pytest.mark.whole_run
def test_a_kernel_is_compiled_anew_when_another_file_changes_that_it_calls(installation: Path, tmp_path: Path) -> None:
    engines = installation / "bgremove" / "engines"
    (engines / "_caller.py").write_text(CALLER)
    script = "import sys; from bgremove.engines._caller import triple; print(triple(7), 'numba' in sys.modules)"
    environment = {"HOME": str(tmp_path), "PYTHONPATH": str(installation), "PYTHONDONTWRITEBYTECODE": "1"}
    for factor, printed in ((3, "24 True"), (3, "24 False"), (4, "32 True")):
        (engines / "_factor.py").write_text(CALLED.format(factor=factor))
        line = [sys.executable, "-c", script]
        done = subprocess.run(
            line, env=environment, cwd=tmp_path, capture_output=True, text=True, check=True, timeout=100
        )
        assert done.stdout.strip() == printed
