"""The page is open while photographs are still looked at: what is known of them, and when."""

import json
import os
import re
from itertools import repeat
from threading import Event, Thread

import pytest

import bgremove.cli.rects as rects_command
from bgremove import Rect
from bgremove.cli import run
from bgremove.errors import ImageError
from bgremove.rects import Table
from bgremove.rects.edit import EditServer, Entry, Session, survey, surveyed_meanwhile
from bgremove.rects.edit.answers import Answers
from tests.rects_folder import SETTINGS, ask, make_folder, read_rects, serving
from tests.rects_page import NAMES, make_photos, shown

PATIENCE_S = 60


def nothing(*_):
    """Nothing is told."""


@pytest.fixture
def folder(tmp_path):
    return make_folder(tmp_path)


@pytest.fixture
def session(folder):
    """One of which nothing is known."""
    return Session(Table(folder / "rects.csv"), map(Entry, sorted((folder / "photos").iterdir())), SETTINGS)


def surveyed(session, gate):
    """What a survey finds once the gate is open."""
    assert gate.wait(PATIENCE_S)
    yield from survey(session.unknown(), session.table, SETTINGS)


def get(server, address):
    status, _, content = ask(server, "GET", address)
    assert status == 200
    return json.loads(content)


def test_the_page_is_there_before_any_photo_is_read_and_is_told_what_becomes_known(session, folder):
    gate, ended = Event(), Event()
    (folder / "photos/vague.png").rename(folder / "photos/b.png")
    session = Session(session.table, map(Entry, sorted((folder / "photos").iterdir())), SETTINGS)
    (folder / "photos/large.png").write_bytes(b"nothing")
    with surveyed_meanwhile(session, surveyed(session, gate), nothing, ended.set), serving(session) as server:
        listed = get(server, "photos")
        assert [photo["name"] for photo in listed["photos"]] == ["photos/a, b.png", "photos/b.png", "photos/large.png"]
        assert listed["known"] == 0
        assert get(server, "known/0") == {"news": []}
        gate.set()
        assert ended.wait(PATIENCE_S)
        assert get(server, "known/0")["news"] == [
            {"index": 0, "doubtful": False, "failed": False},
            {"index": 1, "doubtful": True, "failed": False},
            {"index": 2, "doubtful": False, "failed": True},
        ]
        assert get(server, "known/2")["news"] == [{"index": 2, "doubtful": False, "failed": True}]
        assert [photo["doubtful"] for photo in get(server, "photos")["photos"]] == [False, True, False]
        assert get(server, "photos")["known"] == 3
    assert [path.name for path, _ in session.failures] == ["large.png"]
    assert len(session.table.read.lines) == 3


def test_a_photo_that_is_opened_first_has_its_proposed_rect_and_is_looked_at_once(session, folder):
    after = Session(Table(folder / "other.csv"), session.entries, SETTINGS)
    for path, result in survey(after.unknown(), after.table, SETTINGS):
        after.found(path, result)
    answers = Answers(session)
    opened = json.loads(answers.get("photos/2").content)
    path = session.entries[2].path
    assert tuple(opened["rect"]) == after.table.rect(path)
    assert bool(opened["doubts"]) == bool(after.entries[2].doubts)
    assert session.left == 2
    assert [each.name for each in session.unknown()] == [entry.path.name for entry in session.entries[:2]]


def test_what_a_person_has_drawn_meanwhile_is_newer_than_what_a_survey_finds(session):
    path = session.entries[0].path
    results = survey([path], session.table, SETTINGS)
    session.change(0, Rect(20, 20, 200, 150), None)
    for found in (*results, (path, ImageError("it was being replaced"))):
        session.found(*found)
    session.table.propose(path, Rect(1, 2, 30, 40))
    assert session.table.rect(path) == (20, 20, 200, 150)
    assert not session.failures
    assert session.known_since(0) == [0]


def test_a_proposed_rect_leaves_hints_of_an_image_editor(folder):
    (folder / "rects.csv").write_text('path,x,y,width,height,hints\n"photos/a, b.png",,,,,mine.png\n')
    table, path = Table.opened(folder / "rects.csv"), folder / "photos/a, b.png"
    assert [found for found, _ in survey([path], table, SETTINGS)] == [path]
    assert table.rect(path) is not None
    assert table.hints(path) == folder / "mine.png"


def test_a_survey_that_is_not_wanted_any_more_ends(session):
    endless = repeat((session.entries[0].path, Entry(session.entries[0].path, (), (1, 1))))
    with pytest.raises(KeyboardInterrupt), surveyed_meanwhile(session, endless, nothing, nothing):
        raise KeyboardInterrupt


def test_what_a_survey_raises_ends_the_page_and_is_raised(session):
    def broken():
        yield session.entries[0].path, ImageError("no image")
        raise ZeroDivisionError

    with (
        pytest.raises(ZeroDivisionError),
        surveyed_meanwhile(session, broken(), nothing, nothing),
        EditServer(session) as server,
    ):
        server.serve_forever()


def test_the_rest_is_proposed_when_the_page_is_done_at_once(folder, monkeypatch, capsys):
    gate = Event()

    def done_at_once(server):
        assert [entry.is_known for entry in server._session.entries] == [False] * 3
        gate.set()

    monkeypatch.setattr(rects_command, "survey", lambda paths, table, settings: gated(gate, paths, table, settings))
    monkeypatch.setattr(EditServer, "serve_forever", done_at_once)
    assert run(["rects", str(folder / "photos"), "-o", str(folder / "rects.csv"), "--edit", "--no-browser"]) == 0
    assert "3 to look at, of which 1 doubtful" in capsys.readouterr().err
    assert len(read_rects(folder / "rects.csv")) == 3


def test_the_lines_stand_in_the_order_of_the_photos_whichever_was_opened_first(folder, monkeypatch):
    gate = Event()

    def opened_at_once(server):
        server._session.open(2)
        gate.set()

    monkeypatch.setattr(rects_command, "survey", lambda paths, table, settings: gated(gate, paths, table, settings))
    monkeypatch.setattr(EditServer, "serve_forever", opened_at_once)
    (folder / "rects.csv").write_text("path,x,y,width,height\nz.png,1,2,3,4\nphotos/large.png,9,9,1100,800\n")
    assert run(["rects", str(folder / "photos"), "-o", str(folder / "rects.csv"), "--edit", "--no-browser"]) == 0
    names = [os.path.basename(path) for path in read_rects(folder / "rects.csv")]
    assert names == ["z.png", "large.png", "a, b.png", "vague.png"]


def gated(gate, *given):
    assert gate.wait(PATIENCE_S)
    yield from survey(*given)


def test_a_page_of_nothing_that_can_be_read_ends_by_itself(tmp_path, capsys):
    (tmp_path / "a.jpg").write_bytes(b"\xff\xd8\xff nothing")
    line = ["rects", str(tmp_path), "-o", str(tmp_path / "rects.csv"), "--edit", "--no-browser"]
    codes = []
    thread = Thread(target=lambda: codes.append(run(line)), daemon=True)
    thread.start()
    thread.join(PATIENCE_S)
    assert codes == [1]
    assert re.search("failed: .*a.jpg", capsys.readouterr().err)


@pytest.mark.whole_run
def test_doubtful_photos_move_up_on_the_page_and_what_is_no_photo_goes(blank_browser, tmp_path):
    gate = Event()
    paths = make_photos(tmp_path)
    (tmp_path / "aa.png").write_bytes(b"nothing")
    session = Session(Table(tmp_path / "rects.csv"), map(Entry, [*paths[:2], tmp_path / "aa.png", paths[2]]), SETTINGS)
    with surveyed_meanwhile(session, surveyed(session, gate), nothing, nothing), shown(blank_browser, session) as page:
        page.wait(lambda: page.text("progress") == "1 of 4")
        page.wait(lambda: page.text("left").endswith("so far, 3 are still to be looked at"))
        assert page.text("name") == NAMES[0]
        gate.set()
        page.wait(lambda: page.text("left") == "1 of them looks doubtful")
        assert page.text("progress") == "1 of 3"
        listed = [item.text.split("\n")[0] for item in page.at("photos").find_elements("tag name", "button")]
        assert listed == [NAMES[0], "c.png", "b.png"]
        page.press("n")
        page.wait(lambda: page.text("name") == "c.png")
        assert page.text("progress") == "2 of 3"
        page.press("n")
        page.wait(lambda: page.text("name") == "b.png")
        page.press("d")
        page.wait(lambda: page.text("name") == "c.png")
        assert page.browser.get_log("browser") == []
