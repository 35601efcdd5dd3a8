from __future__ import annotations

import os
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from bgremove.paths import display_name


@given(st.binary().filter(lambda name: b"\0" not in name))
def test_any_name_can_be_shown(name: bytes) -> None:
    shown = display_name(name)
    assert shown.isprintable()
    assert shown.encode().decode() == shown
    assert display_name(os.fsdecode(name)) == shown


def test_ordinary_names_are_left_alone() -> None:
    for name in ("a b.jpg", "🐈 猫 é.png", "C:\\photos\\a.jpg"):
        assert display_name(name) == name
    assert display_name(Path("a/b.jpg")) == str(Path("a/b.jpg"))


def test_what_moves_the_cursor_or_hides_text_is_escaped() -> None:
    assert display_name("a\r\x1b]0;x\x07\u202egpj.exe") == "a\\r\\x1b]0;x\\x07\\u202egpj.exe"
    assert display_name(b"\xff") == "\\xff"
