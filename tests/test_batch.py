"""How many workers a batch has: what CPUs, memory and the number of images allow."""

import pytest

from bgremove import machine
from bgremove.batch import batch_strategy
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


@pytest.mark.parametrize(("engine", "workers"), [("opencv", 2), ("exact", 5), ("multiscale", 8), ("auto", 8)])
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
