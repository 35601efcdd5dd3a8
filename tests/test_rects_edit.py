"""The table that is edited, and the hints beside it: what is kept of a change."""

import base64
import csv
import json
import os

import cv2
import numpy as np
import pytest

from bgremove import Label, Rect
from bgremove.batch import read_table
from bgremove.cli import run
from bgremove.errors import OutputError, RectError
from bgremove.hints import read_hints
from fixtures.scenes import make_scene
from tests.rects_folder import OPEN, ask, contents, make_folder, read_rects, serving, session_of

pytestmark = pytest.mark.pixels


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


def test_what_was_drawn_in_another_window_is_not_replaced_unseen(server, session, folder):
    def put(rect, seen):
        status, _, content = ask(server, "PUT", "photos/1", {"rect": rect, "seen": seen})
        return status, json.loads(content)

    first, other = (json.loads(ask(server, "GET", "photos/1")[2])["changes"] for _ in range(2))
    status, answer = put([20, 20, 200, 150], first)
    assert status == 200
    assert put([21, 20, 200, 150], answer["changes"])[0] == 200
    status, answer = put([90, 90, 50, 50], other)
    assert status == 422
    assert "another window" in answer["error"]
    assert read_rects(folder / "rects.csv")[str(session.entries[1].path)] == (21, 20, 200, 150)
    seen = json.loads(ask(server, "GET", "photos/1")[2])["changes"]
    assert put([90, 90, 50, 50], seen)[0] == 200


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
    unknown = {"image_width": "", "image_height": ""}
    kept = {"note": "keep", "path": "elsewhere/z.jpg", "x": "1", "y": "2", "width": "3", "height": "4"}
    assert rows[0] == kept | unknown
    assert rows[1] == {"note": "mine", "path": odd, "x": "5", "y": "6", "width": "70", "height": "80"} | unknown
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


@pytest.mark.parametrize("hints", [None, "some"])
def test_what_is_changed_elsewhere_meanwhile_is_not_replaced(server, session, folder, hints):
    table = folder / "rects.csv"
    theirs = table.read_text() + "photos/other.png,1,2,3,4\n"
    table.write_text(theirs)
    before = contents(folder)
    gray = np.full((200, 260), OPEN, np.uint8)
    gray[90:110, 90:110] = 255
    change = {"rect": [30, 40, 100, 80]} | ({} if hints is None else {"hints": encoded(gray)})
    status, _, content = ask(server, "PUT", f"photos/{index_of(session, 'a, b.png')}", change)
    assert status == 422
    assert "rects.csv was changed elsewhere" in json.loads(content)["error"]
    assert contents(folder) == before
    table.unlink()
    assert ask(server, "PUT", f"photos/{index_of(session, 'a, b.png')}", change)[0] == 200
    assert len(read_rects(table)) == 3


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


def rewrite(file, height, width, number=1):
    cv2.imwrite(str(file), make_scene(height, width, number).image)
    os.utime(file, ns=(1, 1))


def test_a_photo_that_is_changed_meanwhile_keeps_what_is_drawn_and_is_cut_as_it_is_now(session, folder):
    index, file = index_of(session, "vague.png"), folder / "photos/vague.png"
    session.open(index)
    rewrite(file, 200, 260)
    cutout = session.change(index, Rect(20, 20, 200, 150), None)
    assert read_rects(session.table.file)[str(file)] == (20, 20, 200, 150)
    assert cutout.foreground.any()
    assert np.array_equal(cutout.image[cutout.foreground][:, :3], cv2.imread(str(file))[cutout.foreground])
    rewrite(file, 200, 260, 2)
    assert session.open(index)[0].rect == (20, 20, 200, 150)


def test_a_rect_that_was_drawn_on_another_size_is_refused_and_the_one_before_kept_and_told(server, session, folder):
    index, file = index_of(session, "large.png"), folder / "photos/large.png"
    session.change(index, Rect(300, 200, 800, 600), None)
    rewrite(file, 450, 600)
    before = contents(folder)
    status, _, content = ask(server, "PUT", f"photos/{index}", {"rect": [310, 210, 700, 500]})
    assert status == 422
    assert "large.png: the file has changed and has 600 x 450 pixels now" in json.loads(content)["error"]
    assert contents(folder) == before
    shown = json.loads(ask(server, "GET", f"photos/{index}")[2])
    assert (shown["width"], shown["height"]) == (600, 450)
    assert shown["doubts"][0] == "it had 1200 x 900 pixels when its rect was looked at, and has 600 x 450 now"
    assert contents(folder) == before
    assert ask(server, "PUT", f"photos/{index}", {"rect": [100, 90, 300, 250]})[0] == 200
    assert read_rects(session.table.file)[str(file)] == (100, 90, 300, 250)
    assert "it had" not in " ".join(json.loads(ask(server, "GET", f"photos/{index}")[2])["doubts"])


@pytest.mark.parametrize("content", [None, b"", b"\x89PNG\r\n\x1a\n half"])
def test_what_is_drawn_is_kept_while_the_photo_is_being_replaced(session, folder, content):
    index, file = index_of(session, "a, b.png"), folder / "photos/a, b.png"
    session.open(index)
    file.unlink()
    if content is not None:
        file.write_bytes(content)
    session.change(index, Rect(20, 20, 200, 150), None)
    assert read_rects(session.table.file)[str(file)] == (20, 20, 200, 150)
