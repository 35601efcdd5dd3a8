"""The command from bucket to bucket where requests fail: what that costs, and what is said."""

import socket
import threading
import time

import pytest
from fsspec.config import conf

from bgremove.batch import make_plan, run_plan
from bgremove.settings import Settings
from tests.s3_server import CUT, LOSE, outputs, proxy, through

pytestmark = pytest.mark.whole_run

IMPATIENT = {"config_kwargs": {"read_timeout": 3, "retries": {"total_max_attempts": 1}}}


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
