"""A hot folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from bgremove import remove_background
from bgremove.batch.jobs import Jobs
from bgremove.batch.plan import Plan, plan_jobs
from bgremove.batch.records import ImageRecord
from bgremove.batch.run import run_plan
from bgremove.batch.sources import Found, Source, find_sources
from bgremove.batch.tree import Unusable
from bgremove.batch.watch import HotFolder, Settling, _told, watch
from bgremove.errors import ImageError, UsageError
from bgremove.files import TEMPORARY_PREFIX
from bgremove.formats.read import read
from bgremove.settings import Settings
from tests.samples import save_scene


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


@pytest.fixture
def content(tmp_path: Path) -> bytes:
    save_scene(tmp_path / "source/a.png", 1)
    return (tmp_path / "source/a.png").read_bytes()


def ready_after(settling: Settling, clock: Clock, folder: Path, seconds: float) -> list[str]:
    clock.now_s += seconds
    return [source.path.name for source in settling.ready(find_sources(folder).sources)]


def test_a_file_is_ready_once_it_has_been_quiet_and_can_be_decoded(clock: Clock, folder: Path, content: bytes) -> None:
    settling = Settling(10**9, clock)
    after = partial(ready_after, settling, clock, folder)
    assert after(0) == []
    assert not settling.waits
    (folder / "a.png").write_bytes(content[:100])
    assert after(0.5) == []
    assert settling.waits
    (folder / "a.png").write_bytes(content[:200])  # it grows
    assert after(0.9) == []
    assert after(0.9) == []
    assert after(0.2) == [], "quiet for longer than a second, and cut short"
    assert after(15) == []
    (folder / "a.png").write_bytes(content)
    assert after(0.5) == []
    assert after(0.9) == [], "whole, but for all we know it still grows"
    assert after(0.2) == ["a.png"]
    assert not settling.waits
    assert after(100) == [], "once"
    os.utime(folder / "a.png", ns=(1, 1))
    assert after(0.5) == []
    assert after(1.1) == ["a.png"], "and again when it has changed"


def test_what_stays_damaged_is_ready_in_the_end_so_that_it_is_told(clock: Clock, folder: Path, content: bytes) -> None:
    settling = Settling(10**9, clock)
    (folder / "a.png").write_bytes(content[:-100])
    assert [ready_after(settling, clock, folder, seconds) for seconds in (0, 5, 10, 6)] == [[], [], [], ["a.png"]]


def test_what_is_too_large_waits_for_nothing_more(clock: Clock, folder: Path, content: bytes) -> None:
    settling = Settling(10, clock)
    (folder / "a.png").write_bytes(content)
    assert [ready_after(settling, clock, folder, seconds) for seconds in (0, 1.1)] == [[], ["a.png"]]


def test_what_goes_away_is_forgotten(clock: Clock, folder: Path, content: bytes) -> None:
    settling = Settling(10**9, clock)
    (folder / "a.png").write_bytes(content)
    assert ready_after(settling, clock, folder, 0) == []
    (folder / "a.png").unlink()
    assert settling.ready([Source(folder, "a.png")]) == []
    assert ready_after(settling, clock, folder, 5) == []
    assert not settling.waits


@pytest.fixture
def plans(clock: Clock, folder: Path, tmp_path: Path) -> Callable[..., Iterator[Plan]]:
    """Plans of a hot folder at whose every look two seconds have passed; `act` is done before three looks."""

    def made(*acts: Callable[[], object], **options: object) -> Iterator[Plan]:
        def changes() -> Iterator[bool]:
            for act in acts:
                act()
                for changed in (True, False, False):
                    clock.now_s += 2
                    yield changed

        planning = partial(plan_jobs, folder=tmp_path / "out", settings=Settings(), **options)
        hot = HotFolder(lambda: find_sources(folder), tmp_path / "out", Settings(), planning, Settling(10**9, clock))
        return hot.plans(changes())

    return made


def outcomes(plans: Iterator[Plan]) -> list[str]:
    found = []
    for plan in plans:
        found += [f"done {job.source.name}" for job in plan.done]
        found += [f"unusable {each.path.name}: {each.error}" for each in plan.unusable]
        found += [f"{r.status} {r.path.name} {r.error or ''}".strip() for r in run_plan(plan, strategy="sequential")]
    return found


def test_what_is_there_and_what_comes_and_changes_is_done_once_each(plans, folder: Path, tmp_path: Path) -> None:
    save_scene(folder / "a.png", 1)
    found = outcomes(plans(
        lambda: None,
        lambda: save_scene(folder / "b.png", 2),
        lambda: save_scene(folder / "a.png", 3),
    ))  # fmt: skip
    assert found == ["ok a.png", "ok b.png", "ok a.png"]
    assert np.array_equal(read(tmp_path / "out/a.png").alpha > 0, remove_background(folder / "a.png").foreground)
    assert outcomes(plans(lambda: None)) == ["done a.png", "done b.png"], "nor again by the next watch"
    assert outcomes(plans(lambda: save_scene(folder / "b.png", 5))) == ["done a.png", "done b.png", "ok b.png"]


def test_what_is_not_ours_is_not_replaced_and_costs_its_photo_only(plans, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/a.png").write_bytes(b"mine")
    save_scene(folder / "a.png", 1)
    save_scene(folder / "b.png", 2)
    found = outcomes(plans(lambda: None, lambda: os.utime(folder / "a.png", ns=(5, 5))))
    assert [line.split(":")[0].split(" /")[0] for line in sorted(found)] == ["failed a.png", "failed a.png", "ok b.png"]
    assert (tmp_path / "out/a.png").read_bytes() == b"mine"
    assert outcomes(plans(lambda: None, overwrite=True)) == ["done b.png", "ok a.png"]


@pytest.mark.parametrize("overwrite", [False, True])
def test_two_photos_with_one_output_do_not_replace_each_other(overwrite: bool, plans, folder: Path) -> None:
    save_scene(folder / "a.png", 1)
    first, second = outcomes(plans(lambda: None, lambda: save_scene(folder / "a.jpg", 2), overwrite=overwrite))
    assert first == "ok a.png"
    assert "a.jpg would both be written to" in second


def test_what_is_not_read_is_told_once_the_folder_is_quiet_and_not_at_every_look(tmp_path: Path) -> None:
    shut = Unusable(tmp_path / "shut", ImageError("it cannot be read"))
    looks = [  # whether something has changed, what there is, and what is told of it
        (False, [shut], {".cr2": 2}, "shut .cr2 .cr2"),
        (True, [shut], {".cr2": 2}, ""),
        (False, [shut], {".cr2": 2}, ""),
        (True, [], {".cr2": 2, ".part": 1}, ""),
        (False, [], {".cr2": 3}, ".cr2"),
        (True, [], {}, ""),
        (False, [], {}, ""),
        (True, [shut], {".jxl": 1}, ""),
        (False, [shut], {".jxl": 1}, "shut .jxl"),
        (False, [], {}, ""),
    ]
    now: list[Found] = [Found([], [], {})]
    told: list[str] = []

    def changes() -> Iterator[bool]:
        for changed, unusable, left_out, _ in looks:
            now[0] = Found([], unusable, left_out)
            told.append("")
            yield changed

    hot = HotFolder(lambda: now[0], tmp_path / "out", Settings(), lambda _: Jobs(()), Settling(10**9))
    for plan in islice(hot.plans(changes()), 1, None):
        told[-1] = " ".join([*(each.path.name for each in plan.unusable), *Counter(plan.left_out).elements()])
    assert told == [expected for *_, expected in looks]


def test_the_command_tells_what_is_left_out_and_what_is_doubtful(
    command_here, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = Plan(tmp_path / "out", Settings(), Jobs(()), left_out={".cr2": 2})
    record = ImageRecord(folder / "a.png", (), "ok", doubts=("nothing was found",))
    monkeypatch.setattr("bgremove.cli.remove.watch_folders", lambda *_, **__: [plan])
    monkeypatch.setattr("bgremove.cli.remove.run_plan", lambda *_, **__: [record])
    line = "remove", folder, "-o", tmp_path / "out", "--watch"
    advice = f"`bgremove rects --edit -o rects.csv {folder}`"
    assert command_here(*line).stderr.splitlines()[1:] == [
        "2 files were left out: 2 .cr2",
        f"1 of 1 looks doubtful: {folder / 'a.png'}: {advice}",
    ]
    assert command_here(*line, "--quiet").stderr == ""


def test_hints_in_the_folder_are_no_photographs(plans, folder: Path) -> None:
    for name in ("a.png", "hints.png"):
        save_scene(folder / name, 1)
    hints = {str(folder / "a.png"): folder / "hints.png"}
    assert [job.source.name for plan in plans(lambda: None, hints=hints) for job in plan.todo] == ["a.png"]


def test_only_folders_are_watched(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_scene(folder / "a.png", 1)
    with pytest.raises(UsageError, match=r"a\.png is no folder"):
        watch([folder / "a.png"], tmp_path / "out", Settings())
    with pytest.raises(UsageError, match="is an input and the output at once"):
        watch([folder], folder, Settings())
    monkeypatch.setitem(sys.modules, "watchfiles", None)
    with pytest.raises(UsageError, match=r"pip install 'bgremove\[watch\]'"):
        watch([folder], tmp_path / "out", Settings())


@pytest.mark.parametrize("again", [False, True])
def test_a_watch_ends_when_its_folder_is_gone_or_another(folder: Path, again: bool) -> None:
    changes = _told([set(), set(), set()], [folder])
    assert next(changes) is False
    folder.rename(folder.with_name("elsewhere"))
    if again:
        folder.mkdir()
    with pytest.raises(ImageError, match="the folder that was watched is gone"):
        next(changes)


def until_told(of: Path, process: subprocess.Popen[str]) -> str:
    """What the command says, up to the line that tells of an image."""
    told = ""
    while f"{of}\n" not in told:
        line = process.stderr.readline()
        assert line, told
        told += line
    return told


@pytest.mark.whole_run
@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGINT to send")
def test_the_command_cuts_out_what_arrives_until_ctrl_c(environment, folder: Path, tmp_path: Path, content) -> None:
    save_scene(folder / "first.png", 0)
    out = folder / "out"
    line = [sys.executable, "-m", "bgremove", "remove", folder, "-o", out, "-r", "--watch", "--engine", "opencv"]
    with subprocess.Popen(line, env=environment, stderr=subprocess.PIPE, text=True) as process:
        told = until_told(folder / "first.png", process)
        (folder / "sub").mkdir()
        with (folder / "sub/late.png").open("wb") as file:  # as a slow copy does
            for start in range(0, len(content), 1 + len(content) // 20):
                file.write(content[start : start + 1 + len(content) // 20])
                file.flush()
                time.sleep(0.05)
        told += until_told(folder / "sub/late.png", process)
        deadline = time.monotonic() + 60
        while list(out.glob(f"{TEMPORARY_PREFIX}*.lock")) and time.monotonic() < deadline:
            time.sleep(0.01)  # the run of that image is about to end; it holds a lock until then
        process.send_signal(signal.SIGINT)
        told += process.communicate(timeout=60)[1]
    assert process.returncode == 130, told
    assert told.count("     ok") == 2
    assert "failed" not in told
    assert "Traceback" not in told
    assert "interrupted; what is written is whole" in told
    assert np.array_equal(
        read(out / "sub/late.png").alpha > 0, remove_background(folder / "sub/late.png", engine="opencv").foreground
    )
    assert not [path for path in out.rglob(f"{TEMPORARY_PREFIX}*") if path.suffix in {".tmp", ".lock"}]


@pytest.mark.whole_run
def test_a_run_without_an_end_has_no_figures(command, folder: Path, tmp_path: Path) -> None:
    result = command("remove", folder, "-o", tmp_path / "out", "--watch", "--json", tmp_path / "a.json")
    assert result.returncode == 2
    assert "--json: of no use for a run without an end" in result.stderr
