from pathlib import Path

import pytest

from bgremove import remove_background
from bgremove.errors import UsageError
from bgremove.paths import display_name
from bgremove.url import Url, located


def test_a_url_keeps_its_slashes_and_loses_those_at_its_end():
    url = located("s3://bucket/photos//a b/")
    assert (url.text, url.scheme, url.key) == ("s3://bucket/photos//a b", "s3", "bucket/photos//a b")
    assert str(url / "cup.jpg") == "s3://bucket/photos//a b/cup.jpg"
    assert url / "." == url


def test_it_has_the_parts_of_a_path():
    url = located("s3://bucket/photos/cup.front.JPG")
    assert (url.name, url.stem, url.suffix) == ("cup.front.JPG", "cup.front", ".JPG")
    assert str(url.parent) == "s3://bucket/photos"
    assert str(url.parent.parent) == "s3://bucket"


def test_a_file_in_a_zip_file_is_named_before_it():
    url = located("zip://photos/::s3://bucket/all.zip") / "cup.jpg"
    assert str(url) == "zip://photos/cup.jpg::s3://bucket/all.zip"
    assert (url.name, url.suffix, url.stores) == ("cup.jpg", ".jpg", ("zip", "s3"))
    assert str(url.parent.parent) == "zip://::s3://bucket/all.zip"


def test_a_zip_file_that_is_here_has_an_absolute_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert str(located("zip://a.jpg::b.zip").absolute()) == f"zip://a.jpg::{tmp_path}/b.zip"
    for text in ("zip://a.jpg::s3://bucket/b.zip", f"zip://a.jpg::{tmp_path}/b.zip", "s3://bucket/a::b.jpg"):
        assert located(text).absolute() == located(text)


def test_colons_in_the_name_of_a_file_in_a_zip_file_are_part_of_it():
    for text in ("zip://a::b.jpg::c.zip", "zip://a::b.jpg::s3://bucket/a::c.zip", "zip://a::b.jpg::zip://c.zip::d.zip"):
        assert (located(text).key, located(text).container) == ("a::b.jpg", text.removeprefix("zip://a::b.jpg::"))


def test_colons_in_the_key_of_an_object_are_part_of_it():
    assert (located("s3://bucket/a::b/c.jpg").parent / "d.jpg").text == "s3://bucket/a::b/d.jpg"


@pytest.mark.parametrize("name", ["photos", "C:\\photos", "a:/b", "file.s3", Path("photos/s3:")])
def test_what_does_not_begin_as_a_url_is_a_path(name):
    assert located(name) == Path(name)


def test_a_url_that_has_lost_a_slash_as_a_path_is_no_name_of_a_file():
    for path in (Path("s3://bucket/a.jpg"), Path("zip://::a.zip")):
        with pytest.raises(UsageError, match=f"^{path} was a URL before it became a Path"):
            located(path)
    with pytest.raises(UsageError, match="was a URL"):
        remove_background(Path("s3://bucket/a.jpg"))


@pytest.mark.parametrize("name", ["s3:/bucket/a.jpg", "zip:/::a.zip", "memory:/a"])
def test_a_url_that_lacks_a_slash_is_no_folder_here(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=f"^{name}: a URL begins with {name.partition(':')[0]}://, and a folder here"):
        located(name)
    assert located(f"./{name}".replace("::", "")).parts[0] == name.partition("/")[0]


def test_the_scheme_of_a_url_may_be_in_capitals():
    assert located("S3://Bucket/A.jpg").text == "s3://Bucket/A.jpg"
    assert located("ZIP://A.jpg::S3://Bucket/B.zip").text == "zip://A.jpg::s3://Bucket/B.zip"
    assert located("File:///Photos") == Path("/Photos")


def test_a_url_of_this_machine_is_a_path():
    assert located("file:///photos/a.jpg") == Path("/photos/a.jpg")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("gs://bucket/a", "no store 'gs'; URLs begin with one of file, s3, memory, zip"),
        ("https://example.org/a.jpg", "no store 'https'"),
        ("s3://", "names a bucket"),
        ("zip://photos.zip", "after two colons"),
    ],
)
def test_other_urls_are_refused(text, reason):
    with pytest.raises(UsageError, match=reason):
        located(text)


def test_it_is_shown_without_what_moves_the_cursor():
    assert display_name(Url("s3://bucket/a\n\x1b[2J")) == "s3://bucket/a\\n\\x1b[2J"
