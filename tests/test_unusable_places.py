"""Folders, disks and streams that cannot be used are named, and cost what needs them only."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from bgremove import cli
from tests.image_files import quarters, saved
from tests.permissions import public_folder, unprivileged
from tests.small_folder import make_folder


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return make_folder(tmp_path)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("remove a.png -o shut/out --resume", "the journal cannot be kept: Permission denied"),
        ("remove a.png -o shut/cut.png", "shut/cut.png: it cannot be written (Permission denied)"),
        ("remove shut --watch -o out", "shut: it cannot be watched (Permission denied"),
        ("compare shut", "shut: the folder cannot be read: Permission denied"),
    ],
)
def test_a_folder_that_may_not_be_entered_is_named(line, message, monkeypatch, capfd):
    with public_folder() as folder:
        (folder / "a.png").write_bytes(saved(quarters(), "PNG"))
        (folder / "shut").mkdir(mode=0)
        monkeypatch.chdir(folder)
        # Who may read nothing here can import nothing either, nor load a kernel.
        import_module("watchfiles")
        assert cli.run(["remove", "a.png", "-o", "first.png"]) == cli.run([line.split()[0], "--help"]) == 0
        with unprivileged():
            status = cli.run(line.split())
        monkeypatch.undo()
    assert status > 0
    assert message in capfd.readouterr().err


def test_an_output_whose_name_is_too_long_fails_with_its_name(folder, capfd):
    assert cli.run(["remove", "a.png", "-o", "x" * 255 + ".png"]) == 1
    assert "it cannot be written (File name too long)" in capfd.readouterr().err


@pytest.mark.whole_run
@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no such device")
def test_a_full_disk_for_messages_costs_them_only_and_for_results_is_told(folder, environment):
    def run(line: str, full: str) -> tuple[int, str]:
        with open("/dev/full", "w") as device:
            ends = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, full: device}
            line = [sys.executable, "-m", "bgremove", *line.split()]
            result = subprocess.run(line, **ends, text=True, env=environment, check=False)
        return result.returncode, result.stderr

    assert run("remove photos -o out -v", "stderr") == (0, None)
    assert (folder / "out/b.png").exists()
    for line in ("info", "remove photos -o dry --dry-run", "--version", "remove --help"):
        status, messages = run(line, "stdout")
        assert (status, messages) == (2, "error: standard output: it cannot be written (No space left on device)\n")


@pytest.mark.whole_run
@pytest.mark.skipif(os.name == "nt", reason="there, the current folder cannot be removed")
def test_a_current_folder_that_is_gone_is_told(tmp_path, environment):
    script = 'mkdir gone && cd gone && rmdir ../gone && exec "$0" -m bgremove remove photos -o out'
    line = ["sh", "-c", script, sys.executable]
    done = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, env=environment, check=False)
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert "error: the current folder cannot be used" in done.stderr


@pytest.mark.whole_run
@pytest.mark.skipif(os.name == "nt", reason="a shell closes the streams")
def test_streams_that_are_closed_are_told_or_passed_over(folder, environment):
    def run(line: str) -> subprocess.CompletedProcess[str]:
        command = f"{shlex.quote(sys.executable)} -m bgremove {line}"
        options = {"capture_output": True, "text": True, "errors": "replace", "env": environment}
        return subprocess.run(["sh", "-c", command], check=False, **options)

    closed = run("remove a.png -o - >&-")
    assert (closed.returncode, "standard output: it is closed" in closed.stderr) == (1, True), closed.stderr
    assert "standard input is closed" in run("remove - -o cut.png <&-").stderr
    silent = run("remove a.png -o - 2>&-")
    assert (silent.returncode, silent.stderr) == (0, "")
    assert run("remove photos -o out <&- >&- 2>&-").returncode == 0
    assert (folder / "out/b.png").exists()
