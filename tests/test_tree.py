"""What is looked into, below a folder and by a pattern; whatever is passed over has a word."""

from pathlib import Path

import pytest

from bgremove import remove_backgrounds
from bgremove.batch.journal import NAME, Journal
from bgremove.batch.shard import Shard
from bgremove.batch.sources import find_sources
from bgremove.batch.tree import LINKED, RESULTS
from bgremove.cli import run
from bgremove.settings import Settings
from tests.permissions import public_folder, unprivileged
from tests.samples import save_scene


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """The current folder."""
    for name in ("photos/a.png", "photos/sub/b.png", "photos/sub/sub/c.jpg", "photos/.hidden/d.png", "e[1].png"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def paths(found):
    return [str(source.path) for source in found.sources]


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("photos/*.png", ["photos/a.png"]),
        ("photos/**/*.png", ["photos/a.png", "photos/sub/b.png"]),
        ("**/*.png", ["e[1].png", "photos/a.png", "photos/sub/b.png"]),
        ("**/sub/**/*.*", ["photos/sub/b.png", "photos/sub/sub/c.jpg"]),
        ("photos/**", ["photos/a.png", "photos/sub/b.png", "photos/sub/sub/c.jpg"]),
        ("*/sub/b.png", ["photos/sub/b.png"]),
        ("*/.hid*/*", ["photos/.hidden/d.png"]),
        ("photos/[ab].???", ["photos/a.png"]),
        ("photos/*", ["photos/a.png", "photos/sub/b.png"]),
        ("e[1].png", ["e[1].png"]),
        ("photos/../*/?.png", ["photos/../photos/a.png"]),
    ],
)
def test_patterns_are_those_of_a_shell(tree, pattern, names):
    assert paths(find_sources(pattern)) == names
    assert paths(find_sources(tree / pattern)) == [str(tree / name) for name in names]


@pytest.mark.parametrize("pattern", ["photos/*.gif", "nothing/*.png", "photos/a.png/*", "*/none/a.png", "a\0/*.png"])
def test_a_pattern_that_matches_nothing_is_told(tree, pattern):
    found = find_sources([pattern, "photos/a.png"])
    assert paths(found) == ["photos/a.png"]
    assert [each.path for each in found.unusable] == [Path(pattern)]


@pytest.mark.parametrize(
    ("pattern", "mode", "name"),
    [
        ("**/*.png", 0o000, "locked"),
        ("*/*/*.png", 0o000, "locked"),
        ("photos/locked/*", 0o000, "locked"),
        ("photos/locked/**", 0o000, "locked"),
        ("*/locked/a.png", 0o000, "a.png"),
        ("*/*/a.png", 0o444, "a.png"),
        ("**/*.png", 0o444, "a.png"),
    ],
)
def test_what_a_pattern_cannot_look_into_is_named(pattern, mode, name):
    with public_folder() as folder:
        (folder / "photos/locked").mkdir(parents=True)
        (folder / "photos/locked/a.png").touch()
        (folder / "b.png").touch()
        (folder / "photos/locked").chmod(mode)
        with unprivileged():
            found = find_sources([folder / pattern, folder / "b.png"])
        (folder / "photos/locked").chmod(0o755)
    assert [(each.path.name, "Permission denied" in str(each.error)) for each in found.unusable] == [(name, True)]
    assert paths(found) == [str(folder / "b.png")]


@pytest.mark.parametrize(("inputs", "recursive"), [("photos", True), ("photos/**/*.png", False)])
def test_linked_folders_are_counted_and_not_followed(tree, inputs, recursive):
    (tree / "photos/loop").symlink_to(tree / "photos", target_is_directory=True)
    assert find_sources("photos").left_out == {}
    found = find_sources(inputs, recursive=recursive)
    assert paths(found)[:2] == ["photos/a.png", "photos/sub/b.png"]
    assert found.left_out == {LINKED: 1}


@pytest.mark.parametrize("shard", [None, Shard(1, 2)])
@pytest.mark.parametrize(("inputs", "recursive"), [("photos", True), ("photos/**/*.png", False)])
def test_results_of_an_earlier_run_are_no_photographs(tree, inputs, recursive, shard):
    with Journal(tree / "photos/sub", Settings(), shard=shard):
        pass
    found = find_sources(inputs, recursive=recursive)
    assert paths(found) == ["photos/a.png"]
    assert found.left_out == {RESULTS: 1}
    assert paths(find_sources("photos/sub")) == ["photos/sub/b.png"]


def test_a_pattern_does_not_match_what_is_in_the_output_folder(tree):
    assert paths(find_sources("photos/**/*.png", exclude=tree / "photos/sub")) == ["photos/a.png"]


def test_the_command_says_what_it_passes_over(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    save_scene(tmp_path / "in/a.png", 0)
    (tmp_path / "in/loop").symlink_to(tmp_path / "in", target_is_directory=True)
    remove_backgrounds("in", "in/out", engine="opencv")
    assert (tmp_path / "in/out" / NAME).exists()
    assert run(["remove", "in", "-r", "-o", "elsewhere", "--dry-run"]) == 0
    out, err = capfd.readouterr()
    assert out == "in/a.png -> elsewhere/a.png\n"
    assert "1 linked folder was left out: links are not followed" in err
    assert "1 folder was left out: a journal says that it holds earlier results, name it to read them" in err
