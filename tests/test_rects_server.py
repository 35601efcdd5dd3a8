"""The server of the page: what it serves, and whom it refuses."""

import base64
import json
import threading

import cv2
import numpy as np
import pytest

import bgremove.rects.edit.session as edit_session
from bgremove.formats import read
from bgremove.rects import Table
from bgremove.rects.edit import EditServer, Entry, Session
from bgremove.rects.edit.answers import Answers
from bgremove.types import DrawnRect, Rect
from fixtures.scenes import make_scene
from tests.rects_folder import SETTINGS, ask, contents, make_folder, serving, session_of


@pytest.fixture
def session(tmp_path):
    return session_of(make_folder(tmp_path))


@pytest.fixture(scope="module")
def kept_folder(tmp_path_factory):
    """A folder that stays as it is."""
    return make_folder(tmp_path_factory.mktemp("kept"))


@pytest.fixture(scope="module")
def guarded(kept_folder):
    """A server that nobody gets to change anything."""
    with serving(session_of(kept_folder)) as server:
        yield server


def test_the_page_and_its_parts_are_served_under_a_strict_policy(guarded):
    status, headers, content = ask(guarded, "GET", "")
    assert status == 200
    assert b"<html" in content
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "http" not in headers["Content-Security-Policy"]
    for name in ("edit.css", "edit.js", "stage.js", "marks.js", "rectangle.js", "server.js"):
        assert ask(guarded, "GET", name)[0] == 200
    listed = json.loads(ask(guarded, "GET", "photos")[2])["photos"]
    assert [photo["name"] for photo in listed] == ["photos/vague.png", "photos/a, b.png", "photos/large.png"]
    status, headers, content = ask(guarded, "GET", "photos/2.jpg")
    assert headers["Content-Type"] == "image/jpeg"
    assert cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR).shape == (600, 800, 3)


@pytest.mark.parametrize("method", ["GET", "PUT", "POST"])
@pytest.mark.parametrize(
    "wrong",
    [
        {"token": "x"},
        {"token": ""},
        {"token": "caf\xe9"},
        {"Host": "evil.example:{port}"},
        {"Host": "127.0.0.1"},
        {"Host": ""},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
    ],
    ids=str,
)
def test_strangers_are_refused_whatever_they_ask(guarded, kept_folder, method, wrong):
    before = contents(kept_folder)
    port = guarded.server_address[1]
    wrong = {name: value.format(port=port) for name, value in wrong.items()}
    for address in ("", "photos", "photos/0", "photos/0.jpg", "done", "edit.js"):
        status, _, content = ask(guarded, method, address, {"rect": [1, 1, 9, 9]}, **wrong)
        assert status == 403
        assert b"photos/" not in content
    assert contents(kept_folder) == before
    assert ask(guarded, "GET", "photos", Host=f"localhost:{port}", Origin=f"http://localhost:{port}")[0] == 200


@pytest.mark.parametrize(
    "address",
    [
        "../rects.csv", "..%2frects.csv", "photos/../../rects.csv", "photos/3", "photos/-1", "photos/00x", "photos/1e0",
        "photos/\u0661".encode().decode("latin-1"), "photos/" + "9" * 5000, "photos/a, b.png".replace(" ", "%20"),
        "page/edit.js", "//etc/passwd", "__init__.py", "photos/0/", "photos/0.jpg/x", ".",
    ],
)  # fmt: skip
def test_nothing_else_is_served_or_written(guarded, kept_folder, address):
    before = contents(kept_folder)
    for method in ("GET", "PUT", "POST"):
        assert ask(guarded, method, address, {"rect": [1, 1, 9, 9]})[0] == 404
    assert contents(kept_folder) == before


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"nothing",
        b'{"rect": [1, 2, 3]}',
        b'{"rect": [1, 2, 3, 1e400]}',
        b'{"rect": ["x", 2, 3, 4]}',
        b'{"rect": [0, 0, -5, 4]}',
        b'{"rect": [20, 20, 200, 150], "hints": 5}',
        b'{"rect": [20, 20, 200, 150], "hints": "AAAA"}',
        b'{"rect": [20, 20, 200, 150], "hints": "../x"}',
        b'{"rect": [20, 20, 200, 150], "hints": "%s"}' % base64.b64encode(bytes([7]) * 52_000),
        b"[" * 100_000,
    ],
    ids=range(12),
)
def test_what_is_no_change_changes_nothing(guarded, kept_folder, body):
    before = contents(kept_folder)
    assert ask(guarded, "PUT", "photos/1", body)[0] == 422
    assert contents(kept_folder) == before


@pytest.mark.parametrize(
    ("length", "status"), [("5000000", 413), ("9" * 40, 413), ("-1", 411), ("x", 411), ("\xb2", 411), ("", 411)]
)
def test_a_huge_body_or_one_of_unknown_length_is_not_even_read(guarded, length, status):
    assert ask(guarded, "PUT", "photos/1", b"", Content_Length=length)[0] == status


def test_done_ends_the_server(session):
    with EditServer(session) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        assert ask(server, "POST", "done")[0] == 200
        thread.join(timeout=60)
        assert not thread.is_alive()


def test_going_on_asks_for_one_photo_however_many_there_are(tmp_path, monkeypatch):
    """What is read and sent, counted: a session of thousands costs its list, and no photo more than a small one."""
    (tmp_path / "photos").mkdir()
    content = cv2.imencode(".png", make_scene(60, 80, 1).image)[1].tobytes()
    paths = [tmp_path / "photos" / f"{number:04}.png" for number in range(2000)]
    for path in paths:
        path.write_bytes(content)
    table = Table(tmp_path / "rects.csv")
    for path in paths:
        table.put(path, DrawnRect(Rect(5, 6, 60, 40), 60, 80))
    opened = []
    monkeypatch.setattr(edit_session, "read", lambda path, **options: opened.append(path) or read(path, **options))
    sent = {}
    for count in (3, len(paths)):
        session = Session(table, [Entry(path, (), (60, 80)) for path in paths[:count]], SETTINGS)
        answers = Answers(session)
        assert len(answers.get("photos").content) < 100 * (count + 2)
        assert not opened
        for index in (0, 1, 2):
            contents_sent = [answers.get(f"photos/{index}{suffix}").content for suffix in ("", ".jpg")]
            sent[count, index] = sum(map(len, contents_sent))
            assert opened == [paths[index]]
            opened.clear()
            answers.put(f"photos/{index}", b'{"rect": [5, 6, 60, 40]}')
            assert not opened
        assert len(session._opened) == 2
    assert all(sent[3, index] == sent[len(paths), index] for index in (0, 1, 2))
