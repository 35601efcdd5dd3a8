"""How many workers a batch has: what CPUs, memory and the number of images allow."""

import os
import resource
from pathlib import Path

import cv2
import PIL.Image
import pytest

from bgremove import machine
from bgremove.batch import Job, Plan, make_plan, run_jobs, run_plan
from bgremove.batch.headers import largest_first
from bgremove.batch.jobs import Jobs
from bgremove.batch.journal import Journal
from bgremove.batch.run import batch_strategy
from bgremove.errors import WorkerLostError
from bgremove.files import TEMPORARY_PREFIX, temporary_name
from bgremove.settings import Settings
from bgremove.strategies import Outcome, Strategy, Task
from tests.samples import save_scene
from tests.threads import opencv_threads

MEGAPIXEL = 1000 * 1000


@pytest.fixture
def jobs(tmp_path):
    """Eight jobs that share an image of four megapixels."""
    PIL.Image.new("RGB", (2000, 2000)).save(tmp_path / "large.png")
    made = [Job(tmp_path / "large.png", {"cutout": tmp_path / f"{index}.png"}) for index in range(8)]
    return largest_first(made)


def plan_of(jobs, **options):
    return Plan(Path("out"), Settings(**options), Jobs(jobs))


@pytest.fixture
def free(monkeypatch):
    """Sets the free memory of a machine of eight CPUs."""
    monkeypatch.setattr(machine, "usable_cpus", lambda: 8)
    return lambda size: monkeypatch.setattr(machine, "available_bytes", lambda: size)


@pytest.mark.parametrize(("engine", "workers"), [("opencv", 2), ("exact", 6), ("multiscale", 8), ("auto", 8)])
def test_workers_share_the_free_memory(jobs, free, engine, workers):
    free(8 * 4 * MEGAPIXEL * (40 + 16))
    assert batch_strategy(plan_of(jobs, engine=engine), "threads").workers == workers


def test_a_soft_edge_takes_memory_of_its_own(jobs, free):
    free(3 * 10**9)
    assert batch_strategy(plan_of(jobs, engine="exact"), "threads").workers == 8
    assert batch_strategy(plan_of(jobs, engine="exact", edge="soft"), "threads").workers == 4


def test_there_are_no_more_workers_than_images(jobs, free):
    free(10**12)
    assert batch_strategy(plan_of(jobs[:3]), "threads").workers == 3


@pytest.mark.parametrize("name", ["sequential", "threads"])
@pytest.mark.parametrize(("images", "threads"), [(1, 3), (2, 1)])
def test_a_single_image_has_the_threads_that_several_would_not_leave_idle(jobs, name, images, threads):
    with opencv_threads(3), batch_strategy(plan_of(jobs[:images]), name) as strategy:
        outcomes = strategy.run(lambda _: cv2.getNumThreads(), [Task(0, None, "the number")])
        assert [outcome.value for outcome in outcomes] == [threads]
        assert machine.usable_cpus() == 3


@pytest.mark.pixels
@pytest.mark.parametrize("name", ["sequential", "processes"])
@pytest.mark.parametrize(("engine", "side"), [("opencv", 120), ("multiscale", 1500)])
def test_a_single_image_has_the_bytes_that_it_has_among_others(tmp_path, name, engine, side):
    for index in range(2):
        save_scene(tmp_path / "in" / f"{index}.png", index, side, side)
    files = sorted((tmp_path / "in").iterdir())
    for output, inputs in (("one", files[:1]), ("two", files)):
        plan = make_plan(inputs, tmp_path / output, Settings(engine=engine, iterations=1, emit=("cutout", "mask")))
        with opencv_threads(2), batch_strategy(plan, name) as strategy:
            assert {record.status for record in run_jobs(plan, strategy)} == {"ok"}
    for file in (tmp_path / "one").glob("*.png"):
        assert file.read_bytes() == (tmp_path / "two" / file.name).read_bytes()


def test_a_batch_of_files_that_are_no_images_has_a_worker_to_say_so(tmp_path, free):
    free(10**9)
    (tmp_path / "broken.jpg").write_text("this is text")
    job = Job(tmp_path / "broken.jpg", {"cutout": tmp_path / "broken.png"})
    assert batch_strategy(plan_of(largest_first([job])), "threads").workers == 1


def test_a_refused_header_takes_no_worker_away(jobs, free, tmp_path):
    free(8 * 4 * MEGAPIXEL * (92 + 16))
    header = b"P6 60000 60000 255\n"
    (tmp_path / "huge.ppm").write_bytes(header + b"pixels")
    huge = Job(tmp_path / "huge.ppm", {"cutout": tmp_path / "huge.png"})
    todo = largest_first([*jobs, huge])
    assert todo[0].source == huge.source
    assert batch_strategy(plan_of(todo, engine="exact"), "threads").workers == 8


def test_a_disk_too_full_for_the_journal_costs_the_images_that_it_cannot_name(photos, tmp_path):
    plan = make_plan(photos, tmp_path / "out", Settings(emit=("mask",)))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))  # masks are smaller, the journal of all is not
    try:
        records = list(run_plan(plan, strategy="sequential"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    failed = [record for record in records if record.status == "failed"]
    assert 0 < len(failed) < len(plan.todo) == len(records)
    assert all("the journal cannot be kept" in str(record.error) for record in failed)
    assert all(record.outputs[0].exists() == (record.status == "ok") for record in records)

    rest = make_plan(photos, tmp_path / "out", plan.settings, resume=True)
    assert {record.status for record in run_plan(rest, strategy="sequential")} == {"ok"}
    assert len(rest.todo) + len(rest.done) == len(plan.todo)
    assert rest.done


class Deadly(Strategy):
    """Every worker dies in the middle of writing."""

    workers = 1

    def run(self, function, tasks, *, budget_bytes=None):  # noqa: ARG002
        for task in tasks:
            for path in task.value.outputs.values():
                path.parent.mkdir(exist_ok=True)
                Path(temporary_name(str(path))).write_bytes(b"half")
            error = WorkerLostError("killed")
            yield Outcome(index=task.index, error=error, created_s=0, started_s=0, ended_s=0, received_s=0)


def hidden(folder):
    return [name for name in os.listdir(folder) if name.startswith(TEMPORARY_PREFIX) and name.endswith(".tmp")]


def test_what_dying_workers_leave_half_written_is_removed(photos, tmp_path):
    plan = make_plan(photos, tmp_path, Settings(emit=("cutout", "mask")))
    assert {record.status for record in run_jobs(plan, Deadly())} == {"failed"}
    assert hidden(tmp_path) == []

    records = run_jobs(plan, Deadly())
    next(records)
    assert len(hidden(tmp_path)) == 2
    records.close()  # as Ctrl-C does
    assert hidden(tmp_path) == []


def test_what_a_killed_batch_left_half_written_is_removed_when_it_is_resumed(photos, tmp_path):
    jobs = make_plan(photos, tmp_path, Settings()).todo
    with Journal(tmp_path, Settings()) as journal:
        journal.take(jobs[0])
    for job in jobs[:2]:
        Path(temporary_name(str(job.outputs["cutout"]))).write_bytes(b"half")
    next(run_plan(make_plan(photos, tmp_path, Settings(), resume=True), strategy="sequential"))
    assert len(hidden(tmp_path)) == 1  # another's, for all we know
