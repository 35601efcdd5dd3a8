"""One large photograph: from file to file beside the floor (see `benchmarks.files`), and in all threads beside one."""

from functools import partial
from pathlib import Path

import pytest

from benchmarks.files import FILE_MP, LARGE_MP, floor_of, make_job, segment
from benchmarks.measure import Measure, Reference
from bgremove.batch.worker import cut_file
from bgremove.formats import read
from bgremove.preparation import Preparation
from bgremove.remove import initial_labels
from bgremove.settings import Settings

pytestmark = [pytest.mark.quick, pytest.mark.gate]


def test_file_to_file(measure: Measure, tmp_path: Path) -> None:
    """In one thread. The speed-up is the floor's share of the time."""
    with Preparation("multiscale")():
        job = make_job(0, tmp_path, FILE_MP)
        whole, floor = partial(cut_file, job, Settings()), Reference("the floor", floor_of(job))
        measure(whole, group=f"from file to file: {FILE_MP} MP", images=1, reference=floor)


def test_threads_of_one_image(measure: Measure, tmp_path: Path) -> None:
    """`multiscale` alone, in all threads."""
    with Preparation("multiscale", threads=None)():
        job = make_job(0, tmp_path, LARGE_MP)
        assert job.rect is not None
        photo = read(job.source)
        labels = initial_labels(photo, job.rect)
        one = Reference("one thread", partial(segment, photo, labels, alone=True))
        work = partial(segment, photo, labels, alone=False)
        measure(work, group=f"multiscale: {LARGE_MP} MP", images=1, reference=one)
