from dataclasses import replace

import pytest

from bgremove.errors import OutputError
from bgremove.journal import NAME, Journal
from bgremove.worker import Job, Recipe


@pytest.fixture
def jobs(tmp_path):
    made = []
    for name in ("a", "b", "c"):
        (tmp_path / f"{name}.jpg").write_bytes(b"picture")
        made.append(Job(tmp_path / f"{name}.jpg", {"cutout": tmp_path / "out" / f"{name}.png"}))
    return made


def run_some(folder, recipe, jobs):
    with Journal(folder, recipe) as journal:
        for job in jobs[:2]:
            journal.started(job)
        jobs[0].outputs["cutout"].touch()
        journal.done(jobs[0])


def test_what_is_done_is_skipped_and_what_was_started_may_be_overwritten(tmp_path, jobs):
    run_some(tmp_path / "out", Recipe(), jobs)
    todo, done = Journal(tmp_path / "out", Recipe()).resume(jobs)
    assert done == jobs[:1]
    assert todo == [replace(jobs[1], overwrite=True), jobs[2]]


def test_a_done_output_that_is_gone_is_done_again(tmp_path, jobs):
    run_some(tmp_path / "out", Recipe(), jobs)
    jobs[0].outputs["cutout"].unlink()
    assert Journal(tmp_path / "out", Recipe()).resume(jobs)[1] == []


@pytest.mark.parametrize("change", ["recipe", "edge", "source", "rect"])
def test_another_recipe_a_changed_source_or_another_rect_is_another_job(tmp_path, jobs, change):
    run_some(tmp_path / "out", Recipe(), jobs)
    recipe = {"recipe": Recipe(margin=0.1), "edge": Recipe(edge="soft")}.get(change, Recipe())
    if change == "source":
        jobs[0].source.write_bytes(b"another picture")
    if change == "rect":
        jobs[0] = replace(jobs[0], rect=(1, 2, 3, 4))
    todo, done = Journal(tmp_path / "out", recipe).resume(jobs)
    assert done == []
    assert todo[0].overwrite is False


def test_a_line_that_a_crash_cut_short_loses_itself_only(tmp_path, jobs):
    run_some(tmp_path / "out", Recipe(), jobs)
    path = tmp_path / "out" / NAME
    path.write_text(path.read_text() + '\n{"version": 1, "state": "do')
    with Journal(tmp_path / "out", Recipe()) as journal:
        jobs[2].outputs["cutout"].touch()
        journal.done(jobs[2])
    assert Journal(tmp_path / "out", Recipe()).resume(jobs)[1] == [jobs[0], jobs[2]]


def test_an_output_folder_that_is_a_file_is_told(tmp_path):
    (tmp_path / "out").touch()
    with pytest.raises(OutputError, match="journal cannot be kept"), Journal(tmp_path / "out", Recipe()):
        pass
