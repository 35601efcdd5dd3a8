"""One process compiles kernels while others wait, and says so."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from bgremove.engines import _turns
from bgremove.engines._turns import my_turn

WAITS = """
import sys
from pathlib import Path
from bgremove.engines._turns import my_turn
with my_turn(Path(sys.argv[1])):
    print("in")
"""


def test_who_waits_for_another_to_compile_says_so_once(environment: dict[str, str], tmp_path: Path) -> None:
    lock = tmp_path / "a.lock"
    line = [sys.executable, "-c", WAITS, lock]
    pipe = subprocess.PIPE
    with ExitStack() as held:
        held.enter_context(my_turn(lock))
        with subprocess.Popen(line, env=environment, text=True, stdout=pipe, stderr=pipe) as other:
            assert other.stderr is not None
            assert other.stdout is not None
            expected = f"bgremove: waiting for process {os.getpid()}, which compiles its kernels: some seconds, once\n"
            assert other.stderr.readline() == expected
            held.close()
            assert other.stdout.read() == "in\n"
    assert not lock.with_suffix(".told").exists()


def test_what_one_reader_has_been_told_is_not_told_again(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_turns, "_SILENT_S", 0.0)
    for reader, lines in ((_turns._reader(), 0), ("1:2", 1)):
        told = tmp_path / f"{lines}.told"
        told.write_text(f"123\n{reader}\n", encoding="ascii")
        _turns._tell(told)
        assert capfd.readouterr().err.count("waiting for process 123") == lines
        assert _turns._reader() in told.read_text(encoding="ascii").split()
    _turns._tell(tmp_path / "gone" / "a.told")
    assert "waiting for another process" in capfd.readouterr().err
