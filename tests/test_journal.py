import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace

import filelock
import numpy as np
import pytest

from bgremove.batch import Shard, make_plan, plan, remove_backgrounds, run_plan
from bgremove.batch.job import Job
from bgremove.batch.jobs import Jobs
from bgremove.batch.journal import NAME, Journal
from bgremove.batch.keys import settings_key
from bgremove.engines import PRESETS, Model
from bgremove.errors import OutputError
from bgremove.files import exists
from bgremove.formats import read
from bgremove.settings import Settings
from bgremove.url import located


@pytest.fixture
def jobs(tmp_path):
    made = []
    for name in ("a", "b", "c"):
        (tmp_path / f"{name}.jpg").write_bytes(b"picture")
        made.append(Job(tmp_path / f"{name}.jpg", {"cutout": tmp_path / "out" / f"{name}.png"}))
    return made


def run_some(folder, settings, jobs):
    with Journal(folder, settings) as journal:
        for job in jobs[:2]:
            assert journal.take(job) is None
        jobs[0].outputs["cutout"].touch()
        journal.done(jobs[0], {})


def test_what_is_done_is_skipped_and_what_was_started_may_be_overwritten(tmp_path, jobs):
    run_some(tmp_path / "out", Settings(), jobs)
    todo, done = Journal(tmp_path / "out", Settings()).resume(Jobs(jobs))
    assert list(done) == jobs[:1]
    assert list(todo) == [replace(jobs[1], overwrite=True), jobs[2]]


def test_a_done_output_that_is_gone_is_done_again(tmp_path, jobs):
    run_some(tmp_path / "out", Settings(), jobs)
    jobs[0].outputs["cutout"].unlink()
    assert Journal(tmp_path / "out", Settings()).resume(Jobs(jobs))[1].items == []


@pytest.mark.parametrize("change", ["settings", "edge", "source", "rect"])
def test_another_settings_a_changed_source_or_another_rect_is_another_job(tmp_path, jobs, change):
    run_some(tmp_path / "out", Settings(), jobs)
    settings = {"settings": Settings(margin=0.1), "edge": Settings(edge="soft")}.get(change, Settings())
    if change == "source":
        jobs[0].source.write_bytes(b"another picture")
    if change == "rect":
        jobs[0] = replace(jobs[0], rect=(1, 2, 3, 4))
    todo, done = Journal(tmp_path / "out", settings).resume(Jobs(jobs))
    assert list(done) == []
    assert todo[0].overwrite is False


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"emit": ("cutout", "mask")}, {"emit": ["mask", "cutout", "mask"]}),
        ({"margin": 0.25}, {"margin": np.float32(0.25)}),
        ({"iterations": 1}, {"iterations": np.int64(1)}),
        ({"background": "white"}, {"background": "rgb(255, 255, 255)"}),
        ({"background": "#fff"}, {"background": [255, np.uint8(255), 255]}),
        ({"rect": (1, 2, 3, 4)}, {"rect": [1, np.int64(2), 3.0, 4]}),
    ],
)
def test_what_means_the_same_is_the_same_however_it_is_written(one, other):
    assert settings_key(Settings(**one)) == settings_key(Settings(**other))
    assert Settings(**one) == Settings(**other)


def test_a_source_that_changes_while_it_is_done_is_not_done(tmp_path, jobs):
    with Journal(tmp_path / "out", Settings()) as journal:
        journal.take(jobs[0])
        jobs[0].outputs["cutout"].touch()
        jobs[0].source.write_bytes(b"another picture")
        journal.done(jobs[0], {})
    assert Journal(tmp_path / "out", Settings()).resume(Jobs(jobs))[1].items == []


@pytest.mark.parametrize("strategy", ["sequential", "processes"])
@pytest.mark.parametrize("emit", [("cutout",), ("cutout", "mask"), ("mask", "cutout")])
def test_what_appears_where_an_output_was_to_be_is_not_replaced_by_a_later_run(tmp_path, photos, emit, strategy):
    settings, out = Settings(engine="opencv", emit=emit), tmp_path / "out"
    plan = make_plan(photos, out, settings)
    out.mkdir()
    (out / "1.png").write_bytes(b"precious")
    records = list(run_plan(plan, strategy=strategy))
    assert [record.path.name for record in records if record.error] == ["1.png"]
    assert not (out / "1.mask.png").exists()
    with pytest.raises(OutputError, match=r"1 of the outputs exist .*1\.png"):
        make_plan(photos, out, settings, resume=True)
    (out / "1.png").unlink()
    later = remove_backgrounds(photos, out, settings=settings, resume=True)
    assert sorted(record.status for record in later) == ["ok"] + 5 * ["skipped"]


def test_a_folder_that_is_lost_meanwhile_costs_what_would_be_in_it(tmp_path, photos):
    records = run_plan(make_plan(photos, tmp_path / "out", Settings(engine="opencv")), strategy="sequential")
    assert next(records).error is None
    (tmp_path / "out").rename(tmp_path / "elsewhere")
    (tmp_path / "out").touch()
    *_, last = records
    assert "out: the folder for the results was removed or closed during the run" in str(last.error)


@pytest.mark.parametrize("strategy", ["sequential", "processes"])
def test_a_folder_that_is_removed_during_a_run_is_told(tmp_path, photos, strategy):
    plan = make_plan(photos, tmp_path / "out", Settings(engine="opencv"))
    records = run_plan(plan, strategy=strategy, workers=1)
    assert next(records).error is None
    (tmp_path / "out").rename(tmp_path / "elsewhere")
    *_, last = records
    assert f"{tmp_path}/out: the folder for the results was removed or closed during the run" in str(last.error)


def test_a_model_is_known_by_its_content_wherever_it_is(tmp_path, jobs):
    model = Model("/here/u2netp.onnx", "digest", 1, PRESETS["u2netp"])
    run_some(tmp_path / "out", Settings(engine="onnx", model=model), jobs)
    for other, done in ((replace(model, path="/there/mine.onnx"), jobs[:1]), (replace(model, digest="another"), [])):
        settings = Settings(engine="onnx", model=other)
        assert Journal(tmp_path / "out", settings).resume(Jobs(jobs))[1].items == done


def test_a_limit_that_was_raised_for_some_images_leaves_the_others_done(tmp_path, jobs):
    run_some(tmp_path / "out", Settings(max_pixels=10), jobs)
    assert Journal(tmp_path / "out", Settings()).resume(Jobs(jobs))[1].items == jobs[:1]


def test_a_line_that_a_crash_cut_short_loses_itself_only(tmp_path, jobs):
    run_some(tmp_path / "out", Settings(), jobs)
    path = tmp_path / "out" / NAME
    path.write_text(path.read_text() + '\n{"version": 1, "state": "do')
    with Journal(tmp_path / "out", Settings()) as journal:
        journal.take(jobs[2])
        jobs[2].outputs["cutout"].touch()
        journal.done(jobs[2], {})
    assert Journal(tmp_path / "out", Settings()).resume(Jobs(jobs))[1].items == [jobs[0], jobs[2]]


def test_an_output_folder_that_is_a_file_is_told(tmp_path):
    (tmp_path / "out").touch()
    with pytest.raises(OutputError, match="results cannot be made"), Journal(tmp_path / "out", Settings()):
        pass


def test_runs_at_the_same_time_share_the_work(tmp_path, jobs):
    folder = tmp_path / "out"
    with Journal(folder, Settings()) as first, Journal(folder, Settings()) as second:
        assert (first.alone, second.alone) == (True, False)
        assert first.take(jobs[0]) is None
        assert second.take(jobs[1]) is None
        jobs[0].outputs["cutout"].touch()
        first.done(jobs[0], {})
        assert f"process {os.getpid()} on " in second.take(jobs[0])
        assert f"process {os.getpid()} on " in first.take(jobs[1])
        assert first.take(jobs[2]) is None
    assert Journal(folder, Settings()).resume(Jobs(jobs))[1].items == jobs[:1]
    assert list(folder.glob("*.lock")) == []


def test_of_two_that_take_a_job_at_the_same_moment_the_first_line_has_it(tmp_path, jobs, monkeypatch):
    folder = tmp_path / "out"
    with Journal(folder, Settings()) as first, Journal(folder, Settings()) as second:
        append, taken = first._append, []

        def append_late(entry):
            taken.append(second.take(jobs[0]))  # between the look of the first and its line
            append(entry)

        monkeypatch.setattr(first, "_append", append_late)
        taken.append(first.take(jobs[0]))
    assert [other is None for other in taken] == [True, False]


def test_what_a_run_that_opened_later_has_taken_is_seen(tmp_path, jobs):
    folder = tmp_path / "out"
    with Journal(folder, Settings()) as first:
        with Journal(folder, Settings()) as second:
            assert second.take(jobs[0]) is None
            assert second.take(jobs[1]) is None
            jobs[0].outputs["cutout"].touch()
            second.done(jobs[0], {})
        assert first.take(jobs[0]) is not None  # done
        assert first.take(jobs[1]) is None  # given up by a run that has ended
        assert first.take(jobs[2]) is None


KILLED = """
import sys
from pathlib import Path
from bgremove.batch.job import Job
from bgremove.batch import make_plan, remove_backgrounds, run_plan
from bgremove.batch.journal import Journal
from bgremove.settings import Settings

with Journal(Path(sys.argv[2]), Settings()) as journal:
    journal.take(Job(Path(sys.argv[1]), {"cutout": Path(sys.argv[2], "a.png")}))
    print("taken", flush=True)
    sys.stdin.read()
"""


def test_what_a_killed_run_has_taken_counts_for_nothing(tmp_path, jobs, environment):
    line = [sys.executable, "-c", KILLED, jobs[0].source, tmp_path / "out"]
    with subprocess.Popen(line, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "taken\n"
        with Journal(tmp_path / "out", Settings()) as journal:
            assert f"process {process.pid} on " in journal.take(jobs[0])
        process.kill()
    with Journal(tmp_path / "out", Settings()) as journal:
        assert journal.alone
        assert journal.take(jobs[0]) is None
    assert list((tmp_path / "out").glob("*.lock")) == []


def test_the_lines_of_runs_that_are_over_stop_nobody_from_doing_it_again(tmp_path, jobs):
    run_some(tmp_path / "out", Settings(), jobs)
    with Journal(tmp_path / "out", Settings()), Journal(tmp_path / "out", Settings()) as journal:
        assert [journal.take(job) for job in jobs] == [None] * 3


LINE = b'{"version": %s, "state": "done", "run": "a", "key": %s, "path": "b"}'


@pytest.mark.parametrize(
    "odd",
    [b"[1]", b"7", b"null", b"{}", b"[" * 100_000, b"\xff\0", LINE % (b'"x"', b'"k"'), LINE % (b"null", b'"k"')]
    + [LINE % (b"1", key) for key in (b"5", b"[]", b"{}")],
)
def test_a_line_that_is_none_of_ours_is_passed_over(tmp_path, jobs, odd):
    run_some(tmp_path / "out", Settings(), jobs)
    path = tmp_path / "out" / NAME
    before = [len(part) for part in Journal(tmp_path / "out", Settings()).resume(Jobs(jobs))]
    path.write_bytes(odd + b"\n" + path.read_bytes() + odd)
    assert [len(part) for part in Journal(tmp_path / "out", Settings()).resume(Jobs(jobs))] == before


@pytest.mark.parametrize("newer", ['"version": 2', '"version": 2, "size": 3'])
def test_a_journal_of_a_newer_version_is_refused(tmp_path, jobs, newer):
    run_some(tmp_path / "out", Settings(), jobs)
    path = tmp_path / "out" / NAME
    path.write_text(path.read_text().replace('"version": 1', newer))
    with pytest.raises(OutputError, match=r"bgremove-journal.jsonl: a newer bgremove keeps this journal"):
        Journal(tmp_path / "out", Settings()).resume(Jobs(jobs))


def test_what_another_run_has_done_since_the_planning_is_not_done_again(photos, tmp_path):
    # The other begins and ends between the planning and the start of this one.
    plan = make_plan(photos, tmp_path, Settings(), resume=True)
    assert {record.status for record in remove_backgrounds(photos, tmp_path, strategy="sequential")} == {"ok"}
    records = list(run_plan(plan, strategy="sequential"))
    assert [record.status for record in records] == ["skipped"] * 6
    assert "another run has taken it" in records[0].warnings[0]


def test_what_another_run_does_while_this_one_is_planned_is_not_refused(photos, tmp_path, monkeypatch):
    def exists_late(path):  # between the look into the journal and the look at the outputs
        monkeypatch.undo()
        remove_backgrounds(photos, tmp_path, strategy="sequential")
        return exists(path)

    monkeypatch.setattr(plan, "exists", exists_late)
    made = make_plan(photos, tmp_path, Settings(), resume=True)
    assert (len(made.todo), len(made.done)) == (0, 6)


def test_what_one_shard_has_done_and_another_began_is_done(tmp_path, jobs):
    for shard, finished in ((Shard(1, 2), True), (Shard(2, 2), False)):
        with Journal(tmp_path / "out", Settings(), shard=shard) as journal:
            journal.take(jobs[0])
            jobs[0].outputs["cutout"].touch()
            if finished:
                journal.done(jobs[0], {})
    assert Journal(tmp_path / "out", Settings()).resume(Jobs(jobs))[1].items == jobs[:1]


def test_ctrl_c_while_a_journal_is_opened_closes_it(tmp_path, monkeypatch):
    acquire = filelock.FileLock.acquire

    def interrupted(lock):
        acquired = acquire(lock)
        signal.raise_signal(signal.SIGINT)
        return acquired

    monkeypatch.setattr(filelock.FileLock, "acquire", interrupted)
    with pytest.raises(KeyboardInterrupt):
        Journal(tmp_path, Settings()).__enter__()
    monkeypatch.undo()
    assert [path.name for path in tmp_path.iterdir()] == [NAME]
    with Journal(tmp_path, Settings()) as other:
        assert other.alone


def test_ctrl_c_while_a_journal_is_closed_arrives_when_it_is(tmp_path, monkeypatch):
    before = signal.getsignal(signal.SIGINT)
    journal = Journal(tmp_path, Settings())
    journal.__enter__()
    finalize = filelock.BaseFileLock.__del__

    def interrupted(lock):
        signal.raise_signal(signal.SIGINT)  # what this raises in a finalizer is lost
        finalize(lock)

    monkeypatch.setattr(filelock.BaseFileLock, "__del__", interrupted)
    with pytest.raises(KeyboardInterrupt):
        journal.__exit__(None, None, None)
    monkeypatch.undo()
    assert [path.name for path in tmp_path.iterdir()] == [NAME]
    assert signal.getsignal(signal.SIGINT) is before
    with Journal(tmp_path, Settings()) as other:
        assert other.alone


@pytest.mark.parametrize("emit", [("cutout",), ("cutout", "mask")])
@pytest.mark.parametrize("place", ["here", "store"])
def test_a_photograph_that_has_changed_is_done_anew_and_the_others_are_kept(photos, tmp_path, place, emit):
    out = tmp_path / "out" if place == "here" else f"memory://{tmp_path.name}{len(emit)}"
    shutil.copytree(photos, tmp_path / "in")
    options = {"engine": "opencv", "emit": emit}
    remove_backgrounds(tmp_path / "in", out, **options)
    before = read(located(out) / "0.png").image
    shutil.copy(photos / "1.png", tmp_path / "in/0.png")
    for changed in (1, 0):
        records = remove_backgrounds(tmp_path / "in", out, resume=True, **options)
        assert sorted(record.status for record in records) == ["ok"] * changed + ["skipped"] * (6 - changed)
    assert not np.array_equal(read(located(out) / "0.png").image, before)
    os.utime(tmp_path / "in/0.png", (0, 0))
    with pytest.raises(OutputError, match="not of an earlier run with these very options"):
        remove_backgrounds(tmp_path / "in", out, resume=True, **options, margin=0.2)


@pytest.mark.parametrize("whose", ["a person's", "another photograph's"])
def test_what_is_not_of_a_photograph_that_has_changed_is_not_replaced(photos, tmp_path, whose):
    shutil.copytree(photos, tmp_path / "in")
    remove_backgrounds(tmp_path / "in", tmp_path / "out", engine="opencv")
    os.utime(tmp_path / "in/0.png", (0, 0))
    theirs = b"theirs" if whose == "a person's" else (tmp_path / "out/1.png").read_bytes()
    (tmp_path / "out/0.png").write_bytes(theirs)
    with pytest.raises(OutputError, match=r"1 of the outputs exist already .*0\.png"):
        remove_backgrounds(tmp_path / "in", tmp_path / "out", engine="opencv", resume=True)
    assert (tmp_path / "out/0.png").read_bytes() == theirs
