"""What is left behind when a worker is killed or hangs, the user interrupts, or the disk is full."""

import json
import os
import resource
import signal
import subprocess
import sys
import time

import psutil
import pytest

from bgremove.batch.journal import NAME
from tests.samples import save_scene

LARGE = "large.png"

pytestmark = pytest.mark.whole_run


@pytest.fixture
def folder(tmp_path):
    """Five small images, and a large one that takes seconds and is started first."""
    for seed in range(5):
        save_scene(tmp_path / "in" / f"{seed}.png", seed)
    save_scene(tmp_path / "in" / LARGE, 9, 800, 1000)
    return tmp_path


def make_quick(folder):
    """What is left for a resumed batch takes no seconds any more."""
    if LARGE not in written(folder):
        save_scene(folder / "in" / LARGE, 9)


@pytest.fixture
def start(folder, environment):
    """Starts the batch in a process of its own; whatever is left of it is killed at the end."""
    processes = []

    def run(*arguments):
        line = [sys.executable, "-m", "bgremove", "remove", folder / "in", "-o", folder / "out"]
        line += ["--engine", "opencv", "--json", folder / "report.json", *arguments]
        line += [] if "sequential" in arguments else ["--workers", "2"]
        process = subprocess.Popen(line, env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True)
        processes.append(process)
        return process

    yield run
    for process in processes:
        for left in session_of(process):
            left.kill()
        process.wait()
        process.stderr.close()


def session_of(process):
    """The processes of a batch, orphans included: it leads a session of its own."""
    found = []
    for each in psutil.process_iter():
        try:
            if os.getsid(each.pid) == process.pid and each.status() != psutil.STATUS_ZOMBIE:
                found.append(each)
        except (ProcessLookupError, psutil.NoSuchProcess):
            continue
    return found


def wait_until(condition):
    end = time.monotonic() + 100
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def only_large_is_left(folder):
    journal = folder / "out" / NAME
    return journal.exists() and journal.read_text().count('"done"') == 5


def written(folder):
    return sorted(os.listdir(folder / "out"))


def report(folder):
    return {
        os.path.basename(image["path"]): image for image in json.loads((folder / "report.json").read_text())["images"]
    }


def busy(process):
    """The worker that has the large image: all others wait."""
    before = {each: sum(each.cpu_times()[:2]) for each in session_of(process) if each.pid != process.pid}
    time.sleep(0.5)
    return max(before, key=lambda each: sum(each.cpu_times()[:2]) - before[each])


SMALL = [NAME, *(f"{seed}.png" for seed in range(5))]


@pytest.mark.parametrize("strategy", ["processes", "pool"])
def test_a_killed_worker_costs_its_image_only(start, folder, strategy):
    process = start("--strategy", strategy)
    wait_until(lambda: only_large_is_left(folder))
    busy(process).send_signal(signal.SIGKILL)
    _, stderr = process.communicate(timeout=100)
    assert process.returncode == 1, stderr
    assert written(folder) == SMALL
    assert LARGE in stderr
    assert "SIGKILL" in report(folder)[LARGE]["error"]
    assert [image["status"] for image in report(folder).values()].count("ok") == 5
    wait_until(lambda: not session_of(process))


def test_a_hanging_worker_is_stopped_after_the_time_limit(start, folder):
    process = start("--timeout", "4.5")
    wait_until(lambda: only_large_is_left(folder))
    # Stopped, it hangs for sure, however fast the machine is.
    busy(process).send_signal(signal.SIGSTOP)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 1, stderr
    assert written(folder) == SMALL
    assert "4.5" in report(folder)[LARGE]["error"]
    wait_until(lambda: not session_of(process))


@pytest.mark.parametrize("strategy", ["processes", "pool", "dask", "threads", "sequential"])
def test_ctrl_c_leaves_nothing_half_done_and_resume_does_the_rest(start, folder, strategy):
    process = start("--strategy", strategy)
    if strategy in {"sequential", "dask"}:  # under which a small one waits for the large one to end
        wait_until((folder / "out" / NAME).exists)
    else:
        wait_until(lambda: only_large_is_left(folder))
    # A terminal sends it to the whole group, workers included.
    os.killpg(process.pid, signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130, stderr
    assert "Traceback" not in stderr
    assert set(written(folder)) <= {*SMALL, LARGE}
    wait_until(lambda: not session_of(process))

    make_quick(folder)
    again = start("--resume")
    _, stderr = again.communicate(timeout=100)
    assert again.returncode == 0, stderr
    assert written(folder) == [*SMALL, LARGE]


def test_a_killed_batch_leaves_no_orphans_and_can_be_resumed(start, folder):
    process = start()
    wait_until(lambda: only_large_is_left(folder))
    process.kill()
    process.wait()
    wait_until(lambda: not session_of(process))
    make_quick(folder)
    again = start("--resume")
    _, stderr = again.communicate(timeout=100)
    assert again.returncode == 0, stderr
    assert "5 skipped" in stderr or "6 skipped" in stderr
    assert written(folder) == [*SMALL, LARGE]


def test_a_full_disk_loses_only_what_did_not_fit(folder, environment):
    def limit():
        # To a process, a file that may not grow is a disk that is full: the write fails half-way.
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    line = [sys.executable, "-m", "bgremove", "remove", folder / "in", "-o", folder / "out", "--iterations", "1"]
    save_scene(folder / "in" / LARGE, 9, 300, 400)
    result = subprocess.run(
        line, env=environment, capture_output=True, text=True, preexec_fn=limit, check=False, timeout=60
    )
    assert result.returncode == 1, result.stderr
    assert written(folder) == SMALL
    assert LARGE in result.stderr
    assert "File too large" in result.stderr
    again = subprocess.run(
        [*line, "--resume"], env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert again.returncode == 0, again.stderr
    assert "1 ok, 5 skipped, 0 failed" in again.stderr
    assert written(folder) == [*SMALL, LARGE]
