"""How many workers a batch has: what CPUs, memory and the number of images allow."""

import os
import resource
from pathlib import Path

import pytest

from bgremove import machine
from bgremove.batch import batch_strategy, prepare_jobs, run_jobs
from bgremove.errors import OutputError, WorkerLostError
from bgremove.journal import NAME, Journal
from bgremove.outputs import TEMPORARY_PREFIX, temporary_name
from bgremove.plan import find_sources, plan_jobs
from bgremove.strategies import Outcome, Strategy
from bgremove.worker import Job, Recipe
from tests.samples import save_scene

MEGAPIXEL = 1000 * 1000


@pytest.fixture
def jobs(tmp_path):
    """Eight jobs that share an image of four megapixels."""
    save_scene(tmp_path / "large.png", 0, 2000, 2000)
    return [Job(tmp_path / "large.png", {"cutout": tmp_path / f"{index}.png"}) for index in range(8)]


@pytest.fixture
def free(monkeypatch):
    """Sets the free memory of a machine of eight CPUs."""
    monkeypatch.setattr(machine, "usable_cpus", lambda: 8)
    return lambda size: monkeypatch.setattr(machine, "available_bytes", lambda: size)


@pytest.mark.parametrize(("engine", "workers"), [("opencv", 2), ("exact", 6), ("multiscale", 8), ("auto", 8)])
def test_workers_share_the_free_memory(jobs, free, engine, workers):
    free(8 * 4 * MEGAPIXEL * (40 + 16))
    assert batch_strategy("threads", jobs, Recipe(engine=engine)).workers == workers


def test_a_soft_edge_takes_memory_of_its_own(jobs, free):
    free(3 * 10**9)
    assert batch_strategy("threads", jobs, Recipe(engine="exact")).workers == 8
    assert batch_strategy("threads", jobs, Recipe(engine="exact", edge="soft")).workers == 4


def test_there_are_no_more_workers_than_images(jobs, free):
    free(10**12)
    assert batch_strategy("threads", jobs[:3], Recipe()).workers == 3


def test_a_batch_of_files_that_are_no_images_has_a_worker_to_say_so(tmp_path, free):
    free(10**9)
    (tmp_path / "broken.jpg").write_text("this is text")
    job = Job(tmp_path / "broken.jpg", {"cutout": tmp_path / "broken.png"})
    assert batch_strategy("threads", [job], Recipe()).workers == 1


def test_a_refused_header_takes_no_worker_away(jobs, free, tmp_path):
    free(8 * 4 * MEGAPIXEL * (92 + 16))
    header = b"P6 60000 60000 255\n"
    (tmp_path / "huge.ppm").write_bytes(header + b"pixels")
    huge = Job(tmp_path / "huge.ppm", {"cutout": tmp_path / "huge.png"})
    todo, _ = prepare_jobs([*jobs, huge], tmp_path / "out", Recipe(), resume=False)
    assert todo[0] == huge
    assert batch_strategy("threads", todo, Recipe(engine="exact")).workers == 8


def test_resuming_with_other_options_is_not_advised_to_resume(jobs, tmp_path):
    (tmp_path / "0.png").touch()
    with pytest.raises(OutputError, match=r"not of an earlier run with these very options \(.*\): overwrite, or go"):
        prepare_jobs(jobs, tmp_path, Recipe(), resume=True)


def test_a_disk_too_full_for_the_journal_costs_the_images_that_it_cannot_name(photos, tmp_path):
    jobs = plan_jobs(find_sources([photos])[0], tmp_path / "out", emit=("mask",))
    recipe = Recipe(emit=("mask",))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))  # masks are smaller, the journal of all is not
    try:
        with batch_strategy("sequential", jobs, recipe) as strategy:
            records = list(run_jobs(jobs, tmp_path / "out", recipe, strategy))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    failed = [record for record in records if record.status == "failed"]
    assert 0 < len(failed) < len(jobs) == len(records)
    assert all("the journal cannot be kept" in str(record.error) for record in failed)
    assert all(record.outputs[0].exists() == (record.status == "ok") for record in records)

    todo, done = prepare_jobs(jobs, tmp_path / "out", recipe, resume=True)
    with batch_strategy("sequential", todo, recipe) as strategy:
        assert {record.status for record in run_jobs(todo, tmp_path / "out", recipe, strategy)} == {"ok"}
    assert len(todo) + len(done) == len(jobs)
    assert done


class Deadly(Strategy):
    """Every worker dies in the middle of writing."""

    workers = 1

    def run(self, function, tasks):  # noqa: ARG002
        for task in tasks:
            for path in task.value.outputs.values():
                path.parent.mkdir(exist_ok=True)
                Path(temporary_name(str(path))).write_bytes(b"half")
            error = WorkerLostError("killed")
            yield Outcome(index=task.index, error=error, created_s=0, started_s=0, ended_s=0, received_s=0)


def hidden(folder):
    return [name for name in os.listdir(folder) if name != NAME]


def test_what_dying_workers_leave_half_written_is_removed(photos, tmp_path):
    jobs = plan_jobs(find_sources(photos)[0], tmp_path, emit=("cutout", "mask"))
    assert {record.status for record in run_jobs(jobs, tmp_path, Recipe(), Deadly())} == {"failed"}
    assert hidden(tmp_path) == []

    records = run_jobs(jobs, tmp_path, Recipe(), Deadly())
    next(records)
    assert len(hidden(tmp_path)) == 2
    records.close()  # as Ctrl-C does
    assert hidden(tmp_path) == []


def test_what_a_killed_batch_left_half_written_is_removed_when_it_is_resumed(photos, tmp_path):
    jobs = plan_jobs(find_sources(photos)[0], tmp_path)
    with Journal(tmp_path, Recipe()) as journal:
        journal.started(jobs[0])
    for job in jobs[:2]:
        Path(temporary_name(str(job.outputs["cutout"]))).write_bytes(b"half")
    todo, _ = prepare_jobs(jobs, tmp_path, Recipe(), resume=True)
    with batch_strategy("sequential", todo, Recipe()) as strategy:
        next(run_jobs(todo, tmp_path, Recipe(), strategy))
    assert (
        len([name for name in hidden(tmp_path) if name.startswith(TEMPORARY_PREFIX)]) == 1
    )  # another's, for all we know
