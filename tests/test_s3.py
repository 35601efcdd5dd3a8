"""The command from bucket to bucket: real processes, a real server, and what goes wrong between them."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from fsspec.config import conf, set_conf_env

from bgremove import cli, remove_backgrounds
from bgremove.batch import make_plan, run_plan
from bgremove.settings import Settings
from bgremove.storage.s3 import s3_options
from bgremove.strategies import STRATEGIES
from tests.s3_server import CUT, LOSE, proxy, use

pytestmark = pytest.mark.whole_run

NAMES = [f"{number}.png" for number in range(6)]
IMPATIENT = {"config_kwargs": {"read_timeout": 3, "retries": {"total_max_attempts": 1}}}


@pytest.fixture(scope="module")
def cutouts(photos, tmp_path_factory):
    """What comes out, by name."""
    folder = tmp_path_factory.mktemp("cutouts")
    remove_backgrounds(photos, folder, strategy="sequential")
    return {name: (folder / name).read_bytes() for name in NAMES}


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


@pytest.fixture
def told(monkeypatch, capsys, tmp_path):
    """Runs the command in this process, and gives its exit status and what it has told on standard error."""
    monkeypatch.chdir(tmp_path)

    def run(variables, *arguments):
        use(monkeypatch, variables)
        status = cli.run([str(argument) for argument in arguments])
        return status, capsys.readouterr().err

    return run


def through(url, bucket):
    return {**bucket.environment, "AWS_ENDPOINT_URL": url}


def outputs(bucket):
    """What is written into the folder `out`, hidden files left aside."""
    return {key.removeprefix("out/"): bucket.get(key) for key in bucket.listed() if re.match(r"out/[^.]", key)}


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


def test_every_tenth_request_may_fail(bucket, photos, cutouts, told):
    bucket.put_folder(photos, "in")
    failed = []

    def fail(number, method, path):
        if number % 10 == 0:
            failed.append(path)
            return 500 + number % 4
        return None

    with proxy(bucket.endpoint, fail) as url:
        line = ["remove", f"{bucket.url}/in/", "-o", f"{bucket.url}/out/", "--strategy", "processes"]
        status, error = told(through(url, bucket), *line)
        assert (status, outputs(bucket)) == (0, cutouts), error
        assert told(through(url, bucket), *line, "--resume") == (0, "0 ok, 6 skipped, 0 failed\n")
    assert failed


def refuse_notes(_number, _method, path):
    return 403 if "/.bgremove-journal-" in path else None


def test_a_run_whose_notes_are_refused_is_resumed_all_the_same(bucket, photos, cutouts, told):
    bucket.put_folder(photos, "in")
    line = ["remove", f"{bucket.url}/in/", "-o", f"{bucket.url}/out/", "--strategy", "threads"]
    with proxy(bucket.endpoint, refuse_notes) as url:
        status, error = told(through(url, bucket), *line)
    assert (status, outputs(bucket)) == (0, cutouts), error
    assert told(bucket.environment, *line, "--resume") == (0, "0 ok, 6 skipped, 0 failed\n")
    bucket.put("out/.bgremove-journal-0", b"no note")
    with proxy(bucket.endpoint, refuse_notes) as url:
        assert told(through(url, bucket), *line, "--resume") == (0, "0 ok, 6 skipped, 0 failed\n")


def test_a_lost_answer_to_a_put_is_no_conflict(bucket, photos, cutouts, told):
    bucket.put_folder(photos, "in")
    lost = []

    def lose(number, method, path):
        if method == "PUT" and path.endswith("/0.png") and not lost:
            lost.append(path)
            return LOSE
        return None

    with proxy(bucket.endpoint, lose) as url:
        status, _ = told(through(url, bucket), "remove", f"{bucket.url}/in/", "-o", f"{bucket.url}/out/")
    assert (status, outputs(bucket)) == (0, cutouts)
    assert lost


def test_one_object_that_cannot_be_had_costs_itself_only(bucket, photos, cutouts, told, monkeypatch):
    monkeypatch.setitem(conf, "s3", IMPATIENT)
    bucket.put_folder(photos, "in")
    cuts, ended = [], threading.Event()
    reads = iter(["header", "all"])

    def meddle(number, method, path):
        if path.endswith("/in/1.png"):
            return 503
        if path.endswith("/in/2.png") and next(reads) == "all":
            ended.wait(100)
        if path.endswith("/in/3.png") and len(cuts) < 2:
            cuts.append(path)
            return CUT
        if method == "PUT" and path.endswith("/out/4.png"):
            return 403
        return None

    with proxy(bucket.endpoint, meddle) as url:
        line = ["remove", f"{bucket.url}/in/", "-o", f"{bucket.url}/out/", "--strategy", "threads", "--workers", "4"]
        status, error = told(through(url, bucket), *line)
        ended.set()
    assert status == 1
    assert set(outputs(bucket)) == {"0.png", "3.png", "5.png"}, error
    assert outputs(bucket).items() <= cutouts.items()
    reasons = [line for line in error.splitlines() if line.startswith("failed: ")]
    expected = {"in/1.png": "503", "in/2.png": "does not answer in time", "out/4.png": "access is denied"}
    for name, reason in expected.items():
        assert any(f"{bucket.url}/{name}: " in line and reason in line for line in reasons), (name, error)


def test_an_object_that_has_vanished_costs_itself_only(bucket, photos):
    bucket.put_folder(photos, "in")
    plan = make_plan(f"{bucket.url}/in", f"{bucket.url}/out", Settings())
    bucket.delete("in/2.png")
    failed = [record for record in run_plan(plan, strategy="threads") if record.status != "ok"]
    assert [str(record.error) for record in failed] == [f"{bucket.url}/in/2.png: there is no such file"]


def test_what_is_wrong_with_all_is_said_at_once(bucket, photos, told):
    bucket.put_folder(photos, "in")
    denied = []

    def deny(number, method, path):
        denied.append(method)
        return 403 if method == "PUT" else None

    missing = f"{bucket.url}-missing"
    assert "no such bucket" in told(bucket.environment, "remove", f"{missing}/in", "-o", "out")[1]
    assert "no such bucket" in told(bucket.environment, "remove", f"{bucket.url}/in", "-o", f"{missing}/out")[1]
    with proxy(bucket.endpoint, deny) as url:
        status, error = told(through(url, bucket), "remove", f"{bucket.url}/in", "-o", f"{bucket.url}/out")
    assert (status, denied.count("PUT")) == (2, 1)
    assert f"error: {bucket.url}/out: it cannot be written to (access is denied to these credentials)" in error


def test_missing_credentials_are_said_within_seconds(bucket, photos, told, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:  # where a machine in the cloud would ask for credentials
        variables = {
            "AWS_ENDPOINT_URL": bucket.endpoint,
            "AWS_EC2_METADATA_SERVICE_ENDPOINT": f"http://127.0.0.1:{silent.getsockname()[1]}",
            "HOME": str(tmp_path),
        }
        began = time.monotonic()
        status, error = told(variables, "remove", photos, "-o", f"{bucket.url}/out")
        assert time.monotonic() - began < 20
    assert status == 2
    assert "there are no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE" in error


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
