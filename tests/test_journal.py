"""What a journal holds of a run, and what the next run takes from it."""

import signal
from dataclasses import replace

import filelock
import numpy as np
import pytest

from bgremove.batch.jobs import Jobs
from bgremove.batch.journal import NAME, Journal
from bgremove.batch.keys import settings_key
from bgremove.engines import PRESETS, Model
from bgremove.errors import OutputError
from bgremove.settings import Settings
from tests.journal_jobs import make_jobs, run_some


@pytest.fixture
def jobs(tmp_path):
    return make_jobs(tmp_path)


def test_what_is_done_is_skipped_and_what_was_started_may_be_overwritten(tmp_path, jobs):
    run_some(tmp_path / "out", Settings(), jobs)
    todo, done = Journal(tmp_path / "out", Settings()).resume(Jobs(jobs))
    assert list(done) == jobs[:1]
    assert list(todo) == [replace(jobs[1], overwrite=True), jobs[2]]


def test_a_done_output_that_is_gone_is_done_again(tmp_path, jobs):
    run_some(tmp_path / "out", Settings(), jobs)
    jobs[0].outputs["cutout"].unlink()
    assert list(Journal(tmp_path / "out", Settings()).resume(Jobs(jobs))[1]) == []


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
    assert list(Journal(tmp_path / "out", Settings()).resume(Jobs(jobs))[1]) == []


def test_a_model_is_known_by_its_content_wherever_it_is(tmp_path, jobs):
    model = Model("/here/u2netp.onnx", "digest", 1, PRESETS["u2netp"])
    run_some(tmp_path / "out", Settings(engine="onnx", model=model), jobs)
    for other, done in ((replace(model, path="/there/mine.onnx"), jobs[:1]), (replace(model, digest="another"), [])):
        settings = Settings(engine="onnx", model=other)
        assert list(Journal(tmp_path / "out", settings).resume(Jobs(jobs))[1]) == done


def test_a_limit_that_was_raised_for_some_images_leaves_the_others_done(tmp_path, jobs):
    run_some(tmp_path / "out", Settings(max_pixels=10), jobs)
    assert list(Journal(tmp_path / "out", Settings()).resume(Jobs(jobs))[1]) == jobs[:1]


def test_a_line_that_a_crash_cut_short_loses_itself_only(tmp_path, jobs):
    run_some(tmp_path / "out", Settings(), jobs)
    path = tmp_path / "out" / NAME
    path.write_text(path.read_text() + '\n{"version": 1, "state": "do')
    with Journal(tmp_path / "out", Settings()) as journal:
        journal.take(jobs[2])
        jobs[2].outputs["cutout"].touch()
        journal.done(jobs[2], {})
    assert list(Journal(tmp_path / "out", Settings()).resume(Jobs(jobs))[1]) == [jobs[0], jobs[2]]


def test_an_output_folder_that_is_a_file_is_told(tmp_path):
    (tmp_path / "out").touch()
    with pytest.raises(OutputError, match="results cannot be made"), Journal(tmp_path / "out", Settings()):
        pass


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
