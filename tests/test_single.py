"""One image to one file or through pipes."""

from __future__ import annotations

import io
import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from bgremove import cli, files, remove_background
from bgremove.batch.single import names_a_file, plan_single
from bgremove.errors import ImageError, OutputError, UsageError
from bgremove.formats import encode
from bgremove.formats.read import decode
from bgremove.settings import Settings
from tests.samples import save_scene


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_scene(tmp_path / "a.png", 1)
    save_scene(tmp_path / "b.png", 2)
    return tmp_path


@pytest.fixture
def piped(environment, folder):
    """Runs the command in the folder, with bytes in and out."""

    def run(*arguments: object, **options: object) -> subprocess.CompletedProcess[bytes]:
        line = [sys.executable, "-m", "bgremove", "remove", *map(str, arguments)]
        settings = {"capture_output": True, "cwd": folder, "env": environment, "timeout": 200}
        return subprocess.run(line, check=False, **(settings | options))

    return run


def test_a_file_that_is_called_like_a_standard_stream(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "a.png").rename(folder / "-")
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "stdin", None)
    assert cli.run(["remove", "./-", "-o", "out", "-q"]) == 0
    assert inputs(folder / "out") - {".bgremove-journal.jsonl"} == {"-.png"}
    assert cli.run(["remove", "./-", "-o", "c.png", "-q", "--json", "./-.json"]) == 0
    assert {"c.png", "-.json"} <= inputs(folder)


def inputs(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.mark.whole_run
def test_a_pipe_in_and_a_pipe_out(piped, folder: Path) -> None:
    result = piped("-", "-o", "-", input=(folder / "a.png").read_bytes())
    assert result.returncode == 0, result.stderr
    assert np.array_equal(
        cv2.imdecode(np.frombuffer(result.stdout, np.uint8), cv2.IMREAD_UNCHANGED),
        remove_background(folder / "a.png").image,
    )
    assert result.stderr.decode() == "1 ok, 0 skipped, 0 failed\n"
    assert inputs(folder) == {"a.png", "b.png"}, "no journal, nothing left"


@pytest.mark.whole_run
def test_a_file_in_and_a_pipe_out_and_the_other_way_round(piped, folder: Path) -> None:
    out = piped("a.png", "-o", "-", "--format", "webp", "--emit", "mask", "-q")
    assert (out.returncode, out.stderr) == (0, b"")
    assert out.stdout[8:12] == b"WEBP"
    mask = remove_background(folder / "a.png").foreground
    assert np.array_equal(decode(out.stdout).image[..., 0] > 0, mask)
    into = piped("-", "-o", "new/cut.tif", "--json", "a.json", input=(folder / "a.png").read_bytes())
    assert into.returncode == 0, into.stderr
    assert decode((folder / "new/cut.tif").read_bytes()).opaque is not None
    (record,) = json.loads((folder / "a.json").read_text())["images"]
    assert (record["path"], record["output"], record["status"]) == ("-", "new/cut.tif", "ok")


def test_what_comes_through_a_pipe_and_is_no_image_fails(
    command_here, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    too_large = (folder / "a.png").read_bytes()
    monkeypatch.chdir(folder)
    for content, reason in (
        (b"this is text", "it is no image"),
        (b"", "there are no bytes"),
        (too_large, "the limit is 10"),
    ):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))
        result = command_here("remove", "-", "-o", "cut.png", "--max-pixels", "10")
        assert result.returncode == 1
        assert reason in result.stderr
    assert inputs(folder) == {"a.png", "b.png"}


def test_a_pipe_that_another_process_has_made_non_blocking_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    content = np.random.default_rng(0).bytes(150_000)
    parts = [content[start : start + 50_000] for start in range(0, len(content), 50_000)]
    read_end, write_end = os.pipe()
    os.set_blocking(read_end, False)

    def feed(*_: object) -> None:
        if parts:
            os.write(write_end, parts.pop(0))
        else:
            os.close(write_end)

    with open(read_end) as stream:
        monkeypatch.setattr("sys.stdin", stream)
        monkeypatch.setattr("bgremove.files.select.select", feed)
        assert files.read_standard_input() == content

    taken = []
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)
    with open(write_end, "w") as stream, monkeypatch.context() as patch:
        patch.setattr("sys.stdout", stream)
        patch.setattr("bgremove.files.select.select", lambda *_: taken.append(os.read(read_end, 2**20)))
        files.write_standard_output(content)
    with open(read_end, "rb") as rest:
        assert b"".join(taken) + rest.read() == content
    assert taken


def test_a_standard_input_that_cannot_be_read_costs_its_image(monkeypatch: pytest.MonkeyPatch) -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    with open(write_end, "wb") as stream:
        monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.FileIO(write_end, "rb", closefd=False)))
        with pytest.raises(ImageError, match=r"standard input: it cannot be read \(Bad file descriptor\)"):
            files.read_standard_input()
    assert stream.closed


@pytest.mark.whole_run
def test_a_pipe_that_nobody_reads_is_told(piped, folder: Path) -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    try:
        result = piped("a.png", "-o", "-", capture_output=False, stdout=write_end, stderr=subprocess.PIPE)
    finally:
        os.close(write_end)
    assert result.returncode == 1
    assert b"standard output: it cannot be written (Broken pipe)" in result.stderr
    assert b"Traceback" not in result.stderr


@pytest.mark.whole_run
def test_terminals_are_no_pipes(piped, folder: Path) -> None:
    leader, follower = pty.openpty()
    try:
        out = piped("a.png", "-o", "-", capture_output=False, stdout=follower, stderr=subprocess.PIPE)
        into = piped("-", "-o", "-", stdin=follower)
    finally:
        os.close(leader)
        os.close(follower)
    assert out.returncode == into.returncode == 2
    assert b"standard output is a terminal: send it to a file or a pipe" in out.stderr
    assert b"standard input is a terminal: send an image through a pipe" in into.stderr


def test_an_output_with_the_suffix_of_an_image_is_that_file(
    command_here, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    result = command_here("remove", "a.png", "-o", "cut.jpeg", "--background", "white", "--emit", "cutout,mask")
    assert result.returncode == 0, result.stderr
    assert inputs(folder) == {"a.png", "b.png", "cut.jpeg", "cut.mask.png"}
    assert (folder / "cut.jpeg").read_bytes()[:3] == b"\xff\xd8\xff"
    again = command_here("remove", "a.png", "-o", "cut.jpeg", "--background", "white")
    assert again.returncode == 2
    assert "cut.jpeg exists already: overwrite it" in again.stderr
    assert command_here("remove", "a.png", "-o", "cut.jpeg", "--background", "white", "--overwrite").returncode == 0


@pytest.mark.parametrize("spelled", ["jpeg", "JPG", ".jpg", "tif", "TIFF", "Png"])
def test_a_format_has_the_spellings_that_a_suffix_has(
    folder: Path, monkeypatch: pytest.MonkeyPatch, spelled: str
) -> None:
    monkeypatch.chdir(folder)
    suffix = f".{spelled.removeprefix('.')}"
    line = ["remove", "a.png", "--background", "white", "--format", spelled, "-q"]
    assert cli.run([*line, "-o", "out"]) == cli.run([*line, "-o", f"cut{suffix}"]) == 0
    (written,) = (folder / "out").glob("a.*")
    assert written.read_bytes() == (folder / f"cut{suffix}").read_bytes()
    assert Settings(format=spelled, background="white").format == written.suffix.removeprefix(".")
    assert encode(np.zeros((4, 4, 3), np.uint8), spelled) == encode(np.zeros((4, 4, 3), np.uint8), written.suffix[1:])


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("a.png b.png -o cut.png", "takes one image, but there are 2: name a folder"),
        ("*.png -o cut.png", "takes one image, but there are 2"),
        ("- a.png -o out.png", "name standard input alone"),
        ("a.png b.png -o -", "takes one image, but there are 2"),
        (". -o cut.png", "but . is a folder: name a folder as the output too"),
        ("- -o out", "what comes from standard input has no name: name the output, such as -o cut.png"),
        ("none.png -o cut.png", "none.png: there is no such file"),
        ("a.png -o cut.png --resume --timeout 5", "--timeout, --resume: of no use for one image"),
        ("a.png -o cut.png --format webp", "cut.png is a name for png, and --format says webp"),
        ("a.png -o cut.jpg", "JPEG has no transparency"),
        ("a.png -o - --emit cutout,mask", "standard output takes one image"),
        ("a.png -o a.png --overwrite", "a.png is the input and would be replaced"),
        ("a.png -o ./a.PNG/../a.png --overwrite", "is the input and would be replaced"),
        ("a.png -o text", "text is a file: name a folder"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    folder: Path, line: str, message: str, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    monkeypatch.chdir(folder)
    (folder / "text").write_text("mine")
    before = (folder / "a.png").read_bytes()
    assert cli.run(["remove", *line.split()]) == 2
    written, told = capfdbinary.readouterr()
    assert message in told.decode()
    assert written == b""
    assert inputs(folder) == {"a.png", "b.png", "text"}
    assert (folder / "a.png").read_bytes() == before


def test_a_folder_may_be_named_as_a_file(folder: Path) -> None:
    (folder / "odd.png").mkdir()
    assert not names_a_file(folder / "odd.png")
    assert names_a_file(folder / "new.PNG")
    assert not names_a_file(folder / "out")


def test_a_link_to_the_input_is_the_input(folder: Path) -> None:
    (folder / "link.png").symlink_to(folder / "a.png")
    with pytest.raises(OutputError, match="is the input"):
        plan_single([folder / "a.png"], folder / "link.png", Settings(), overwrite=True)
    with pytest.raises(UsageError, match="takes one image"):
        plan_single([folder / "a.png", folder / "b.png"], folder / "cut.png", Settings())
