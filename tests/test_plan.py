import os
import re
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bgremove.batch import headers
from bgremove.batch.plan import make_plan, plan_jobs
from bgremove.batch.sources import Source, find_sources
from bgremove.errors import OutputError, RectError, UsageError
from bgremove.formats import header_pixels
from bgremove.settings import Settings
from bgremove.types import Rect
from tests.permissions import public_folder, unprivileged
from tests.rects_folder import read_rects
from tests.samples import save_scene


@pytest.fixture
def tree(tmp_path):
    for name in (
        "photos/b.JPG",
        "photos/a.png",
        "photos/notes.txt",
        "photos/.hidden.png",
        "photos/sub/c.tif",
        "d[1].jpg",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path


def relatives(sources):
    return [source.relative.as_posix() for source in sources]


def test_a_folder_gives_its_images_and_with_recursive_its_tree(tree):
    assert relatives(find_sources([tree / "photos"])[0]) == ["a.png", "b.JPG"]
    assert relatives(find_sources([tree / "photos"], recursive=True)[0]) == ["a.png", "b.JPG", "sub/c.tif"]


def test_a_named_file_is_taken_whatever_its_suffix_and_a_pattern_is_expanded(tree):
    sources, unusable, _ = find_sources([tree / "photos/notes.txt", tree / "photos/*.png", tree / "d[1].jpg"])
    assert relatives(sources) == ["notes.txt", "a.png", "d[1].jpg"]
    assert unusable == []


def test_a_file_named_twice_is_one_source(tree):
    assert relatives(find_sources([tree / "photos", tree / "photos/a.png"])[0]) == ["a.png", "b.JPG"]


def test_what_is_not_there_is_told_and_the_rest_is_found(tree):
    sources, (missing,), _ = find_sources([tree / "nothing.jpg", tree / "photos"])
    assert len(sources) == 2
    assert "nothing.jpg: there is no such file" in str(missing.error)


def test_a_name_that_cannot_be_reached_costs_itself_only(tree):
    long, null = tree / ("x" * 300), tree / "a\0.png"
    sources, unusable, _ = find_sources([long, null, tree / "d[1].jpg/inside.jpg", tree / "d[1].jpg"])
    assert relatives(sources) == ["d[1].jpg"]
    assert ["File name too long" in str(unusable[0].error), "null" in str(unusable[1].error)] == [True, True]
    assert "there is no such file" in str(unusable[2].error)


def test_what_lies_in_a_folder_that_may_not_be_entered_costs_itself_only():
    with public_folder() as folder:
        (folder / "locked").mkdir(0o700)
        (folder / "locked/a.png").touch()
        (folder / "b.png").touch()
        with unprivileged():
            inputs = [folder / "locked/a.png", folder / "locked/*.png", folder / "locked", folder / "b.png"]
            sources, unusable, _ = find_sources(inputs)
        assert relatives(sources) == ["b.png"]
        assert [each.path for each in unusable] == [inputs[0], folder / "locked", folder / "locked"]
        assert all("Permission denied" in str(each.error) for each in unusable)


def test_an_output_folder_that_is_an_input_is_refused(tree):
    (tree / "link").symlink_to(tree / "photos", target_is_directory=True)
    with pytest.raises(UsageError, match="is an input and the output at once"):
        find_sources([tree / "photos"], exclude=tree / "link")


def test_outputs_inside_the_input_are_not_taken_for_inputs(tree):
    sources, _, _ = find_sources([tree / "photos"], recursive=True, exclude=tree / "photos/sub")
    assert relatives(sources) == ["a.png", "b.JPG"]


def test_links_to_folders_are_not_followed(tree):
    (tree / "photos/loop").symlink_to(tree / "photos", target_is_directory=True)
    assert len(find_sources([tree / "photos"], recursive=True)[0]) == 3


def source(name):
    return Source(Path("in"), name)


def test_the_tree_is_mirrored_and_kinds_are_told_apart():
    (job,) = plan_jobs([source("x/a.b.jpg")], Path("out"), Settings(emit=("cutout", "mask"), format="webp"))
    assert job.outputs == {"cutout": Path("out/x/a.b.webp"), "mask": Path("out/x/a.b.mask.webp")}


def test_two_inputs_with_one_output_are_refused_unless_named_after_the_whole_file():
    pair = [source("a.jpg"), source("a.png")]
    with pytest.raises(OutputError, match=r"in/a.jpg and in/a.png would both be written to out/a.png"):
        plan_jobs(pair, Path("out"), Settings())
    names = [job.outputs["cutout"].name for job in plan_jobs(pair, Path("out"), Settings(), naming="file")]
    assert names == ["a.jpg.png", "a.png.png"]


@pytest.mark.parametrize("naming", ["stem", "file"])
def test_what_no_naming_keeps_apart_is_not_told_to_be_named_otherwise(tree, naming):
    pair = [Source(tree / "p", "a.jpg"), Source(tree / "q", "a.jpg")]
    with pytest.raises(OutputError, match=r"would both be written to out/a.*: give the folder above both"):
        plan_jobs(pair, Path("out"), Settings(), naming=naming)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere case may really make no difference")
def test_where_case_makes_no_difference_it_keeps_no_two_outputs_apart(tmp_path):
    (tmp_path / "out").mkdir()
    pair = [source("a/photo.jpg"), source("A/Photo.jpg")]
    assert len(plan_jobs(pair, tmp_path / "out/new", Settings())) == 2
    (tmp_path / "OUT").symlink_to(tmp_path / "out")  # as a system that folds case has it
    with pytest.raises(OutputError, match="would both be written to"):
        plan_jobs(pair, tmp_path / "out/new", Settings())


def test_an_output_that_is_an_input_is_refused_even_through_a_link(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.png").touch()
    (tmp_path / "out").symlink_to(tmp_path / "in", target_is_directory=True)
    with pytest.raises(OutputError, match="is an input"):
        plan_jobs(find_sources([tmp_path / "in"])[0], tmp_path / "out", Settings(), overwrite=True)


def test_an_unknown_naming_is_refused():
    with pytest.raises(UsageError, match="choose from stem, file"):
        plan_jobs([source("a.jpg")], Path("out"), Settings(), naming="x")


names = st.text(st.sampled_from("ab.mask"), min_size=1, max_size=9).filter(lambda name: name.strip("."))
suffixes = st.sampled_from(["", ".jpg", ".png", ".mask.png"])
paths = st.builds(
    lambda folder, name, suffix: folder + name + suffix, st.sampled_from(["", "x/", "y/"]), names, suffixes
)


@given(st.lists(paths, unique=True, max_size=12), st.sampled_from(["stem", "file"]))
def test_planning_never_maps_two_inputs_to_one_file(files, naming):
    sources = [source(name) for name in files]
    try:
        jobs = plan_jobs(sources, Path("out"), Settings(emit=("cutout", "mask")), naming=naming)
    except OutputError:
        return
    outputs = [os.path.realpath(path) for job in jobs for path in job.outputs.values()]
    assert len(set(outputs)) == 2 * len(files)
    assert all(path.startswith(os.path.realpath("out") + os.sep) for path in outputs)


def test_rects_belong_to_the_files_beside_the_csv(tmp_path):
    (tmp_path / "rects.csv").write_text('path,x,y,width,height\n"a, b.jpg",1,2,3,4\nsub/c.jpg,5,6,7,8\n', "utf-8")
    rects = read_rects(tmp_path / "rects.csv")
    assert rects == {str(tmp_path / "a, b.jpg"): Rect(1, 2, 3, 4), str(tmp_path / "sub/c.jpg"): Rect(5, 6, 7, 8)}
    (job,) = plan_jobs([Source(tmp_path, "a, b.jpg")], tmp_path / "out", Settings(), rects=rects)
    assert job.rect == (1, 2, 3, 4)
    with pytest.raises(RectError, match="no line for this file"):
        plan_jobs([Source(tmp_path, "d.jpg")], tmp_path / "out", Settings(), rects=rects)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,x,y,width\na,1,2,3\n", "first line must name the columns"),
        ("path,x,y,width,height\na,1,2,3,4\nb,1,2,x,4\n", "line 3: width is x, which is no whole number"),
        ("path,x,y,width,height\na,1,2\n", "line 2"),
        ("path,x,y,width,height\nphoto,2,1,2,3,4\n", "line 2: there is more in it than the first line names"),
        ("path,x,y,width,height,x\na,1,2,3,4,5\n", "its first line names the column x twice"),
        ('path,x,y,width,height\n"a,1,2,3,4\nb,1,2,3,4\n', "the rects cannot be read: unexpected end of data"),
        ("x,y,width,height,path\n1,2,3,4\n", "line 2: it must hold a path"),
    ],
)
def test_a_broken_csv_is_told_by_line(tmp_path, text, message):
    (tmp_path / "rects.csv").write_text(text)
    with pytest.raises(RectError, match=message):
        read_rects(tmp_path / "rects.csv")


@pytest.mark.parametrize(
    "text",
    [
        "path;x;y;width;height\n{};1;2;30;4\n",
        "path\tx\ty\twidth\theight\r\n{}\t1\t2\t30\t4\r\n",
        '\ufeff"path","x","y","width","height"\r\n"{}","1","2","30","4"\r\n',
        "Path, X, Y, Width, Height\n{}, 1, 2, 30, 4\n",
        "height,note,width,y,x,path\n4,a note,30,2,1,{}\n,,,,,\n\n",
        "path,x,y,width,height\n{},1.0,2.0,30.0,4.0\n",
        "path;x;y;width;height\n{};1,0;2,00;30;4\n;;;;\n",
    ],
)
def test_a_table_is_read_as_spreadsheets_write_it(tmp_path, text):
    (tmp_path / "rects.csv").write_text(text.format("cup.jpg"), "utf-8", newline="")
    assert read_rects(tmp_path / "rects.csv") == {str(tmp_path / "cup.jpg"): Rect(1, 2, 30, 4)}


@pytest.mark.parametrize("number", ["1.5", "1.000", "1,000", "10%", "one", "nan"])
def test_what_is_no_whole_number_is_not_taken_for_one(tmp_path, number):
    (tmp_path / "rects.csv").write_text(f"path;x;y;width;height\na;{number};2;3;4\n")
    with pytest.raises(RectError, match=f"line 2: x is {re.escape(number)}, which is .*; (round|write)"):
        read_rects(tmp_path / "rects.csv")


@pytest.mark.parametrize(
    "name",
    [
        b"photos/M\xc3\xbcller.jpg",
        b".\\M\xc3\xbcller.jpg",
        b"M\xfcller.jpg",
        b"Mu\xcc\x88ller.jpg",
        b"M\xc3\x9cLLER.JPG",
    ],
)
def test_a_file_that_a_table_names_otherwise_is_told(tmp_path, name):
    (tmp_path / "rects.csv").write_bytes(b"path,x,y,width,height\nother.jpg,1,2,3,4\n%s,1,2,3,4\n" % name)
    rects = read_rects(tmp_path / "rects.csv")
    with pytest.raises(
        RectError, match=r"no line for this file, but one for .*: names in a table are relative"
    ) as raised:
        plan_jobs([Source(tmp_path, "M\xfcller.jpg")], tmp_path / "out", Settings(), rects=rects)
    assert "other.jpg" not in str(raised.value)


def test_a_missing_csv_is_told(tmp_path):
    with pytest.raises(RectError, match="cannot be read"):
        read_rects(tmp_path / "none.csv")


def test_existing_outputs_are_refused_unless_they_may_be_overwritten(photos, tmp_path):
    (tmp_path / "3.png").touch()
    with pytest.raises(OutputError, match=r"1 of the outputs exist already \(.*3.png\): overwrite or resume"):
        make_plan(photos, tmp_path, Settings())
    assert len(make_plan(photos, tmp_path, Settings(), overwrite=True).todo) == 6


def test_resuming_with_other_options_is_not_advised_to_resume(photos, tmp_path):
    (tmp_path / "0.png").touch()
    reason = r"not of an earlier run with these very options \(.*\): overwrite, or choose"
    with pytest.raises(OutputError, match=reason):
        make_plan(photos, tmp_path, Settings(), resume=True)


def test_the_largest_comes_first_and_its_header_is_read_once(tmp_path, monkeypatch):
    for name, side in (("a.png", 20), ("b.png", 60), ("c.png", 40)):
        save_scene(tmp_path / name, 0, side, side)
    (tmp_path / "d.png").write_text("no image")
    read = []
    monkeypatch.setattr(headers, "header_pixels", lambda path: read.append(path.name) or header_pixels(path))
    jobs = make_plan(tmp_path, tmp_path / "out", Settings()).todo
    assert [(job.source.name, job.pixels) for job in jobs] == [
        ("b.png", 3600),
        ("c.png", 1600),
        ("a.png", 400),
        ("d.png", 0),
    ]
    assert sorted(read) == ["a.png", "b.png", "c.png", "d.png"]


@pytest.mark.parametrize("inputs", [[], "empty", ["empty", "empty/*.jpg"]])
def test_no_image_at_all_is_refused(tmp_path, inputs, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty/notes.txt").touch()
    with pytest.raises(UsageError, match="there is no image"):
        make_plan("empty" if inputs == "empty" else inputs[:1], tmp_path / "out", Settings())
    assert not (tmp_path / "out").exists()


def test_one_input_needs_no_list(tree):
    for folder in (str(tree / "photos"), tree / "photos"):
        assert relatives(find_sources(folder)[0]) == ["a.png", "b.JPG"]
