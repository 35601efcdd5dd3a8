"""Headers are read a window ahead of the work, and names are kept small."""

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from bgremove.batch import headers, make_plan, plan, run_plan
from bgremove.batch.headers import in_windows
from bgremove.batch.job import Job
from bgremove.batch.jobs import Jobs
from bgremove.batch.sources import Source
from bgremove.settings import Settings
from tests.samples import save_scene

PIXELS = [5, 9, 7, 1, 4, 8, 2, 6]


@pytest.fixture
def read(monkeypatch):
    """Windows of three; gives the list of files whose headers were read. Those called by a number have as many."""
    names = []
    monkeypatch.setattr(headers, "WINDOW", 3)
    monkeypatch.setattr(plan, "WINDOW", 3)
    monkeypatch.setattr(headers, "header_pixels", lambda path: names.append(path.name) or int(path.stem))
    return names


def of_sources(names):
    return Jobs([Source(Path("in"), name) for name in names], lambda source: Job(source.path, {}))


def test_of_each_window_the_largest_comes_first_and_each_header_is_read_once(read):
    jobs = of_sources(f"{pixels}.png" for pixels in PIXELS)
    assert [job.pixels for job in in_windows(jobs)] == [9, 7, 5, 8, 4, 1, 6, 2]
    assert sorted(read) == sorted(f"{pixels}.png" for pixels in PIXELS)
    read.clear()
    assert [job.pixels for job in in_windows(list(in_windows(jobs)))] == [9, 7, 5, 8, 4, 1, 6, 2]
    assert len(read) == len(PIXELS)
    assert list(in_windows(Jobs(()))) == []


def test_the_first_image_waits_for_two_windows_of_headers_at_most(read):
    running = in_windows(of_sources(f"{number}.png" for number in range(1000)))
    next(running)
    assert len(read) <= 6
    running.close()
    assert len(read) <= 6


def test_closing_ends_the_reading(monkeypatch):
    read, begun, closing = [], threading.Event(), threading.Event()

    def header_pixels(path):
        read.append(path)
        if len(read) > headers.WINDOW:
            begun.set()
            closing.wait()
            time.sleep(0.01)
        return 1

    monkeypatch.setattr(headers, "header_pixels", header_pixels)
    running = in_windows(of_sources(f"{number}.png" for number in range(2 * headers.WINDOW)))
    next(running)
    begun.wait()
    closing.set()
    running.close()
    assert len(read) < 2 * headers.WINDOW
    assert not [each for each in threading.enumerate() if each.name.startswith("bgremove-headers")]


def test_planning_reads_the_headers_of_one_window_and_running_those_of_the_others(read, tmp_path):
    for name in PIXELS:
        save_scene(tmp_path / f"in/{name}.png", name)
    made = make_plan(tmp_path / "in", tmp_path / "out", Settings())
    assert [job.pixels for job in made.todo] == [4, 2, 1, None, None, None, None, None]
    assert len(read) == 3
    records = list(run_plan(made, strategy="sequential"))
    assert [record.pixels for record in records] == [4, 2, 1, 7, 6, 5, 9, 8]
    assert len(read) == len(PIXELS)


_NAMES = """
import sys, tracemalloc
from pathlib import Path
from bgremove.batch.plan import plan_jobs
from bgremove.batch.sources import Source
from bgremove.settings import Settings

tracemalloc.start()
folder, count = Path("photos"), int(sys.argv[1])
sources = [Source(folder, f"a folder/photograph-{number:07}.jpg") for number in range(count)]
jobs = plan_jobs(sources, Path("out"), Settings(emit=("cutout", "mask")))
assert len(jobs) == count
print(*(size // count for size in tracemalloc.get_traced_memory()))
"""


@pytest.mark.whole_run
def test_a_name_takes_little_memory(environment):
    # In a process of its own: a table of Python's that grows with names by all tests would be counted, too.
    python = [sys.executable, "-c", _NAMES, "20000"]
    done = subprocess.run(python, env=environment, capture_output=True, text=True, timeout=100, check=True)
    size, peak = map(int, done.stdout.split())
    # The name itself is 86; two paths would be 1,000. Python 3.12 keeps the parts of every path for ever.
    assert size < (700 if sys.version_info[:2] == (3, 12) else 400)
    assert peak < 800
