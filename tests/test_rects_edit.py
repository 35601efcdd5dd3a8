"""The table that is edited, and the server of the page: what it keeps, and whom it refuses."""

import base64
import csv
import http.client
import json
import os
import socket
import threading
from contextlib import contextmanager

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bgremove import Label, Rect
from bgremove.batch import read_rects, read_table
from bgremove.cli import run
from bgremove.errors import OutputError, RectError
from bgremove.formats import Photo
from bgremove.hints import read_hints
from bgremove.rects import Table
from bgremove.rects.edit import EditServer, Session, survey
from bgremove.rects.edit.reduced import reduced, resized
from bgremove.settings import Settings
from fixtures.scenes import make_scene

SETTINGS = Settings(metadata="none")
OPEN = 128


def make_folder(folder):
    """Three photos, one larger than it is shown, and one in which nothing is to be seen."""
    (folder / "photos").mkdir()
    cv2.imwrite(str(folder / "photos/a, b.png"), make_scene(200, 260, 1).image)
    cv2.imwrite(str(folder / "photos/large.png"), make_scene(900, 1200, 2).image)
    cv2.imwrite(str(folder / "photos/vague.png"), make_scene(200, 260, 1, contrast=0).image)
    return folder


def session_of(folder):
    table = Table.opened(folder / "rects.csv")
    entries = [entry for _, entry in survey(sorted((folder / "photos").iterdir()), table, SETTINGS)]
    table.save()
    return Session(table, entries, SETTINGS)


@contextmanager
def serving(session):
    with EditServer(session) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def folder(tmp_path):
    return make_folder(tmp_path)


@pytest.fixture
def session(folder):
    return session_of(folder)


@pytest.fixture
def server(session):
    with serving(session) as server:
        yield server


@pytest.fixture(scope="module")
def kept_folder(tmp_path_factory):
    """A folder that stays as it is."""
    return make_folder(tmp_path_factory.mktemp("kept"))


@pytest.fixture(scope="module")
def guarded(kept_folder):
    """A server that nobody gets to change anything."""
    with serving(session_of(kept_folder)) as server:
        yield server


def ask(server, method, address, body=None, token=None, **headers):
    """Status, headers and content of an answer; an address begins below the token."""
    content = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    base = server.url.partition("//")[2].partition("/")[2] if token is None else f"{token}/"
    headers = {"Host": server.hosts[0], "Content_Length": str(len(content)), **headers}
    lines = [f"{method} /{base}{address} HTTP/1.1", *(f"{key.replace('_', '-')}: {headers[key]}" for key in headers)]
    with socket.create_connection(server.server_address, timeout=60) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode("latin-1") + content)
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        return answer.status, answer.headers, answer.read()


def contents(folder):
    """What every file below a folder holds."""
    return {os.fspath(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def index_of(session, name):
    return next(index for index, entry in enumerate(session.entries) if entry.path.name == name)


def encoded(gray):
    return base64.b64encode(gray.tobytes()).decode()


def test_doubtful_photos_come_first_and_each_has_a_rect_near_its_object(session):
    assert [entry.path.name for entry in session.entries] == ["vague.png", "a, b.png", "large.png"]
    assert session.doubtful == 1
    rects = read_rects(session.table.file)
    for name, scene in {"a, b.png": make_scene(200, 260, 1), "large.png": make_scene(900, 1200, 2)}.items():
        rows, columns = (np.flatnonzero(scene.truth.any(axis=axis)) for axis in (1, 0))
        rect = rects[str(session.table.file.parent / "photos" / name)]
        room = 0.05 * max(scene.truth.shape)
        assert abs(rect.x - columns[0]) < room
        assert abs(rect.y + rect.height - rows[-1]) < room


def test_a_change_is_kept_and_gone_on_with(server, session, folder):
    index = index_of(session, "large.png")
    gray = np.full((600, 800), OPEN, np.uint8)
    gray[100:110, 200:260] = 255
    gray[300:340, 400:420] = 0
    change = {"rect": [30, 40, 1000, 800], "hints": encoded(gray)}
    status, _, content = ask(server, "PUT", f"photos/{index}", change)
    assert status == 200
    cutout = json.loads(content)["cutout"]
    assert cutout.startswith("data:image/png;base64,")
    pixels = cv2.imdecode(np.frombuffer(base64.b64decode(cutout.partition(",")[2]), np.uint8), cv2.IMREAD_UNCHANGED)
    assert (pixels[100:110, 200:260, 3] == 255).all()
    assert (pixels[300:340, 400:420, 3] == 0).all()

    table = read_table(folder / "rects.csv")
    path = str(folder / "photos/large.png")
    assert table.rects[path] == (30, 40, 1000, 800)
    assert table.hints[path].parent == folder / "rects.hints"
    labels = read_hints(table.hints[path], 900, 1200)
    assert (labels[155:160, 305:385] == Label.FOREGROUND).all()
    assert (labels[455:505, 605:625] == Label.BACKGROUND).all()
    assert (labels == Label.FOREGROUND).sum() == 15 * 90

    again = session_of(folder)
    opened, _ = again.open(index_of(again, "large.png"))
    assert opened.rect == (30, 40, 1000, 800)
    np.testing.assert_array_equal(opened.shown_labels, session.open(index)[0].shown_labels)
    assert run(["remove", str(folder / "photos"), "-o", str(folder / "out"), "--rects", str(folder / "rects.csv")]) == 0
    alpha = cv2.imread(str(folder / "out/large.png"), cv2.IMREAD_UNCHANGED)[..., 3]
    assert (alpha[155:160, 305:385] == 255).all()
    assert (alpha[455:505, 605:625] == 0).all()


def test_hints_are_gone_when_all_is_erased(session, folder):
    marked = np.full((200, 260), Label.PROBABLY_FOREGROUND, np.uint8)
    marked[90:100, 100:120] = Label.FOREGROUND
    session.change(1, Rect(20, 20, 200, 150), marked)
    assert len(contents(folder / "rects.hints")) == 1
    session.change(1, Rect(20, 20, 210, 150), None)
    assert len(read_table(folder / "rects.csv").hints) == 1
    session.change(1, Rect(20, 20, 200, 150), np.full((200, 260), Label.PROBABLY_FOREGROUND, np.uint8))
    assert contents(folder / "rects.hints") == {}
    assert read_table(folder / "rects.csv").hints == {}


def test_hints_by_an_image_editor_keep_their_pixels_and_their_file(folder):
    fine = np.full((900, 1200), OPEN, np.uint8)
    fine[400:500:2, 500:600] = 255  # finer than what is shown
    cv2.imwrite(str(folder / "mine.png"), fine)
    (folder / "rects.csv").write_text("path,x,y,width,height,hints\nphotos/large.png,9,9,1100,800,mine.png\n")
    session = session_of(folder)
    index = index_of(session, "large.png")
    shown = session.open(index)[0].shown_labels.copy()
    shown[10:20, 10:20] = Label.BACKGROUND
    session.change(index, Rect(9, 9, 1100, 800), shown)
    labels = read_hints(read_table(folder / "rects.csv").hints[str(folder / "photos/large.png")], 900, 1200)
    np.testing.assert_array_equal(labels[400:500, 500:600] == Label.FOREGROUND, fine[400:500, 500:600] == 255)
    assert (labels[15:30, 15:30] == Label.BACKGROUND).all()
    np.testing.assert_array_equal(cv2.imread(str(folder / "mine.png"), cv2.IMREAD_GRAYSCALE), fine)


def test_other_lines_columns_and_names_stay_as_they_are(folder):
    odd = os.fsdecode(b"photos/caf\xe9.png")
    os.rename(folder / "photos/vague.png", folder / odd)
    text = f"note,path,x,y,width,height\nkeep,elsewhere/z.jpg,1,2,3,4\nmine,{odd},5,6,70,80\n"
    (folder / "rects.csv").write_text(text, encoding="utf-8", errors="surrogateescape")
    session = session_of(folder)
    session.change(index_of(session, "a, b.png"), Rect(20, 20, 200, 150), None)
    with (folder / "rects.csv").open(newline="", encoding="utf-8", errors="surrogateescape") as stream:
        rows = list(csv.DictReader(stream))
    assert rows[0] == {"note": "keep", "path": "elsewhere/z.jpg", "x": "1", "y": "2", "width": "3", "height": "4"}
    assert rows[1] == {"note": "mine", "path": odd, "x": "5", "y": "6", "width": "70", "height": "80"}
    assert {row["path"]: row["x"] for row in rows[2:]}["photos/a, b.png"] == "20"


@pytest.mark.parametrize("rect", [(0, 0, 260, 200), (900, 900, 5, 5)])
def test_a_rect_that_cannot_be_cut_is_refused_and_one_in_the_table_can_be_corrected(folder, rect):
    line = ",".join(map(str, rect))
    (folder / "rects.csv").write_text(f'path,x,y,width,height\n"photos/a, b.png",{line}\n')
    session = session_of(folder)
    index = index_of(session, "a, b.png")
    assert session.open(index)[1] is None
    assert session.entries[index].doubts
    with pytest.raises(RectError):
        session.change(index, Rect(*rect), None)
    assert read_rects(session.table.file)[str(folder / "photos/a, b.png")] == rect
    session.change(index, Rect(20, 20, 200, 150), None)
    assert not session.entries[index].doubts


def test_nothing_is_written_through_a_link_or_after_the_end(session, folder, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (folder / "rects.hints").symlink_to(elsewhere)
    marked = np.full((200, 260), Label.FOREGROUND, np.uint8)
    with pytest.raises(OutputError, match="is a link"):
        session.change(1, Rect(20, 20, 200, 150), marked)
    assert contents(elsewhere) == {}
    session.close()
    with pytest.raises(OutputError, match="has ended"):
        session.change(1, Rect(20, 20, 200, 150), None)


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


def test_files_written_are_the_table_and_the_hints_beside_it(server, session, folder):
    before = contents(folder)
    gray = np.full((200, 260), OPEN, np.uint8)
    gray[90:100, 100:120] = 255
    assert ask(server, "PUT", "photos/1", {"rect": [20, 20, 200, 150], "hints": encoded(gray)})[0] == 200
    after = contents(folder)
    changed = {name for name in after if after[name] != before.get(name)}
    assert changed == {"rects.csv", *(name for name in after if name.startswith("rects.hints/a, b."))}
    assert len(changed) == 2
    assert before.keys() <= after.keys()


def test_done_ends_the_server(session):
    with EditServer(session) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        assert ask(server, "POST", "done")[0] == 200
        thread.join(timeout=60)
        assert not thread.is_alive()


@given(st.integers(1, 2000), st.integers(1, 2000), st.data())
def test_a_rect_keeps_its_background_in_another_size(height, width, data):
    small = reduced(Photo(np.zeros((height, width, 3), np.uint8)))
    x, y = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    rect = Rect(x, y, data.draw(st.integers(1, width - x)), data.draw(st.integers(1, height - y)))
    shown = small.smaller(rect)
    assert shown == shown.clip(*small.shape)
    if small.shape[1] > 2 and x > 0:
        assert shown.x > 0
    if small.shape[0] > 2 and y + rect.height < height:
        assert shown.y + shown.height < small.shape[0]
    again = small.larger(shown)
    assert again == again.clip(height, width)
    scale = width / small.shape[1]
    assert abs(again.x - rect.x) <= 1 + scale


@given(st.integers(1, 800), st.floats(1, 12))
def test_labels_that_are_enlarged_are_the_same_when_they_are_reduced_again(side, scale):
    labels = np.random.default_rng(side).integers(0, 4, (side, 3), dtype=np.uint8)
    large = resized(labels, round(side * scale), 3)
    np.testing.assert_array_equal(resized(large, side, 3), labels)
