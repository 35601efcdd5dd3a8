import io
import re

from rich.console import Console

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


def test_a_long_run_is_heard_of_every_five_minutes():
    now_s, said = 0.0, []
    advance = Lines(said.append, Pace("images", 10_000, lambda: now_s))
    for _ in range(3600):
        now_s += 1.0
        advance()
    assert 8 + 3600 // 300 - 2 <= len(said) <= 8 + 3600 // 300


def test_a_terminal_has_a_bar_with_the_time_left_and_quiet_has_nothing():
    def shown(**options):
        stream = io.StringIO()
        with progress(Console(file=stream, force_terminal=True, width=100), Pace("images", 3), **options) as advance:
            advance()
        return stream.getvalue()

    assert re.search(r"images.*1/3.*0:00:00.*-:--:--", shown())
    assert shown(quiet=True) == ""
