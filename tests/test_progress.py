import io
import re

import pytest
from rich.console import Console

from bgremove.bar import bar
from bgremove.pace import Pace
from bgremove.progress import Lines, progress


def test_a_log_has_a_line_now_and_then_with_the_time_left():
    now_s, said = 0.0, []
    advance = Lines(said.append, Pace("images", 100, lambda: now_s))
    for _ in range(100):
        now_s += 1.0
        advance()
    assert said == [
        "images: 2 of 100, 0:01:38 left, 1.0 a second",
        "images: 4 of 100, 0:01:36 left, 1.0 a second",
        "images: 7 of 100, 0:01:33 left, 1.0 a second",
        "images: 13 of 100, 0:01:27 left, 1.0 a second",
        "images: 25 of 100, 0:01:15 left, 1.0 a second",
        "images: 49 of 100, 0:00:51 left, 1.0 a second",
        "images: 97 of 100, 0:00:03 left, 1.0 a second",
    ]


def test_starting_up_does_not_count_for_the_time_left():
    now_s, said = 0.0, []
    advance = Lines(said.append, Pace("images", 101, lambda: now_s))
    now_s = 60.0
    for _ in range(2):
        advance()
        now_s += 1.0
    assert said == ["images: 2 of 101, 0:01:39 left, 1.0 a second"]


@pytest.mark.parametrize(("workers", "line"), [(1, "0:02:20 left, 0.10 a second"), (2, "0:01:10 left, 0.20 a second")])
def test_images_that_are_done_together_were_begun_together(workers, line):
    now_s, said = 0.0, []
    pace = Pace("images", 16, lambda: now_s)
    advance = Lines(said.append, pace)
    now_s = 3.0  # starting up
    for index in range(16):
        now_s += 0.0 if index % workers else 10.0
        advance(took_s=10.0)
    assert said[0] == f"images: 2 of 16, {line}"
    assert pace.per_s == pytest.approx(workers / 10, rel=0.02)


def test_a_long_run_is_heard_of_every_five_minutes():
    now_s, said = 0.0, []
    advance = Lines(said.append, Pace("images", 10_000, lambda: now_s))
    for _ in range(3600):
        now_s += 1.0
        advance()
    assert 8 + 3600 // 300 - 2 <= len(said) <= 8 + 3600 // 300


def test_a_bar_has_the_time_left():
    stream = io.StringIO()
    with bar(Console(file=stream, force_terminal=True, width=100), Pace("images", 3)) as advance:
        advance()
    assert re.search(r"images.*1/3.*0:00:00.*-:--:--", stream.getvalue())


@pytest.mark.parametrize(
    ("terminal", "term", "quiet", "has_bar"),
    [
        (True, "xterm", False, True),
        (True, "xterm", True, False),
        (True, "dumb", False, False),
        (False, "xterm", False, False),
    ],
)
def test_only_a_terminal_that_can_move_its_cursor_has_a_bar(terminal, term, quiet, has_bar, monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr(stream, "isatty", lambda: terminal)
    monkeypatch.setattr("sys.stderr", stream)
    monkeypatch.setenv("TERM", term)
    pace = Pace("images", 3)
    with progress(pace, quiet=quiet) as advance:
        advance(failed=True)
    assert (pace.done, pace.failed) == (1, 1)
    assert ("1/3" in stream.getvalue()) == has_bar
    assert has_bar or not stream.getvalue()
