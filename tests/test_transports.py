import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, closing, suppress
from types import SimpleNamespace

import numpy as np
import pytest

from bgremove.errors import ImageError, UsageError, WorkerLostError
from bgremove.strategies import Task, make_strategy, transports
from bgremove.strategies.transports import TRANSPORTS, make_transport


@pytest.fixture(autouse=True)
def memory(tmp_path, monkeypatch):
    """The folder that stands for shared memory, and must be empty after each test."""
    folder = tmp_path / "memory"
    folder.mkdir()
    monkeypatch.setattr(transports, "_MEMORY", folder)
    yield folder
    assert list(folder.iterdir()) == []


def tasks_of(*values):
    return [Task(index, value, f"task {index}") for index, value in enumerate(values)]


def invert(value):
    if isinstance(value, str):
        raise ImageError(value)
    image, rect = value
    image[:] = 255 - image
    return {"image": image, "rect": rect, "same": image}


@pytest.mark.parametrize("name", ["sequential", "threads", "processes", "pool"])
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_values_arrive_unchanged_and_errors_stay_with_their_task(transport, name):
    random = np.random.default_rng(0)
    images = [random.integers(0, 256, (40 + i, 30, 3), np.uint8) for i in range(5)]
    images += [images[0][::2, ::3], np.zeros((0, 4), np.uint8), np.asfortranarray(images[1][..., 0])]
    values = [(image.copy(order="K"), (1, 2, 3, index)) for index, image in enumerate(images)]
    with make_strategy(name, workers=None if name == "sequential" else 2) as strategy:
        outcomes = {
            outcome.index: outcome
            for outcome in make_transport(transport).run(strategy, invert, tasks_of(*values, "no image"))
        }
    assert sorted(outcomes) == list(range(len(images) + 1))
    assert type(outcomes[len(images)].error) is ImageError
    for index, image in enumerate(images):
        assert outcomes[index].error is None
        result = outcomes[index].value
        assert (result["image"] == 255 - image).all()
        assert result["image"].shape == image.shape
        assert result["rect"] == (1, 2, 3, index)
        assert result["same"] is result["image"]
        result["image"][:] = 0  # writable


def shape(image):
    return image.shape


def test_arrays_are_in_memory_only_while_their_task_is_in_flight(memory):
    drawn = []

    def lazily():
        for index in range(40):
            drawn.append(index)
            yield Task(index, np.zeros((100, 100), np.uint8), "")

    with (
        make_strategy("processes", workers=2) as strategy,
        closing(make_transport("shared_memory").run(strategy, shape, lazily())) as outcomes,
    ):
        for count, _ in enumerate(outcomes, 1):
            assert len(list(memory.glob("*/*"))) <= 4
            assert len(drawn) <= count + 4


def die_or_wait(array):
    if array[0] == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.05)
    return array


def test_a_killed_worker_leaves_no_memory_behind(memory):
    values = [np.full(1000, index == 1) for index in range(6)]
    with make_strategy("processes", workers=2) as strategy:
        outcomes = make_transport("shared_memory").run(strategy, die_or_wait, tasks_of(*values))
        errors = {outcome.index: outcome.error for outcome in outcomes}
        assert isinstance(errors.pop(1), WorkerLostError)
        assert set(errors.values()) == {None}
        assert list(memory.iterdir()) == []


@pytest.mark.parametrize("name", ["threads", "processes", "pool"])
def test_a_run_that_is_closed_leaves_no_memory_behind(name, memory):
    with make_strategy(name, workers=2) as strategy:
        outcomes = make_transport("shared_memory").run(strategy, die_or_wait, tasks_of(*[np.zeros(10)] * 9))
        next(outcomes)
        outcomes.close()
        assert list(memory.iterdir()) == []


def test_where_no_more_files_may_be_opened_no_memory_is_left_behind(memory):
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    with make_strategy("sequential") as strategy:
        outcomes = make_transport("shared_memory").run(strategy, shape, tasks_of(np.zeros(10)))
        next(outcomes)
        with ExitStack() as files:
            above = max(map(int, os.listdir("/dev/fd"))) + 8
            resource.setrlimit(resource.RLIMIT_NOFILE, (above, before[1]))
            files.callback(resource.setrlimit, resource.RLIMIT_NOFILE, before)
            with suppress(OSError):
                while True:
                    files.enter_context(open(os.devnull, "rb"))
            outcomes.close()
    assert list(memory.iterdir()) == []


def test_a_value_for_which_memory_and_disk_are_full_crosses_the_pipe():
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    with make_strategy("sequential") as strategy:
        outcomes = make_transport("shared_memory").run(strategy, shape, tasks_of(*map(np.zeros, (10, 10_000, 10))))
        try:
            # To a process, a file that may not grow is a disk that is full.
            resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
            values = [outcome.value for outcome in outcomes]
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert values == [(10,), (10_000,), (10,)]


@pytest.mark.parametrize("free", [0, 16 * 2**20, 64 * 2**20])
def test_arrays_for_which_memory_has_no_room_cross_all_the_same(memory, monkeypatch, free):
    # As in a container: what lies in the folder takes from what is free.
    def disk_usage(folder):
        used = sum(file.stat().st_size for file in memory.glob("*/*")) if memory in folder.parents else 0
        largest.append(used)
        return SimpleNamespace(free=free - used if memory in folder.parents else 2**40)

    largest = []
    monkeypatch.setattr(transports.shutil, "disk_usage", disk_usage)
    images = [np.full((2000, 3000, 3), index, np.uint8) for index in range(4)]
    with make_strategy("threads", workers=2) as strategy:
        outcomes = list(make_transport("shared_memory").run(strategy, np.copy, tasks_of(*images)))
    assert [outcome.error for outcome in outcomes] == [None] * 4
    assert all((outcome.value == outcome.index).all() for outcome in outcomes)
    assert max(largest) <= free


@pytest.mark.parametrize("left", ["disk", "pipe"])
def test_without_memory_that_can_be_written_to_arrays_cross_all_the_same(memory, tmp_path, monkeypatch, left):
    monkeypatch.setattr(transports, "_MEMORY", tmp_path / "not there")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path if left == "disk" else tmp_path / "not there"))
    with make_strategy("processes", workers=2) as strategy:
        outcomes = list(make_transport("shared_memory").run(strategy, np.copy, tasks_of(*[np.ones(100_000)] * 4)))
    assert [outcome.value.sum() for outcome in outcomes] == [100_000] * 4
    assert list(tmp_path.iterdir()) == [memory]


SCRIPT = """
import os, sys, time
from pathlib import Path
import numpy as np
from bgremove.strategies import transports
from bgremove.strategies import Task, make_strategy

def wait(array):
    time.sleep(float(array[0]))
    return array

if __name__ == "__main__":
    transports._MEMORY = Path(sys.argv[1])
    with make_strategy("processes", workers=2, start_method=sys.argv[3]) as strategy:
        tasks = [Task(index, np.full(1000, float(sys.argv[2])), "") for index in range(6)]
        for outcome in transports.make_transport("shared_memory").run(strategy, wait, tasks):
            assert outcome.error is None, outcome.error
"""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_nothing_is_said_at_exit(memory, environment, tmp_path, method):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    line = [sys.executable, "-W", "error", script, memory, "0", method]
    ended = subprocess.run(line, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


def test_what_a_killed_process_left_is_removed_by_the_next_and_what_a_live_one_has_is_not(
    memory, environment, tmp_path
):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    line = [sys.executable, script, memory, "60", "forkserver"]
    process = subprocess.Popen(line, env=environment, stderr=subprocess.DEVNULL)
    try:
        while len(list(memory.glob("*run*/*"))) < 4:
            assert process.poll() is None
            time.sleep(0.05)
        (folder,) = memory.iterdir()
        run_once()
        assert folder.exists()
    finally:
        process.kill()
        process.wait()
    end = time.monotonic() + 100
    while folder.exists():
        assert time.monotonic() < end
        run_once()
        time.sleep(0.05)


def test_a_link_that_somebody_else_put_there_is_not_followed(memory, tmp_path):
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "photo.jpg").touch()
    (memory / "bgremove-run-link").symlink_to(tmp_path / "precious")
    run_once()
    (memory / "bgremove-run-link").unlink()
    assert (tmp_path / "precious" / "photo.jpg").exists()


def run_once():
    with make_strategy("sequential") as strategy:
        list(make_transport("shared_memory").run(strategy, shape, tasks_of(np.zeros(3))))


def test_an_unknown_transport_is_refused():
    with pytest.raises(UsageError, match="pickle, shared_memory"):
        make_transport("pigeon")
