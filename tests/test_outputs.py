"""Files of cutouts are whole or not there, and nobody's are replaced unasked."""

from __future__ import annotations

import errno
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from bgremove.cutout import cut_out
from bgremove.errors import OutputError
from bgremove.files import TEMPORARY_PREFIX, Unfinished, write_bytes
from bgremove.formats import LOSSLESS_FORMATS, write
from bgremove.formats.read import read
from tests.permissions import public_folder, unprivileged

PIXELS = np.zeros((3, 4, 4), np.uint8)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("file_format", LOSSLESS_FORMATS)
def test_write_then_read(file_format: str, tmp_path: Path) -> None:
    foreground = np.eye(6, 9, dtype=bool)
    path = tmp_path / f"a.{file_format}"
    write(path, cut_out(np.full((6, 9, 3), 77, np.uint8), foreground), file_format=file_format)
    photo = read(path)
    assert photo.opaque is not None
    assert np.array_equal(photo.opaque, foreground)
    assert names(tmp_path) == [path.name]


def test_existing_files_and_links_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"mine")
    (tmp_path / "dangling.png").symlink_to(tmp_path / "nowhere")
    (tmp_path / "folder.png").mkdir()
    for name in ("a.png", "dangling.png", "folder.png"):
        with pytest.raises(OutputError, match=f"{name}: it exists already"):
            write(tmp_path / name, PIXELS)
    assert (tmp_path / "a.png").read_bytes() == b"mine"
    assert names(tmp_path) == ["a.png", "dangling.png", "folder.png"]


def test_overwrite(tmp_path: Path) -> None:
    (tmp_path / "target").write_bytes(b"mine")
    (tmp_path / "a.png").symlink_to(tmp_path / "target")
    write_bytes(tmp_path / "a.png", b"new", overwrite=True)
    assert (tmp_path / "a.png").read_bytes() == b"new"
    assert (tmp_path / "target").read_bytes() == b"mine", "the link is replaced, not what it led to"
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(OutputError, match=r"folder\.png: it cannot be written \(Is a directory\)"):
        write_bytes(tmp_path / "folder.png", b"new", overwrite=True)
    assert names(tmp_path) == ["a.png", "folder.png", "target"]


def _no_links(*_: object, **__: object) -> None:
    raise OSError(errno.EPERM, "Operation not permitted")


@pytest.mark.parametrize("links", [True, False])
def test_of_many_writers_one_wins(links: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not links:  # as on FAT and some network disks
        monkeypatch.setattr(os, "link", _no_links)
    contents = [bytes([i]) * 50_000 for i in range(16)]

    def attempt(content: bytes) -> bool:
        try:
            write_bytes(tmp_path / "a", content)
        except OutputError as error:
            return "it exists already" not in str(error)
        return True

    with ThreadPoolExecutor(16) as threads:
        won = list(threads.map(attempt, contents))
    assert won.count(True) == 1
    assert (tmp_path / "a").read_bytes() == contents[won.index(True)]
    assert names(tmp_path) == ["a"]


@pytest.mark.parametrize("overwrite", [False, True])
def test_nothing_is_left_where_nothing_can_be_renamed(
    overwrite: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "link", _no_links)
    monkeypatch.setattr(os, "replace", _no_links)
    with pytest.raises(OutputError, match=r"a\.png: it cannot be written \(Operation not permitted\)"):
        write_bytes(tmp_path / "a.png", b"new", overwrite=overwrite)
    assert names(tmp_path) == []


@pytest.mark.parametrize("name", [b"two words.png", b"new\nline.png", "🐈 猫 é.png".encode(), b"caf\xe9 \xff.png"])
def test_any_name(name: bytes, tmp_path: Path) -> None:
    path = os.path.join(os.fsencode(tmp_path), name)
    write(path, PIXELS)
    assert os.listdir(os.fsencode(tmp_path)) == [name]
    assert read(path).image.shape == (3, 4, 3)
    with pytest.raises(OutputError) as caught:
        write(os.fsdecode(path), PIXELS)
    assert str(caught.value).isprintable()


def test_a_bare_name_goes_to_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write("a.png", PIXELS)
    assert names(tmp_path) == ["a.png"]


def test_mode_follows_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write(tmp_path / "a.png", PIXELS)
    finally:
        os.umask(before)
    assert (tmp_path / "a.png").stat().st_mode & 0o777 == 0o640


# Failures


def test_impossible_places(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path, reason in {
        tmp_path / "missing" / "a.png": "No such file or directory",
        tmp_path / "file" / "a.png": "Not a directory",
        tmp_path / ("a" * 300): "File name too long",
        tmp_path / "a\0.png": ".*embedded null .*",
    }.items():
        with pytest.raises(OutputError, match=rf"it cannot be written \({reason}\)"):
            write(path, PIXELS)
    assert names(tmp_path) == ["file"]


def test_a_name_of_the_greatest_length_is_possible(tmp_path: Path) -> None:
    write(tmp_path / ("a" * 255), PIXELS)
    assert names(tmp_path) == ["a" * 255]


def test_unwritable_folder() -> None:
    with public_folder() as folder, unprivileged():
        with pytest.raises(OutputError, match=r"a\.png: it cannot be written \(Permission denied\)"):
            write(folder / "a.png", PIXELS)
        assert names(folder) == []
    with public_folder() as folder:
        folder.chmod(0o777)
        with unprivileged():
            write(folder / "a.png", PIXELS)
        assert names(folder) == ["a.png"]


@contextmanager
def disk_with_room_for(size: int) -> Iterator[None]:
    """Let no file of this process grow beyond `size` bytes: the kernel fails in the middle of writing, as if full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("overwrite", [True, False])
def test_full_disk(overwrite: bool, tmp_path: Path) -> None:
    (tmp_path / "old.png").write_bytes(b"old")
    target = tmp_path / ("old.png" if overwrite else "a.png")
    with disk_with_room_for(40_000), pytest.raises(OutputError, match=r"png: it cannot be written \(File too large\)"):
        write_bytes(target, bytes(100_000), overwrite=overwrite)
    assert names(tmp_path) == ["old.png"]
    assert (tmp_path / "old.png").read_bytes() == b"old"


def test_ctrl_c_while_writing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda _: signal.raise_signal(signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        write_bytes(tmp_path / "a.png", bytes(100_000))
    assert names(tmp_path) == []


def test_killed_while_writing(tmp_path: Path) -> None:
    program = (
        "import os, signal, sys; from bgremove.files import write_bytes\n"
        "os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)\n"
        "write_bytes(sys.argv[1], bytes(100_000))"
    )
    folder = Path(__file__).parent.parent
    killed = subprocess.run([sys.executable, "-c", program, tmp_path / "a.png"], cwd=folder, check=False)
    assert killed.returncode == -signal.SIGKILL
    (left,) = names(tmp_path)
    assert left.startswith(TEMPORARY_PREFIX)
    assert left.endswith(".tmp")
    (tmp_path / "b.png").touch()
    Unfinished().remove([tmp_path / "b.png", tmp_path / "absent/a.png"])
    assert names(tmp_path) == [left, "b.png"]
    Unfinished().remove([tmp_path / "b.png", tmp_path / "a.png"])
    assert names(tmp_path) == ["b.png"]
