"""The command from bucket to bucket: real processes, a real server. What fails between them: `test_s3_faults`."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from fsspec.config import conf, set_conf_env

from bgremove import remove_backgrounds
from bgremove.storage.s3 import s3_options
from bgremove.strategies import STRATEGIES
from tests.s3_server import outputs, proxy, through

pytestmark = pytest.mark.whole_run

NAMES = [f"{number}.png" for number in range(6)]


@pytest.fixture
def started(environment, tmp_path):
    """Starts the command with other variables in its environment."""
    running = []

    def start(variables, *arguments):
        line = [sys.executable, "-m", "bgremove", *map(str, arguments)]
        process = subprocess.Popen(
            line,
            env={**environment, "HOME": str(tmp_path), **variables},
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        running.append(process)
        return process

    yield start
    for process in running:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_strategy_writes_the_same_into_a_bucket(strategy, bucket, photos, cutouts, started, tmp_path):
    bucket.put_folder(photos, "in")
    line = ["remove", f"{bucket.url}/in/", "-o", f"{bucket.url}/out/", "--strategy", strategy]
    # In a process of its own: the server that a pool forks from has the environment of the first pool of a process.
    process = started(bucket.environment, *line, "--json", "figures.json")
    error = process.communicate(timeout=200)[1]
    assert (process.returncode, outputs(bucket)) == (0, cutouts), error
    images = json.loads((tmp_path / "figures.json").read_text())["images"]
    assert {image["path"] for image in images} == {f"{bucket.url}/in/{name}" for name in NAMES}
    assert {image["output"] for image in images} == {f"{bucket.url}/out/{name}" for name in NAMES}
    assert os.listdir(tmp_path) == ["figures.json"]  # in particular no folder called s3:


def test_a_dry_run_rects_and_resuming(bucket, photos, cutouts, told, tmp_path):
    bucket.put_folder(photos, "in")
    source, target = f"{bucket.url}/in/", f"{bucket.url}/out/"
    status, error = told(bucket.environment, "remove", source, "-o", target, "--dry-run")
    assert status == 0
    assert "6 to do" in error
    assert outputs(bucket) == {}
    assert told(bucket.environment, "rects", source, "-o", "rects.csv")[0] == 0
    lines = (tmp_path / "rects.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in lines[1:]] == [f"{bucket.url}/in/{name}" for name in NAMES]
    with_rects = ["remove", source, "-o", target, "--rects", "rects.csv", "--resume"]
    assert told(bucket.environment, *with_rects)[0] == 0
    bucket.delete("out/3.png")
    status, error = told(bucket.environment, *with_rects)
    assert (status, error.splitlines()[-1]) == (0, "1 ok, 5 skipped, 0 failed")


def test_a_run_that_is_killed_leaves_whole_files_and_is_resumed(bucket, photos, cutouts, started, told):
    bucket.put_folder(photos, "in")
    go_on = threading.Event()
    written = iter(range(1, 100))

    def hold_back_the_third(number, method, path):
        if method == "PUT" and ".bgremove" not in path and next(written) > 2:
            go_on.wait(100)

    line = ["remove", f"{bucket.url}/in/", "-o", f"{bucket.url}/out/", "--strategy", "processes", "--workers", "2"]
    with proxy(bucket.endpoint, hold_back_the_third) as url:
        process = started(through(url, bucket), *line)
        wait_for(lambda: len(outputs(bucket)) == 2, process)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        found = outputs(bucket)
        go_on.set()
    assert found.items() <= cutouts.items()
    status, error = told(bucket.environment, *line, "--resume")
    assert (status, outputs(bucket)) == (0, cutouts), error
    assert "0 failed" in error


def test_two_runs_at_once_write_each_file_once(bucket, photos, cutouts, started):
    bucket.put_folder(photos, "in")
    both = threading.Barrier(2, timeout=60)
    answers = []

    def wait_for_the_other(number, method, path):
        if method == "PUT" and path.endswith("/0.png"):
            both.wait()
            answers.append(path)

    line = ["remove", f"{bucket.url}/in/0.png", f"{bucket.url}/in/1.png", "-o", f"{bucket.url}/out/"]
    with proxy(bucket.endpoint, wait_for_the_other) as url:
        runs = [started(through(url, bucket), *line, "--strategy", "sequential") for _ in range(2)]
        ends = [(run.communicate(timeout=100)[1], run.returncode) for run in runs]
    assert [status for _, status in ends] == [0, 0], ends
    assert len(answers) == 2
    assert outputs(bucket).items() <= cutouts.items()
    assert len(outputs(bucket)) == 2


def test_the_limits_that_the_page_shows_are_used(monkeypatch):
    page = Path(__file__).parents[1] / "docs/how-to/s3.md"
    text = re.search(r"export FSSPEC_S3='(.*)'", page.read_text())[1]
    chosen = {}
    set_conf_env(chosen, {"FSSPEC_S3": text})
    monkeypatch.setitem(conf, "s3", chosen["s3"])
    options = s3_options()["config_kwargs"]
    assert (options["read_timeout"], options["retries"], options["connect_timeout"]) == (
        120,
        {"total_max_attempts": 10},
        5,
    )


def wait_for(condition, process=None):
    deadline = time.monotonic() + 100
    while not condition():
        assert process is None or process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_key_that_looks_like_that_of_a_version_is_read(bucket, photos, cutouts, tmp_path):
    bucket.put("in/x", (photos / "1.png").read_bytes())
    bucket.put("in/x?versionId=1/0.png", (photos / "0.png").read_bytes())
    with pytest.warns(UserWarning, match="1 without suffix"):
        (record,) = remove_backgrounds(f"{bucket.url}/in", tmp_path, recursive=True)
    assert record.error is None
    assert (tmp_path / "x?versionId=1/0.png").read_bytes() == cutouts["0.png"]
