"""How far a run is, for who has no terminal: by SIGUSR1, and in a file."""

import json
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from bgremove.batch import ImageRecord, Job, make_plan
from bgremove.batch.jobs import Jobs
from bgremove.batch.plan import Plan
from bgremove.batch.sources import find_sources
from bgremove.cli import run
from bgremove.cli.status import kept_in, told_on_signal
from bgremove.pace import Pace
from bgremove.settings import Settings
from tests.samples import save_scene

QUICK = ["--engine", "opencv", "--strategy", "sequential"]
signals = pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="there is no such signal here")


def test_a_status_is_whole_rewritten_once_a_second_and_says_how_it_ended(tmp_path):
    file, now_s = tmp_path / "status.json", 0.0
    pace = Pace("images", 4, lambda: now_s)
    seen = []
    with kept_in(file, pace, []) as update:
        for failed in (False, False, True):
            now_s += 0.6
            pace.add(failed=failed)
            update()
            seen.append(json.loads(file.read_text())["done"])
    assert seen == [0, 2, 2]
    content = json.loads(file.read_text())
    assert {name: content[name] for name in ("state", "total", "done", "failed", "elapsed_s")} == {
        "state": "ended", "total": 4, "done": 3, "failed": 1, "elapsed_s": 1.8,
    }  # fmt: skip
    assert (content["images_per_s"], content["left_s"]) == (1.667, 0.6)
    assert os.listdir(tmp_path) == ["status.json"]
    with pytest.raises(KeyboardInterrupt), kept_in(file, pace, []):
        raise KeyboardInterrupt
    assert json.loads(file.read_text())["state"] == "interrupted"


def test_a_status_that_cannot_be_written_meanwhile_stops_nothing(tmp_path):
    file, now_s = tmp_path / "folder/status.json", 0.0
    file.parent.mkdir()
    pace = Pace("images", 4, lambda: now_s)
    with kept_in(file, pace, []) as update:
        file.unlink()
        file.parent.rmdir()
        now_s = 2.0
        update()
        file.parent.mkdir()
    assert json.loads(file.read_text())["state"] == "ended"


@signals
def test_the_signal_has_a_line_and_its_handler_is_put_back(capfd):
    before = signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    try:
        pace = Pace("images", 3)
        with told_on_signal(pace):
            pace.add(failed=True)
            signal.raise_signal(signal.SIGUSR1)
        assert signal.getsignal(signal.SIGUSR1) is signal.SIG_IGN
        assert capfd.readouterr().err == "images: 1 of 3, 1 failed\n"
        with told_on_signal(pace):
            thread = threading.Thread(target=lambda: told_on_signal(pace).__enter__())
            thread.start()
            thread.join()
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_the_command_keeps_a_status(photos, tmp_path, capsys):
    file = tmp_path / "status.json"
    assert run(["remove", str(photos), "-o", str(tmp_path / "out"), "--status", str(file), *QUICK]) == 0
    content = json.loads(file.read_text())
    assert (content["state"], content["total"], content["done"]) == ("ended", 6, 6)


def test_a_status_is_there_before_it_is_known_how_many_images_there_are(photos, tmp_path, monkeypatch):
    file, seen = tmp_path / "status.json", []

    def look():
        content = json.loads(file.read_text())
        seen.append((content["state"], content["total"]))

    def plan(*inputs, **options):
        look()
        return make_plan(*inputs, **options)

    def run_plan(*_, **__):
        look()
        yield from ()

    monkeypatch.setattr("bgremove.cli.remove.make_plan", plan)
    monkeypatch.setattr("bgremove.cli.remove.run_plan", run_plan)
    assert run(["remove", str(photos), "-o", str(tmp_path / "out"), "--status", str(file)]) == 0
    assert seen == [("planning", None), ("running", 6)]


@signals
def test_the_signal_tells_that_it_is_planned_and_how_many_have_come_under_watch(tmp_path, monkeypatch, capfd):
    plan = Plan(tmp_path, Settings(), Jobs([Job(tmp_path / "a.png", {})] * 2))
    records = [ImageRecord(job.source, (), status) for job, status in zip(plan.todo, ("ok", "failed"), strict=True)]

    kept = []

    def plans(*_, **__):
        for each in (plan, plan):
            signal.raise_signal(signal.SIGUSR1)
            yield each
            content = json.loads(file.read_text())
            kept.append((content["state"], content["total"], content["done"], content["failed"]))
        signal.raise_signal(signal.SIGUSR1)

    monkeypatch.setattr("bgremove.cli.remove.watch_folders", plans)
    monkeypatch.setattr("bgremove.cli.remove.run_plan", lambda *_, **__: records)
    file = tmp_path / "s.json"
    assert run(["remove", str(tmp_path), "-o", str(tmp_path / "out"), "--watch", "-q", "--status", str(file)]) == 0
    told = [line for line in capfd.readouterr().err.splitlines() if line.startswith("images")]
    assert [line.split(",")[0] for line in told] == ["images: planning", "images: 2 of 2", "images: 4 of 4"]
    assert told[-1].endswith(", 2 failed")
    assert kept == [("running", 2, 2, 1), ("running", 4, 4, 2)], "whatever has passed since it was last written"
    assert json.loads(file.read_text())["state"] == "ended"


@signals
@pytest.mark.parametrize("line", [["rects", "-o", "r.csv"], ["compare", "--strategies", "sequential"]])
def test_the_signal_ends_no_other_command_either(line, photos, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    name = f"bgremove.cli.{line[0]}.find_sources"

    def asked(*arguments, **options):
        signal.raise_signal(signal.SIGUSR1)
        return find_sources(*arguments, **options)

    monkeypatch.setattr(name, asked)
    assert run([*line, str(photos / "0.png"), "--quiet"]) == 0
    assert "images: planning\n" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--status", "status.txt"], "call the file .json"),
        (["--status", "in.json", "in.json"], "is an input or an output"),
        (["--status", "in.json", "--json", "in.json"], "is an input or an output"),
        (["--json", "a.json", "--trace", "a.json"], "is an input or an output"),
        (["--status", "status.json", "--dry-run"], "leave --status"),
    ],
)
def test_what_a_status_or_another_file_cannot_be_is_refused(photos, tmp_path, capsys, options, message, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in.json").write_text("{}")
    assert run(["remove", str(photos), "-o", "out", *options]) == 2
    assert message in capsys.readouterr().err
    assert (tmp_path / "in.json").read_text() == "{}"


@pytest.mark.whole_run
@signals
def test_a_running_command_answers_the_signal_and_goes_on(tmp_path, environment):
    for seed in range(6):
        save_scene(tmp_path / f"in/{seed}.png", seed, 200, 200)
    line = [sys.executable, "-m", "bgremove", "remove", "in", "-o", "out", "--status", "s.json", "--quiet", *QUICK]
    with subprocess.Popen(line, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True) as process:
        end = time.monotonic() + 60
        while not (tmp_path / "s.json").exists() or "planning" in (tmp_path / "s.json").read_text():
            assert time.monotonic() < end
            time.sleep(0.02)
        process.send_signal(signal.SIGUSR1)
        _, told = process.communicate(timeout=100)
    assert process.returncode == 0
    assert told.startswith("images: ")
    assert told.splitlines()[0].split(",")[0].endswith(" of 6")
    assert json.loads((tmp_path / "s.json").read_text())["done"] == 6
