"""What the command looks like: help by section, narrow and dumb terminals, no colours where none are wanted."""

import os
import pty
import re
import select
import subprocess
import sys
import termios
from contextlib import suppress

import pytest

from bgremove.cli import run
from bgremove.comparison.report import comparison_list
from tests.report_values import comparison
from tests.samples import save_scene

COMMANDS = ["remove", "rects", "compare", "report", "info"]
ESCAPE = re.compile(r"\x1b")


@pytest.fixture
def helped(monkeypatch, capsys):
    """The help of a command on a terminal of so many columns."""

    def call(command, columns=80):
        monkeypatch.setenv("COLUMNS", str(columns))
        assert run([command, "--help"]) == 0
        return capsys.readouterr().out

    return call


@pytest.mark.parametrize("columns", [40, 80])
@pytest.mark.parametrize("command", COMMANDS)
def test_help_fits(helped, command, columns):
    text, _, examples = helped(command, columns).partition("\nExamples:\n")
    longest = [line for line in text.splitlines() if len(line) > columns]
    assert all(len(line.split()) <= 3 and line.startswith("  -") for line in longest), longest  # a list of names
    assert examples or command == "info"


def test_help_has_every_option_in_a_section(helped):
    for command in ("remove", "compare", "report"):
        sections = re.findall(r"^(\S.*):$", helped(command), re.MULTILINE)
        assert sections[-3:] == ["What is told", "Options", "Examples"]
        under_options = helped(command).partition("\nOptions:\n")[2].partition("\nExamples:")[0]
        assert under_options.split() == ["-h,", "--help", "Show", "this", "message", "and", "exit."]


def test_a_comparison_fits_a_narrow_terminal():
    text = comparison_list(comparison())
    assert max(map(len, text.splitlines())) <= 50
    assert "processes, 2 workers\n  read, ms/image: 2." in text


def on_a_terminal(line, columns, **environment):
    """What the command writes on a terminal of so many columns, stdout and stderr apart."""
    written = {}
    ends = {name: pty.openpty() for name in ("stdout", "stderr")}
    for _, slave in ends.values():
        termios.tcsetwinsize(slave, (24, columns))
    clean = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "NO_COLOR", "FORCE_COLOR")}
    process = subprocess.Popen(
        [sys.executable, "-m", "bgremove", *line],
        stdout=ends["stdout"][1], stderr=ends["stderr"][1], stdin=subprocess.DEVNULL,
        env={**clean, "PYTHONPATH": os.getcwd(), **environment},
    )  # fmt: skip
    for _, slave in ends.values():
        os.close(slave)
    open_ends = {master: name for name, (master, _) in ends.items()}
    while open_ends:
        for master in select.select(list(open_ends), [], [], 100)[0]:
            content = b""
            with suppress(OSError):  # how Linux tells that the other end is closed
                content = os.read(master, 65536)
            if content:
                written[open_ends[master]] = written.get(open_ends[master], b"") + content
            else:
                os.close(master)
                del open_ends[master]
    assert process.wait() == 0
    return {name: written.get(name, b"").decode() for name in ends}


@pytest.mark.whole_run
@pytest.mark.parametrize("environment", [{"TERM": "dumb"}, {"TERM": "xterm", "NO_COLOR": "1"}, {"TERM": "xterm"}])
def test_progress_is_on_stderr_and_moves_no_cursor_where_there_is_none(tmp_path, environment):
    save_scene(tmp_path / "in/a.png", 1)
    line = ["remove", tmp_path / "in", "-o", tmp_path / "out", "--strategy", "sequential"]
    written = on_a_terminal(line, 40, **environment)
    assert written["stdout"] == ""
    assert "1 ok, 0 skipped, 0 failed" in written["stderr"]
    colours = re.findall(r"\x1b\[[0-9;]*m", written["stderr"])
    if environment["TERM"] == "dumb":
        assert not ESCAPE.search(written["stderr"])
    elif "NO_COLOR" in environment:
        assert not [colour for colour in colours if re.search(r"\b(3|4|9|10)\d", colour)]
    else:
        assert colours


@pytest.mark.whole_run
def test_a_comparison_is_read_on_a_narrow_terminal(tmp_path):
    save_scene(tmp_path / "a.png", 1)
    line = ["compare", tmp_path / "a.png", "--strategies", "threads", "--rounds", "3", "-q"]
    text = re.sub(r"\x1b\[[0-9;]*m", "", on_a_terminal(line, 40, TERM="xterm")["stdout"])
    assert max(map(len, text.splitlines())) <= 40
    assert "threads, " in text


def test_who_leaves_the_command_out_is_shown_the_line_that_was_meant(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my cup.jpg").touch()
    assert run(["my cup.jpg", "-o", "cup.png"]) == 2
    assert (
        "No such command 'my cup.jpg'. Did you mean `bgremove remove 'my cup.jpg' -o cup.png`?"
        in capsys.readouterr().err
    )
    assert run(["mycup.jpg"]) == 2
    assert "Did you mean" not in capsys.readouterr().err
