"""Photographs in ZIP files: each is written, counted or named, and none is taken for another."""

import shutil
import zipfile

import pytest

from bgremove import remove_backgrounds
from bgremove.batch import make_plan, run_plan
from bgremove.batch.sources import find_sources
from bgremove.batch.tree import RESULTS
from bgremove.errors import UsageError
from bgremove.settings import Settings
from bgremove.storage import store_of, zip_file
from bgremove.url import located


def test_a_zip_file_is_read_under_worker_processes(photos, tmp_path):
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
        for file in photos.iterdir():
            archive.write(file, f"in/{file.name}")
    source = f"zip://in/::{tmp_path}/photos.zip"
    records = remove_backgrounds(source, tmp_path / "out", strategy="processes", workers=2)
    assert [record.error for record in records] == [None] * 6
    with pytest.raises(UsageError, match="only read"):
        make_plan(photos, source, Settings())
    (tmp_path / "broken.zip").write_bytes(b"PK no")
    (record,) = remove_backgrounds(f"zip://::{tmp_path}/broken.zip", tmp_path / "out")
    assert "broken.zip: it cannot be reached (File is not a zip file)" in str(record.error)


NAMES = {  # of members of a ZIP file: what is written of them, None if that fails
    "a.png": "a.png", "./dot.png": "dot.png", "/top.png": "top.png", "dir//two.png": "dir/two.png",
    "dir/./in.png": "dir/in.png", "a::b.png": "a::b.png", "../up.png": None, "dir/../../far.png": None,
    "dir/../near.png": None, "..\\back.png": None, "dir/": "", ".hidden.png": "", "__MACOSX/._a.png": "",
}  # fmt: skip


def test_every_photo_in_a_zip_file_is_written_counted_or_named(photos, tmp_path):
    content = (photos / "0.png").read_bytes()
    with zipfile.ZipFile(tmp_path / "odd.zip", "w") as archive:
        for name in NAMES:
            archive.writestr(name, b"" if name.endswith("/") else content)
        for name in ("photo", "photo.dat", "raw.cr2", "../../raw.cr2"):
            archive.writestr(name, content)
        archive.writestr("notes.txt", "no photo")
    plan = make_plan(f"zip://::{tmp_path}/odd.zip", tmp_path / "out", Settings(engine="opencv"), recursive=True)
    assert plan.left_out == {"": 1, ".dat": 1, ".cr2": 2}
    assert {each.path.key for each in plan.unusable} == {name for name, written in NAMES.items() if written is None}
    assert {record.status for record in run_plan(plan, strategy="sequential")} == {"ok"}
    written = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.png")}
    assert written == {f"out/{name}" for name in NAMES.values() if name}


def test_a_member_that_leads_out_is_named_without_recursion_too(photos, tmp_path):
    with zipfile.ZipFile(tmp_path / "odd.zip", "w") as archive:
        archive.write(photos / "0.png", "a.png")
        archive.write(photos / "0.png", "../x.png")
    records = remove_backgrounds(f"zip://::{tmp_path}/odd.zip", tmp_path / "out", engine="opencv")
    assert [(record.path.key, record.status) for record in records] == [("../x.png", "failed"), ("a.png", "ok")]
    assert [path.name for path in tmp_path.rglob("*.png")] == ["a.png"]


def test_an_encrypted_member_says_so(photos, tmp_path):
    with zipfile.ZipFile(tmp_path / "made.zip", "w") as archive:
        archive.write(photos / "0.png", "a.png")
    content = bytearray((tmp_path / "made.zip").read_bytes())
    for start, flags in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        content[content.index(start) + flags] |= 1
    (tmp_path / "secret.zip").write_bytes(content)
    (record,) = remove_backgrounds(f"zip://::{tmp_path}/secret.zip", tmp_path / "out")
    assert str(record.error).endswith("it cannot be opened (it is encrypted in the ZIP file: unpack that)")


def test_a_zip_file_is_opened_once_until_it_changes(photos, tmp_path, monkeypatch):
    opened = []
    monkeypatch.setattr(zip_file, "ZipFile", lambda file: opened.append(file) or zipfile.ZipFile(file))
    for number in range(2):
        with zipfile.ZipFile(tmp_path / "new.zip", "w") as archive:
            archive.write(photos / f"{number}.png", "a.png")
        (tmp_path / "new.zip").rename(tmp_path / "photos.zip")
        for _ in range(3):
            place = located(f"zip://a.png::{tmp_path}/photos.zip")
            assert store_of(place).read(place) == (photos / f"{number}.png").read_bytes()
    assert len(opened) == 2


@pytest.mark.filterwarnings("ignore:Duplicate name:UserWarning")  # by the archive that is made here
def test_of_two_files_of_one_name_in_a_zip_file_none_is_taken_for_the_other(photos, tmp_path):
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
        for name in ("a.png", "b.png", "b.png"):
            archive.write(next(photos.iterdir()), name)
    for source in (f"zip://::{tmp_path}/photos.zip", f"zip://b.png::{tmp_path}/photos.zip"):
        records = remove_backgrounds(source, tmp_path / "out", engine="opencv", overwrite=True)
        (error,) = [str(record.error) for record in records if record.error]
        assert "photos.zip" in error
        assert "(the ZIP file holds several files of this name)" in error
    assert [path.name for path in (tmp_path / "out").iterdir() if path.suffix == ".png"] == ["a.png"]


def test_results_of_an_earlier_run_in_a_zip_file_are_no_photographs(photos, tmp_path):
    remove_backgrounds(photos / "0.png", tmp_path / "in/results", engine="opencv")
    shutil.copy(photos / "1.png", tmp_path / "in/1.png")
    shutil.make_archive(tmp_path / "all", "zip", tmp_path / "in")
    found = find_sources(f"zip://::{tmp_path}/all.zip", recursive=True)
    assert [source.below for source in found.sources] == ["1.png"]
    assert found.left_out == {RESULTS: 1}
