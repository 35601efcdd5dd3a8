"""Runs that go on at the same time, or after a killed one, share the work by the journal."""

import os
import subprocess
import sys

import pytest

from bgremove.batch import Shard, make_plan, plan, remove_backgrounds, run_plan
from bgremove.batch.jobs import Jobs
from bgremove.batch.journal import Journal
from bgremove.files import exists
from bgremove.settings import Settings
from tests.journal_jobs import make_jobs, run_some


@pytest.fixture
def jobs(tmp_path):
    return make_jobs(tmp_path)


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
    assert list(Journal(folder, Settings()).resume(Jobs(jobs))[1]) == jobs[:1]
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
    assert list(Journal(tmp_path / "out", Settings()).resume(Jobs(jobs))[1]) == jobs[:1]
