"""Shares of a batch: each image is in one, whatever machine asks."""

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bgremove import remove_backgrounds
from bgremove.batch import Shard, make_plan
from bgremove.cli import run
from bgremove.errors import OutputError, UsageError
from bgremove.settings import Settings
from tests.samples import save_scene

DOCS = Path(__file__).parents[1] / "docs/how-to/shards.md"
NAMES = [f"{number}.png" for number in range(8)]


@pytest.fixture
def photos(tmp_path):
    for seed, name in enumerate(NAMES):
        save_scene(tmp_path / "photos" / name, seed, 40, 50)
    return tmp_path / "photos"


@pytest.mark.pixels
@given(st.text(min_size=1).filter(lambda text: "\0" not in text), st.integers(1, 50))
def test_each_image_is_in_one_shard(name, count):
    assert sum(Shard(index, count).holds(PurePath(name)) for index in range(1, count + 1)) == 1


def test_shards_are_the_same_everywhere():
    assert [Shard(1, 3).holds(PurePosixPath("a/b", name)) for name in NAMES] == [
        Shard(1, 3).holds(PureWindowsPath("a\\b", name)) for name in NAMES
    ]
    # fixed for good: machines with other versions may work on the same batch
    assert [name for name in NAMES if Shard(1, 3).holds(PurePath(name))] == ["1.png", "4.png"]
    assert sum(Shard(1, 4).holds(PurePath(f"{number}.jpg")) for number in range(4000)) in range(900, 1100)


@pytest.mark.parametrize("text", ["0/2", "3/2", "1", "1/", "/2", "a/b", "-1/2", "1/2/3", "1.5/2", ""])
def test_what_is_no_shard_is_refused(text, photos, tmp_path, capsys):
    with pytest.raises(UsageError, match="write I/N"):
        Shard.parse(text)
    assert run(["remove", str(photos), "-o", str(tmp_path / "out"), "--shard", text]) == 2
    assert "write I/N" in capsys.readouterr().err


def test_shards_together_do_everything_once(photos, tmp_path):
    out = tmp_path / "out"
    done = []
    for index in (1, 2, 3):
        records = remove_backgrounds(photos, out, shard=Shard(index, 3), engine="opencv", iterations=1)
        assert {record.status for record in records} <= {"ok"}
        done += [record.path.name for record in records]
    assert sorted(done) == NAMES
    assert {path.name for path in out.iterdir() if path.suffix == ".png"} == set(NAMES)
    again = make_plan(photos, out, Settings(engine="opencv", iterations=1), resume=True)
    assert (len(again.todo), len(again.done)) == (0, 8)


def test_without_a_shard_resume_finds_what_is_missing(photos, tmp_path):
    settings = Settings(engine="opencv", iterations=1)
    first = remove_backgrounds(photos, tmp_path / "out", shard=Shard(1, 2), settings=settings)
    plan = make_plan(photos, tmp_path / "out", settings, resume=True)
    assert {job.source for job in plan.done} == {record.path for record in first}
    assert {job.source.name for job in (*plan.todo, *plan.done)} == set(NAMES)
    (tmp_path / "out" / first[0].path.name).unlink()
    again = make_plan(photos, tmp_path / "out", settings, shard=Shard(1, 2), resume=True)
    assert [job.source for job in again.todo] == [first[0].path]


def test_two_images_of_one_output_are_found_in_different_shards_too(photos, tmp_path):
    for suffix in ("jpg", "webp", "tif"):
        save_scene(photos / f"0.{suffix}", 1, 40, 50)
    for index in (1, 2, 3):
        with pytest.raises(OutputError, match="would both be written"):
            make_plan(photos, tmp_path / "out", Settings(), shard=Shard(index, 3))


def test_what_cannot_be_reached_concerns_every_shard_and_one_file_its_own(photos, tmp_path, capsys):
    with zipfile.ZipFile(tmp_path / "odd.zip", "w") as archive:
        archive.writestr("../a.png", b"")
    inputs = [photos, tmp_path / "absent", f"zip://::{tmp_path}/odd.zip"]
    plans = [make_plan(inputs, tmp_path / "out", Settings(), shard=Shard(index, 2)) for index in (1, 2)]
    assert sorted(len(plan.unusable) for plan in plans) == [1, 2]
    assert all(plan.unusable[0].path == tmp_path / "absent" for plan in plans)
    line = ["remove", str(tmp_path / "absent"), "-o", str(tmp_path / "out")]
    assert [run([*line, "--shard", shard]) for shard in ("1/2", "2/2")] == [1, 1]
    assert capsys.readouterr().err.count("absent: there is no such file, folder or match") == 2


@pytest.mark.whole_run
@pytest.mark.skipif(sys.platform == "win32", reason="the lines are those of a shell")
def test_the_lines_for_slurm_kubernetes_and_ssh_do_everything(photos, tmp_path, environment, monkeypatch):
    slurm, kubernetes, ssh = re.findall(r"^```text\n(.*?)^```", DOCS.read_text(), re.DOTALL | re.MULTILINE)
    binaries = tmp_path / "bin"
    binaries.mkdir()
    for name, content in {
        "bgremove": f'printf "%s\\n" "$@" > "{tmp_path}/$$.arguments"',  # of a command that is run here, in less time
        "ssh": f'shift; cd "{tmp_path}"; eval "${{1#cd /shared && }}"',
    }.items():
        (binaries / name).write_text(f"#!/bin/sh\n{content}\n")
        (binaries / name).chmod(0o755)
    path = f"{binaries}{os.pathsep}{environment['PATH']}"
    runs = {
        "slurm": [(slurm, {"SLURM_ARRAY_TASK_ID": str(each), "SLURM_ARRAY_TASK_COUNT": "3"}) for each in range(1, 4)],
        "kubernetes": [(kubernetes, {"JOB_COMPLETION_INDEX": str(each)}) for each in range(8)],
        "ssh": [(ssh, {})],
    }
    monkeypatch.chdir(tmp_path)
    for name, lines in runs.items():
        for line, variables in lines:
            command = line.replace("cutouts/", f"{name}/")
            subprocess.run(["sh", "-ec", command], check=True, env={**environment, "PATH": path, **variables})
        for told in tmp_path.glob("*.arguments"):
            line = [*told.read_text().splitlines(), "--engine", "opencv", "--strategy", "sequential"]
            assert run(line) == 0
            told.unlink()
        assert {each.name for each in (tmp_path / name).iterdir() if each.suffix == ".png"} == set(NAMES)
